import enum
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from harka.repositories.page import (
    CREATED,
    OLDEST_FIRST,
    UPDATED,
    Condition,
    Key,
    Order,
    Position,
    narrowed,
    pages,
)
from harka.repositories.scope import Scope
from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class PathStatus(enum.StrEnum):
    DRAFT = "draft"
    PUBLISHED = "published"
    ARCHIVED = "archived"


class LearningPathOrder(enum.StrEnum):
    CREATED_AT = "created_at"
    TITLE = "title"
    UPDATED_AT = "updated_at"


class LearningPath(msgspec.Struct, frozen=True):
    """`status`: a `PathStatus`. `required_count`: of its courses, None for all.

    `certificate_days`: how long a certificate is valid, None for ever.
    """

    id: UUID
    title: str
    description: str
    status: str
    is_sequential: bool
    required_count: int | None
    awards_certificate: bool
    certificate_days: int | None
    published_at: datetime | None
    archived_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int


class PathCourse(msgspec.Struct, frozen=True):
    """A course of a path. `status`: of the course."""

    path_id: UUID
    course_id: UUID
    status: str


_MATCHES: Final = narrowed(
    Condition("text", "p.status = {}"),
    Condition("text", "position(lower({}) IN lower(p.title)) > 0"),
    begin=4,
)
_VISIBLE: Final = """($2::boolean OR p.status = 'published' OR EXISTS (
        SELECT FROM {schema}.learning_path_enrollment e
        WHERE e.tenant_id = $1 AND e.user_id = $3::uuid AND e.path_id = p.id AND e.status <> 'withdrawn'))"""

# Paths by id that the reader may see.
FIND_VISIBLE = Statement(
    "path.find_visible",
    f"""SELECT id, title, description, status, is_sequential, required_count, awards_certificate,
      certificate_days, published_at, archived_at, created_at, updated_at, version
    FROM {{schema}}.learning_path p
    WHERE p.tenant_id = $1 AND id = ANY($4::uuid[]) AND {_VISIBLE}""",  # noqa: S608 - constants
)

# One page of the paths the reader may see, in each order.
PAGES = pages(
    "path.page",
    f"""SELECT id, title, description, status, is_sequential, required_count, awards_certificate,
      certificate_days, published_at, archived_at, created_at, updated_at, version
    FROM {{schema}}.learning_path p
    WHERE p.tenant_id = $1 AND {_MATCHES} AND {_VISIBLE} {{after}}
    ORDER BY {{order}} LIMIT $6""",  # noqa: S608 - constants
    {
        LearningPathOrder.CREATED_AT: CREATED,
        LearningPathOrder.TITLE: Key("title", "text"),
        LearningPathOrder.UPDATED_AT: UPDATED,
    },
    position=7,
)

# How many paths the reader may see.
COUNT = Statement(
    "path.count",
    f"""SELECT count(*) FROM {{schema}}.learning_path p
    WHERE p.tenant_id = $1 AND {_MATCHES} AND {_VISIBLE}""",  # noqa: S608 - constants
)

# A new path.
INSERT = Statement(
    "path.insert",
    """INSERT INTO {schema}.learning_path
      (tenant_id, id, title, description, status, is_sequential, required_count, awards_certificate,
       certificate_days, published_at, archived_at, created_at, updated_at, version)
    VALUES ($1, $2::uuid, $3::text, $4::text, $5::text, $6::boolean, $7::int, $8::boolean, $9::int,
      $10::timestamptz, $11::timestamptz, $12::timestamptz, $13::timestamptz, $14::int)""",
)

# Hold a path against every other writer of it.
HOLD = Statement(
    "path.hold",
    """SELECT id, title, description, status, is_sequential, required_count, awards_certificate,
      certificate_days, published_at, archived_at, created_at, updated_at, version
    FROM {schema}.learning_path WHERE tenant_id = $1 AND id = $2::uuid FOR NO KEY UPDATE""",
)

# The status of a path, which cannot change before this transaction ends.
LOCK_STATUS = Statement(
    "path.lock_status",
    "SELECT status FROM {schema}.learning_path WHERE tenant_id = $1 AND id = $2::uuid FOR SHARE",
)

# Write all that can change of a path that is held.
UPDATE = Statement(
    "path.update",
    """UPDATE {schema}.learning_path
    SET title = $3::text, description = $4::text, status = $5::text, is_sequential = $6::boolean,
      required_count = $7::int, awards_certificate = $8::boolean, certificate_days = $9::int,
      published_at = $10::timestamptz, archived_at = $11::timestamptz, updated_at = now(),
      version = version + 1
    WHERE tenant_id = $1 AND id = $2::uuid
    RETURNING id, title, description, status, is_sequential, required_count, awards_certificate,
      certificate_days, published_at, archived_at, created_at, updated_at, version""",
)

# The courses of many paths, in order.
COURSES_OF = Statement(
    "path.courses_of",
    """SELECT k.path_id, k.course_id, c.status
    FROM {schema}.learning_path_course k
    JOIN {schema}.course c ON c.tenant_id = $1 AND c.id = k.course_id
    WHERE k.tenant_id = $1 AND k.path_id = ANY($2::uuid[]) ORDER BY k.path_id, k.position, k.course_id""",
)

# Published paths that lead through courses; $3: through those with limited seats alone.
PUBLISHED_WITH = Statement(
    "path.published_with",
    """SELECT DISTINCT w.id FROM {schema}.learning_path_course k
    JOIN {schema}.learning_path w ON w.tenant_id = $1 AND w.id = k.path_id AND w.status = 'published'
    JOIN {schema}.course c ON c.tenant_id = $1 AND c.id = k.course_id AND c.status = 'published'
      AND (NOT $3::boolean OR c.seats IS NOT NULL)
    WHERE k.tenant_id = $1 AND k.course_id = ANY($2::uuid[]) ORDER BY w.id""",
)

# Let a path lead through these courses and no others, in this order.
SET_COURSES = Statement(
    "path.set_courses",
    """WITH gone AS (
      DELETE FROM {schema}.learning_path_course
      WHERE tenant_id = $1 AND path_id = $2::uuid AND course_id <> ALL($3::uuid[])
    )
    INSERT INTO {schema}.learning_path_course AS k (tenant_id, path_id, course_id, position)
    SELECT $1::uuid, $2::uuid, course_id, place - 1
    FROM unnest($3::uuid[]) WITH ORDINALITY AS given (course_id, place)
    ON CONFLICT (tenant_id, path_id, course_id) DO UPDATE SET position = excluded.position""",
)


async def find_visible(session: ShardSession, scope: Scope, ids: Sequence[UUID]) -> Sequence[LearningPath]:
    """In no particular order; `scope`: authors see all, others what is published or taken by them."""
    return await session.fetch_rows(LearningPath, FIND_VISIBLE, scope.everything, scope.user, ids)


async def list_page(
    session: ShardSession,
    scope: Scope,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
    status: str | None = None,
    title: str | None = None,
) -> Sequence[LearningPath]:
    """`title`: a part of it, in any case. None for any, here and below."""
    asked = (scope.everything, scope.user, status, title, first, *(after or ()))
    return await session.fetch_rows(LearningPath, PAGES[order].of(after), *asked)


async def count(
    session: ShardSession, scope: Scope, *, status: str | None = None, title: str | None = None
) -> int:
    return int(await session.fetch_value(COUNT, scope.everything, scope.user, status, title))


async def insert(session: ShardSession, path: LearningPath) -> None:
    await session.execute(INSERT, *msgspec.structs.astuple(path))


async def hold(session: ShardSession, id_: UUID) -> LearningPath | None:
    """Until this transaction ends nobody else changes it; None: absent."""
    row = await session.fetch_row(HOLD, id_)
    return None if row is None else LearningPath(*row)


async def lock_status(session: ShardSession, id_: UUID) -> str | None:
    """Held against change until this transaction ends; None: absent."""
    row = await session.fetch_row(LOCK_STATUS, id_)
    return None if row is None else str(row["status"])


async def update(session: ShardSession, path: LearningPath) -> LearningPath:
    """Write `path`, which is held; answers the next version."""
    row = await session.fetch_row(UPDATE, *msgspec.structs.astuple(path)[:10])
    assert row is not None  # noqa: S101 - it is held
    return LearningPath(*row)


async def courses_of(session: ShardSession, ids: Sequence[UUID]) -> Sequence[PathCourse]:
    """Grouped by path, in order."""
    return await session.fetch_rows(PathCourse, COURSES_OF, ids)


async def published_with(
    session: ShardSession, course_ids: Collection[UUID], *, limited: bool = False
) -> list[UUID]:
    """Of courses that are published; `limited`: of those whose seats are."""
    return [row["id"] for row in await session.fetch(PUBLISHED_WITH, list(course_ids), limited)]


async def set_courses(session: ShardSession, id_: UUID, course_ids: Sequence[UUID]) -> None:
    """`course_ids` differ. Raise `ForeignKeyError` for an unknown one."""
    await session.execute(SET_COURSES, id_, course_ids)
