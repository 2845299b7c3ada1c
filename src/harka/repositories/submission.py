import enum
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from harka.repositories import file as files
from harka.repositories.file import File
from harka.repositories.page import (
    OLDEST_FIRST,
    Condition,
    Key,
    Order,
    Position,
    narrowed,
    pages,
)
from harka.repositories.scope import Scope, managed
from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class SubmissionOrder(enum.StrEnum):
    CREATED_AT = "created_at"
    SUBMITTED_AT = "submitted_at"


class Submission(msgspec.Struct, frozen=True):
    """`score`, `passed`, `graded_at`: None until it is graded. `graded_by`: None for a program, too."""

    id: UUID
    assignment_id: UUID
    enrollment_id: UUID
    text: str
    submitted_at: datetime
    is_late: bool
    score: float | None
    passed: bool | None
    feedback: str
    graded_at: datetime | None
    graded_by: UUID | None
    created_at: datetime
    updated_at: datetime
    version: int


class SubmissionFile(msgspec.Struct, frozen=True):
    submission_id: UUID
    file_id: UUID


_GRADED: Final = Condition("boolean", "(s.graded_at IS NOT NULL) = {}")
_LATE: Final = Condition("boolean", "s.is_late = {}")

# Submissions by id, of enrollments the reader may see.
FIND_VISIBLE = Statement(
    "submission.find_visible",
    f"""SELECT s.id, s.assignment_id, s.enrollment_id, s.text, s.submitted_at, s.is_late, s.score, s.passed,
      s.feedback, s.graded_at, s.graded_by, s.created_at, s.updated_at, s.version
    FROM {{schema}}.submission s
    JOIN {{schema}}.enrollment e ON e.tenant_id = $1 AND e.id = s.enrollment_id
    WHERE s.tenant_id = $1 AND s.id = ANY($4::uuid[])
      AND ($2::boolean OR e.user_id = $3::uuid OR {managed("e.user_id", "$5")})""",  # noqa: S608 - constants
)

_MATCHES: Final = f"""($2::boolean OR e.user_id = $3::uuid OR {managed("e.user_id", "$5")})
      AND {narrowed(_GRADED, _LATE, begin=6)}"""

# One page of the submissions for an assignment that the reader may see, in each order.
PAGES = pages(
    "submission.page",
    f"""SELECT s.id, s.assignment_id, s.enrollment_id, s.text, s.submitted_at, s.is_late, s.score, s.passed,
      s.feedback, s.graded_at, s.graded_by, s.created_at, s.updated_at, s.version
    FROM {{schema}}.submission s
    JOIN {{schema}}.enrollment e ON e.tenant_id = $1 AND e.id = s.enrollment_id
    WHERE s.tenant_id = $1 AND s.assignment_id = $4::uuid AND {_MATCHES} {{after}}
    ORDER BY {{order}} LIMIT $8""",  # noqa: S608 - constants
    {
        SubmissionOrder.CREATED_AT: Key("s.created_at", "timestamptz"),
        SubmissionOrder.SUBMITTED_AT: Key("s.submitted_at", "timestamptz"),
    },
    position=9,
    id_="s.id",
)

# How many there are of these.
COUNT = Statement(
    "submission.count",
    f"""SELECT count(*) FROM {{schema}}.submission s
    JOIN {{schema}}.enrollment e ON e.tenant_id = $1 AND e.id = s.enrollment_id
    WHERE s.tenant_id = $1 AND s.assignment_id = $4::uuid AND {_MATCHES}""",  # noqa: S608 - constants
)

# Submissions of enrollments the reader may see, oldest first.
FIND_BY_ENROLLMENTS = Statement(
    "submission.find_by_enrollments",
    f"""SELECT s.id, s.assignment_id, s.enrollment_id, s.text, s.submitted_at, s.is_late, s.score, s.passed,
      s.feedback, s.graded_at, s.graded_by, s.created_at, s.updated_at, s.version
    FROM unnest($4::uuid[]) AS asked (id)
    JOIN {{schema}}.enrollment e ON e.tenant_id = $1 AND e.id = asked.id
      AND ($2::boolean OR e.user_id = $3::uuid OR {managed("e.user_id", "$5")})
    JOIN {{schema}}.submission s ON s.tenant_id = $1 AND s.enrollment_id = e.id
    ORDER BY s.created_at, s.id""",  # noqa: S608 - constants
)

# Submissions as they were elsewhere; what there is already stays.
INSERT_MANY = Statement(
    "submission.insert_many",
    """INSERT INTO {schema}.submission
      (tenant_id, id, assignment_id, enrollment_id, text, submitted_at, is_late, score, passed, feedback,
       graded_at, graded_by, created_at, updated_at, version)
    SELECT $1::uuid, * FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::timestamptz[],
      $7::boolean[], $8::float8[], $9::boolean[], $10::text[], $11::timestamptz[], $12::uuid[],
      $13::timestamptz[], $14::timestamptz[], $15::int[])
    ON CONFLICT (tenant_id, enrollment_id, assignment_id) DO NOTHING""",
)

# What a person handed in for assignments, of several enrollments in a course for the latest.
OF_USER = Statement(
    "submission.of_user",
    """SELECT DISTINCT ON (s.assignment_id) s.id, s.assignment_id, s.enrollment_id, s.text, s.submitted_at,
      s.is_late, s.score, s.passed, s.feedback, s.graded_at, s.graded_by, s.created_at, s.updated_at,
      s.version
    FROM {schema}.enrollment e
    JOIN {schema}.submission s ON s.tenant_id = $1 AND s.enrollment_id = e.id
      AND s.assignment_id = ANY($3::uuid[])
    WHERE e.tenant_id = $1 AND e.user_id = $2::uuid
    ORDER BY s.assignment_id, s.created_at DESC""",
)

# Hand in, or hand in anew what was not graded yet; nothing comes of it when it was, or is of another version
# than was seen: NULL for any, 0 for none.
SUBMIT = Statement(
    "submission.submit",
    """INSERT INTO {schema}.submission AS kept
      (tenant_id, id, assignment_id, enrollment_id, text, submitted_at, is_late)
    SELECT $1::uuid, $2::uuid, $3::uuid, $4::uuid, $5::text, $6::timestamptz, $7::boolean
    WHERE coalesce($8::int, 0) = 0 OR EXISTS (
      SELECT FROM {schema}.submission s
      WHERE s.tenant_id = $1 AND s.enrollment_id = $4::uuid AND s.assignment_id = $3::uuid)
    ON CONFLICT (tenant_id, enrollment_id, assignment_id) DO UPDATE
    SET text = excluded.text, submitted_at = excluded.submitted_at, is_late = excluded.is_late,
      updated_at = now(), version = kept.version + 1
    WHERE kept.graded_at IS NULL AND ($8::int IS NULL OR kept.version = $8)
    RETURNING id, assignment_id, enrollment_id, text, submitted_at, is_late, score, passed, feedback,
      graded_at, graded_by, created_at, updated_at, version""",
)

# Take away the files of what is handed in anew.
CLEAR_FILES = Statement(
    "submission.clear_files",
    "DELETE FROM {schema}.submission_file WHERE tenant_id = $1 AND submission_id = $2::uuid",
)

# The files of what is handed in, in order.
ADD_FILES = Statement(
    "submission.add_files",
    """INSERT INTO {schema}.submission_file (tenant_id, submission_id, file_id, position)
    SELECT $1::uuid, $2::uuid, given.id, given.place
    FROM unnest($3::uuid[]) WITH ORDINALITY AS given (id, place)""",
)

# The files of many submissions, in order; not of what is not here.
ADD_FILES_OF_MANY = Statement(
    "submission.add_files_of_many",
    """INSERT INTO {schema}.submission_file (tenant_id, submission_id, file_id, position)
    SELECT $1::uuid, s.id, given.file_id, given.position
    FROM unnest($2::uuid[], $3::uuid[], $4::int[]) AS given (submission_id, file_id, position)
    JOIN {schema}.submission s ON s.tenant_id = $1 AND s.id = given.submission_id""",
)

# Which files belong to submissions, in order.
FILES = Statement(
    "submission.files",
    """SELECT submission_id, file_id FROM {schema}.submission_file
    WHERE tenant_id = $1 AND submission_id = ANY($2::uuid[]) ORDER BY submission_id, position""",
)

# Grade a submission of this version that the grader may see.
GRADE = Statement(
    "submission.grade",
    """UPDATE {schema}.submission
    SET score = $4::float8, passed = $5::boolean, feedback = $6::text, graded_at = now(),
      graded_by = $7::uuid, updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2::uuid AND version = $3::int
    RETURNING id, assignment_id, enrollment_id, text, submitted_at, is_late, score, passed, feedback,
      graded_at, graded_by, created_at, updated_at, version""",
)


async def find_by_enrollments(
    session: ShardSession, scope: Scope, enrollment_ids: Sequence[UUID]
) -> Sequence[Submission]:
    return await session.fetch_rows(
        Submission, FIND_BY_ENROLLMENTS, scope.everything, scope.user, enrollment_ids, scope.manager
    )


async def insert_many(session: ShardSession, rows: Sequence[Submission]) -> None:
    """Raise `ForeignKeyError` for an absent enrollment or assignment."""
    columns = [list(column) for column in zip(*map(msgspec.structs.astuple, rows), strict=True)]
    if columns:
        await session.execute(INSERT_MANY, *columns)


async def add_files(session: ShardSession, files: Mapping[UUID, Sequence[UUID]]) -> None:
    """By submission, in order; of those that are here. Raise `ForeignKeyError` for an unknown file."""
    rows = [
        (id_, file_id, place) for id_, found in files.items() for place, file_id in enumerate(found, start=1)
    ]
    if rows:
        await session.execute(ADD_FILES_OF_MANY, *(list(column) for column in zip(*rows, strict=True)))


async def find_visible(session: ShardSession, scope: Scope, ids: Sequence[UUID]) -> Sequence[Submission]:
    return await session.fetch_rows(
        Submission, FIND_VISIBLE, scope.everything, scope.user, ids, scope.manager
    )


async def page(
    session: ShardSession,
    scope: Scope,
    assignment_id: UUID,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
    graded: bool | None = None,
    is_late: bool | None = None,
) -> Sequence[Submission]:
    """`graded`, `is_late`: only those that are, or are not; None for both."""
    where = scope.everything, scope.user, assignment_id, scope.manager, graded, is_late
    return await session.fetch_rows(Submission, PAGES[order].of(after), *where, first, *(after or ()))


async def count(
    session: ShardSession,
    scope: Scope,
    assignment_id: UUID,
    *,
    graded: bool | None = None,
    is_late: bool | None = None,
) -> int:
    where = scope.everything, scope.user, assignment_id, scope.manager, graded, is_late
    return int(await session.fetch_value(COUNT, *where))


async def of_user(
    session: ShardSession, user_id: UUID, assignment_ids: Sequence[UUID]
) -> Sequence[Submission]:
    """At most one for each assignment."""
    return await session.fetch_rows(Submission, OF_USER, user_id, assignment_ids)


async def submit(
    session: ShardSession,
    submission: Submission,
    file_ids: Sequence[UUID],
    *,
    version: int | None,
) -> Submission | None:
    """As it is now. None: what was handed in before is graded, or not of the `version` that was seen.

    `version`: None for any, 0 for nothing handed in yet.
    """
    row = await session.fetch_row(
        SUBMIT,
        submission.id,
        submission.assignment_id,
        submission.enrollment_id,
        submission.text,
        submission.submitted_at,
        submission.is_late,
        version,
    )
    if row is None:
        return None
    made = Submission(*row)
    await session.execute(CLEAR_FILES, made.id)
    if file_ids:
        await session.execute(ADD_FILES, made.id, file_ids)
    return made


async def files_of(session: ShardSession, ids: Sequence[UUID]) -> dict[UUID, list[File]]:
    """By submission, in order; those without any are left out."""
    pairs = await session.fetch_rows(SubmissionFile, FILES, ids)
    wanted = list({each.file_id for each in pairs})
    found = {each.id: each for each in await files.find_by_ids(session, wanted)} if wanted else {}
    by_submission: dict[UUID, list[File]] = {}
    for pair in pairs:
        by_submission.setdefault(pair.submission_id, []).append(found[pair.file_id])
    return by_submission


async def grade(
    session: ShardSession,
    id_: UUID,
    version: int,
    *,
    score: float,
    passed: bool,
    feedback: str,
    by: UUID | None,
) -> Submission | None:
    """None: absent, or of another version."""
    row = await session.fetch_row(GRADE, id_, version, score, passed, feedback, by)
    return None if row is None else Submission(*row)
