from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from harka.repositories.scope import Scope, unless_beyond
from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class Module(msgspec.Struct, frozen=True):
    """A part of a course; `position` counts from 0."""

    id: UUID
    course_id: UUID
    position: int
    title: str
    created_at: datetime
    updated_at: datetime
    version: int


# Modules by id, of courses the reader may see.
FIND_VISIBLE = Statement(
    "module.find_visible",
    """SELECT m.id, m.course_id, m.position, m.title, m.created_at, m.updated_at, m.version
    FROM {schema}.module m JOIN {schema}.course c ON c.tenant_id = $1 AND c.id = m.course_id
    WHERE m.tenant_id = $1 AND m.id = ANY($4::uuid[])
      AND ($2::boolean OR c.status = 'published' OR EXISTS (
        SELECT FROM {schema}.enrollment e
        WHERE e.tenant_id = $1 AND e.user_id = $3::uuid AND e.course_id = c.id
          AND e.status <> 'withdrawn'))""",
)

# The outline of courses the reader may see, in order; see `lesson.FIND_IN_MODULES_OF`.
FIND_BY_COURSES = Statement(
    "module.find_by_courses",
    """SELECT id, course_id, position, title, created_at, updated_at, version
    FROM {schema}.module WHERE tenant_id = $1 AND course_id = ANY(ARRAY(
      SELECT c.id FROM {schema}.course c
      WHERE c.tenant_id = $1 AND c.id = ANY($4::uuid[])
        AND ($2::boolean OR c.status = 'published' OR EXISTS (
          SELECT FROM {schema}.enrollment e
          WHERE e.tenant_id = $1 AND e.user_id = $3::uuid AND e.course_id = c.id
            AND e.status <> 'withdrawn'))))
    ORDER BY course_id, position, id""",
)

# The same for who sees everything.
FIND_ALL_BY_COURSES = Statement(
    "module.find_all_by_courses",
    """SELECT id, course_id, position, title, created_at, updated_at, version
    FROM {schema}.module WHERE tenant_id = $1 AND course_id = ANY($2::uuid[])
    ORDER BY course_id, position, id""",
)

# Modules by id, for rules that have checked the permission already.
FIND_BY_IDS = Statement(
    "module.find_by_ids",
    """SELECT id, course_id, position, title, created_at, updated_at, version
    FROM {schema}.module WHERE tenant_id = $1 AND id = ANY($2::uuid[])""",
)

# How many modules a course has.
COUNT = Statement(
    "module.count", "SELECT count(*) FROM {schema}.module WHERE tenant_id = $1 AND course_id = $2::uuid"
)

# Change what is given, unless someone else changed the module.
UPDATE = Statement(
    "module.update",
    """UPDATE {schema}.module
    SET title = coalesce($4::text, title), updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2::uuid AND version = $3::int
    RETURNING id, course_id, position, title, created_at, updated_at, version""",
)

# A new version of a module whose list of lessons changes; a version of NULL stands for any.
TOUCH = Statement(
    "module.touch",
    """UPDATE {schema}.module SET updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2::uuid AND ($3::int IS NULL OR version = $3)
    RETURNING id, course_id, position, title, created_at, updated_at, version""",
)

# Put all modules of a course into the given order; answers whether exactly those were given.
REORDER = Statement(
    "module.reorder",
    """WITH wanted AS (
      SELECT id, place - 1 AS position FROM unnest($3::uuid[]) WITH ORDINALITY AS given (id, place)
    ), matched AS (
      SELECT (SELECT count(*) FROM wanted) = count(m.id) AND count(w.id) = count(m.id) AS exact
      FROM {schema}.module m LEFT JOIN wanted w ON w.id = m.id
      WHERE m.tenant_id = $1 AND m.course_id = $2::uuid
    ), moved AS (
      UPDATE {schema}.module m
      SET position = w.position, updated_at = now(), version = version + 1
      FROM wanted w, matched
      WHERE m.tenant_id = $1 AND m.course_id = $2::uuid AND m.id = w.id AND m.position <> w.position
        AND matched.exact
    )
    SELECT exact FROM matched""",
)

# Take a module away, with its lessons and the progress in them; those behind it move up. Where learners have
# worked in it, only when that may go too. Answers how many lessons the course has left, if it was done.
# Counted: for the first row alone the planner might read the table from end to end.
DELETE = Statement(
    "module.delete",
    f"""WITH gone AS (
      DELETE FROM {{schema}}.module m
      WHERE m.tenant_id = $1 AND m.id = $2::uuid AND ($3::boolean AND ($4::uuid IS NULL OR (
        SELECT coalesce(sum(beyond.count), 0) FROM {{schema}}.lesson t CROSS JOIN LATERAL (
          SELECT count(*) FROM {{schema}}.lesson_progress p
          JOIN {{schema}}.enrollment e ON e.tenant_id = $1 AND e.id = p.enrollment_id
          WHERE p.tenant_id = $1 AND p.lesson_id = t.id AND NOT {unless_beyond("e.user_id", "$4")}
        ) AS beyond
        WHERE t.tenant_id = $1 AND t.course_id = m.course_id AND t.module_id = m.id
      ) = 0) OR (
        SELECT coalesce(sum(worked.count), 0) FROM {{schema}}.lesson l CROSS JOIN LATERAL (
          SELECT count(*) FROM {{schema}}.lesson_progress p WHERE p.tenant_id = $1 AND p.lesson_id = l.id
        ) AS worked
        WHERE l.tenant_id = $1 AND l.course_id = m.course_id AND l.module_id = m.id
      ) = 0)
      RETURNING m.id, m.course_id, m.position
    ), moved AS (
      UPDATE {{schema}}.module m SET position = m.position - 1, updated_at = now(), version = version + 1
      FROM gone WHERE m.tenant_id = $1 AND m.course_id = gone.course_id AND m.position > gone.position
    )
    SELECT (SELECT count(*) FROM {{schema}}.lesson l
      WHERE l.tenant_id = $1 AND l.course_id = gone.course_id AND l.module_id <> gone.id) AS count
    FROM gone""",  # noqa: S608 - constants
)

# New modules, in one statement however many.
INSERT_MANY = Statement(
    "module.insert_many",
    """INSERT INTO {schema}.module
      (tenant_id, id, course_id, position, title, created_at, updated_at, version)
    SELECT $1::uuid, * FROM unnest($2::uuid[], $3::uuid[], $4::int[], $5::text[],
      $6::timestamptz[], $7::timestamptz[], $8::int[])""",
)


async def find_visible(session: ShardSession, scope: Scope, ids: Sequence[UUID]) -> Sequence[Module]:
    return await session.fetch_rows(Module, FIND_VISIBLE, scope.everything, scope.user, ids)


async def find_by_courses(
    session: ShardSession, scope: Scope, course_ids: Sequence[UUID]
) -> Sequence[Module]:
    """Grouped by course, in the order of the outline."""
    if scope.everything:
        return await session.fetch_rows(Module, FIND_ALL_BY_COURSES, course_ids)
    return await session.fetch_rows(Module, FIND_BY_COURSES, scope.everything, scope.user, course_ids)


async def insert_many(session: ShardSession, modules: Sequence[Module]) -> None:
    columns = [list(column) for column in zip(*map(msgspec.structs.astuple, modules), strict=True)]
    if columns:
        await session.execute(INSERT_MANY, *columns)


async def find(session: ShardSession, id_: UUID) -> Module | None:
    """Whoever may see it."""
    row = await session.fetch_row(FIND_BY_IDS, [id_])
    return None if row is None else Module(*row)


async def count(session: ShardSession, course_id: UUID) -> int:
    return int(await session.fetch_value(COUNT, course_id))


async def update(
    session: ShardSession, id_: UUID, version: int, *, title: str | None = None
) -> Module | None:
    """None stands for "as it is" in a value; as an answer: absent, or of another version."""
    row = await session.fetch_row(UPDATE, id_, version, title)
    return None if row is None else Module(*row)


async def touch(session: ShardSession, id_: UUID, version: int | None = None) -> Module | None:
    """None: absent, or of another version."""
    row = await session.fetch_row(TOUCH, id_, version)
    return None if row is None else Module(*row)


async def reorder(session: ShardSession, course_id: UUID, ids: Sequence[UUID]) -> bool:
    """Whether `ids`, which differ, are all modules of the course; otherwise nothing is done."""
    return bool(await session.fetch_value(REORDER, course_id, ids))


async def delete(session: ShardSession, scope: Scope, id_: UUID, *, with_progress: bool) -> int | None:
    """How many lessons the course has left. None: nothing was done, for there is progress.

    The course and the lessons of the module must be held.
    """
    row = await session.fetch_row(DELETE, id_, with_progress, scope.manager)
    return None if row is None else int(row[0])
