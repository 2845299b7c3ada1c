from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class Assignment(msgspec.Struct, frozen=True):
    """`points`: the highest score, `pass_percent` of which passes. `accepts`: a `SubmissionKind`.

    `completes_lesson`: passing finishes the lesson, and nothing else of the learner's does.
    """

    id: UUID
    lesson_id: UUID
    title: str
    instructions: str
    due_at: datetime | None
    points: int
    accepts: str
    pass_percent: int
    completes_lesson: bool
    created_at: datetime
    updated_at: datetime
    version: int


# Assignments by id, for rules that know which lessons may be read.
FIND_BY_IDS = Statement(
    "assignment.find_by_ids",
    """SELECT id, lesson_id, title, instructions, due_at, points, accepts, pass_percent, completes_lesson,
      created_at, updated_at, version
    FROM {schema}.assignment WHERE tenant_id = $1 AND id = ANY($2::uuid[])""",
)

# The assignments of lessons that may be read, oldest first.
FIND_BY_LESSONS = Statement(
    "assignment.find_by_lessons",
    """SELECT id, lesson_id, title, instructions, due_at, points, accepts, pass_percent, completes_lesson,
      created_at, updated_at, version
    FROM {schema}.assignment WHERE tenant_id = $1 AND lesson_id = ANY($2::uuid[])
    ORDER BY lesson_id, created_at, id""",
)

# A new assignment.
INSERT = Statement(
    "assignment.insert",
    """INSERT INTO {schema}.assignment
      (tenant_id, id, lesson_id, title, instructions, due_at, points, accepts, pass_percent,
       completes_lesson, created_at, updated_at, version)
    VALUES ($1, $2::uuid, $3::uuid, $4::text, $5::text, $6::timestamptz, $7::int, $8::text,
      $9::int, $10::boolean, $11::timestamptz, $12::timestamptz, $13::int)""",
)

# Write what an assignment says, unless someone else changed it.
UPDATE = Statement(
    "assignment.update",
    """UPDATE {schema}.assignment a
    SET title = $4::text, instructions = $5::text, due_at = $6::timestamptz, points = $7::int,
      pass_percent = $8::int, completes_lesson = $9::boolean, updated_at = now(), version = version + 1
    WHERE a.tenant_id = $1 AND a.id = $2::uuid AND a.version = $3::int
    RETURNING id, lesson_id, title, instructions, due_at, points, accepts, pass_percent, completes_lesson,
      created_at, updated_at, version""",
)

# Take an assignment away that nobody has handed anything in for, unless someone else changed it.
DELETE = Statement(
    "assignment.delete",
    """WITH gone AS (
      DELETE FROM {schema}.assignment a WHERE a.tenant_id = $1 AND a.id = $2::uuid AND a.version = $3::int
        AND NOT EXISTS (
          SELECT FROM {schema}.submission s WHERE s.tenant_id = $1 AND s.assignment_id = a.id)
      RETURNING a.id
    )
    SELECT count(*) FROM gone""",
)


async def find_by_ids(session: ShardSession, ids: Sequence[UUID]) -> Sequence[Assignment]:
    """Whoever may read them; in no particular order, unknown ids are left out."""
    return await session.fetch_rows(Assignment, FIND_BY_IDS, ids)


async def find_by_lessons(session: ShardSession, lesson_ids: Sequence[UUID]) -> Sequence[Assignment]:
    """Grouped by lesson, oldest first."""
    return await session.fetch_rows(Assignment, FIND_BY_LESSONS, lesson_ids)


async def insert(session: ShardSession, assignment: Assignment) -> None:
    await session.execute(INSERT, *msgspec.structs.astuple(assignment))


async def update(session: ShardSession, wanted: Assignment) -> Assignment | None:
    """If it is still of this version. None: absent, or of another version."""
    row = await session.fetch_row(
        UPDATE,
        wanted.id,
        wanted.version,
        wanted.title,
        wanted.instructions,
        wanted.due_at,
        wanted.points,
        wanted.pass_percent,
        wanted.completes_lesson,
    )
    return None if row is None else Assignment(*row)


async def delete(session: ShardSession, id_: UUID, version: int) -> bool:
    """Whether it was there, of this version, and nobody has handed anything in."""
    return bool(await session.fetch_value(DELETE, id_, version))
