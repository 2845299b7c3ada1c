from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from harka.repositories.scope import Scope
from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class Lesson(msgspec.Struct, frozen=True):
    """`kind`: such as video. `weight`: share of the course's progress, 0 for an optional lesson.

    `required`: no completion of the course without it.
    """

    id: UUID
    course_id: UUID
    module_id: UUID
    position: int
    title: str
    kind: str
    duration_minutes: int | None
    weight: float
    required: bool
    created_at: datetime
    updated_at: datetime
    version: int


# Lessons by id, of courses the reader may see.
FIND_VISIBLE = Statement(
    "lesson.find_visible",
    """SELECT l.id, l.course_id, l.module_id, l.position, l.title, l.kind, l.duration_minutes, l.weight,
      l.required, l.created_at, l.updated_at, l.version
    FROM {schema}.lesson l JOIN {schema}.course c ON c.tenant_id = $1 AND c.id = l.course_id
    WHERE l.tenant_id = $1 AND l.id = ANY($4::uuid[])
      AND ($2::boolean OR c.status = 'published' OR EXISTS (
        SELECT FROM {schema}.enrollment e
        WHERE e.tenant_id = $1 AND e.user_id = $3::uuid AND e.course_id = c.id
          AND e.status <> 'withdrawn'))""",
)

# Which courses lessons belong to, for rules that have checked the permission already.
COURSES_OF = Statement(
    "lesson.courses_of",
    """SELECT id, course_id FROM {schema}.lesson WHERE tenant_id = $1 AND id = ANY($2::uuid[])""",
)

# The lessons of courses the reader may see, in the order of the outline.
FIND_BY_COURSES = Statement(
    "lesson.find_by_courses",
    """SELECT l.id, l.course_id, l.module_id, l.position, l.title, l.kind, l.duration_minutes, l.weight,
      l.required, l.created_at, l.updated_at, l.version
    FROM {schema}.lesson l
    JOIN {schema}.module m ON m.tenant_id = $1 AND m.id = l.module_id
    JOIN {schema}.course c ON c.tenant_id = $1 AND c.id = l.course_id
    WHERE l.tenant_id = $1 AND l.course_id = ANY($4::uuid[])
      AND ($2::boolean OR c.status = 'published' OR EXISTS (
        SELECT FROM {schema}.enrollment e
        WHERE e.tenant_id = $1 AND e.user_id = $3::uuid AND e.course_id = c.id
          AND e.status <> 'withdrawn'))
    ORDER BY l.course_id, m.position, m.id, l.position, l.id""",
)

# The lessons of modules of courses the reader may see, in order.
FIND_BY_MODULES = Statement(
    "lesson.find_by_modules",
    """SELECT l.id, l.course_id, l.module_id, l.position, l.title, l.kind, l.duration_minutes, l.weight,
      l.required, l.created_at, l.updated_at, l.version
    FROM {schema}.module m
    JOIN {schema}.course c ON c.tenant_id = $1 AND c.id = m.course_id
    JOIN {schema}.lesson l ON l.tenant_id = $1 AND l.course_id = m.course_id AND l.module_id = m.id
    WHERE m.tenant_id = $1 AND m.id = ANY($4::uuid[])
      AND ($2::boolean OR c.status = 'published' OR EXISTS (
        SELECT FROM {schema}.enrollment e
        WHERE e.tenant_id = $1 AND e.user_id = $3::uuid AND e.course_id = c.id
          AND e.status <> 'withdrawn'))
    ORDER BY l.module_id, l.position, l.id""",
)

# The same for who sees everything: a fifth less to do.
FIND_ALL_BY_MODULES = Statement(
    "lesson.find_all_by_modules",
    """SELECT l.id, l.course_id, l.module_id, l.position, l.title, l.kind, l.duration_minutes, l.weight,
      l.required, l.created_at, l.updated_at, l.version
    FROM {schema}.module m
    JOIN {schema}.lesson l ON l.tenant_id = $1 AND l.course_id = m.course_id AND l.module_id = m.id
    WHERE m.tenant_id = $1 AND m.id = ANY($2::uuid[])
    ORDER BY l.module_id, l.position, l.id""",
)

# New lessons, in one statement however many.
INSERT_MANY = Statement(
    "lesson.insert_many",
    """INSERT INTO {schema}.lesson
      (tenant_id, id, course_id, module_id, position, title, kind, duration_minutes, weight,
       required, created_at, updated_at, version)
    SELECT $1::uuid, * FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::int[], $6::text[], $7::text[],
      $8::int[], $9::float8[], $10::boolean[], $11::timestamptz[], $12::timestamptz[],
      $13::int[])""",
)


async def find_visible(session: ShardSession, scope: Scope, ids: Sequence[UUID]) -> Sequence[Lesson]:
    return await session.fetch_rows(Lesson, FIND_VISIBLE, scope.everything, scope.user, ids)


async def find_by_courses(
    session: ShardSession, scope: Scope, course_ids: Sequence[UUID]
) -> Sequence[Lesson]:
    """Grouped by course, in the order of the outline."""
    return await session.fetch_rows(Lesson, FIND_BY_COURSES, scope.everything, scope.user, course_ids)


async def find_by_modules(
    session: ShardSession, scope: Scope, module_ids: Sequence[UUID]
) -> Sequence[Lesson]:
    """Grouped by module, in order."""
    if scope.everything:
        return await session.fetch_rows(Lesson, FIND_ALL_BY_MODULES, module_ids)
    return await session.fetch_rows(Lesson, FIND_BY_MODULES, scope.everything, scope.user, module_ids)


async def courses_of(session: ShardSession, ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """The course of each lesson, whoever may see it; unknown ids are left out."""
    return {row["id"]: row["course_id"] for row in await session.fetch(COURSES_OF, ids)}


async def insert_many(session: ShardSession, lessons: Sequence[Lesson]) -> None:
    columns = [list(column) for column in zip(*map(msgspec.structs.astuple, lessons), strict=True)]
    if columns:
        await session.execute(INSERT_MANY, *columns)
