from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from harka.repositories.scope import Scope
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

# The outline of courses the reader may see, in order.
FIND_BY_COURSES = Statement(
    "module.find_by_courses",
    """SELECT m.id, m.course_id, m.position, m.title, m.created_at, m.updated_at, m.version
    FROM {schema}.module m JOIN {schema}.course c ON c.tenant_id = $1 AND c.id = m.course_id
    WHERE m.tenant_id = $1 AND m.course_id = ANY($4::uuid[])
      AND ($2::boolean OR c.status = 'published' OR EXISTS (
        SELECT FROM {schema}.enrollment e
        WHERE e.tenant_id = $1 AND e.user_id = $3::uuid AND e.course_id = c.id
          AND e.status <> 'withdrawn'))
    ORDER BY m.course_id, m.position, m.id""",
)

# The same for who sees everything: a third less to do.
FIND_ALL_BY_COURSES = Statement(
    "module.find_all_by_courses",
    """SELECT id, course_id, position, title, created_at, updated_at, version
    FROM {schema}.module WHERE tenant_id = $1 AND course_id = ANY($2::uuid[])
    ORDER BY course_id, position, id""",
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
