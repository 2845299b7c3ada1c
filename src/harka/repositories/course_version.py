import enum
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from harka.repositories.page import (
    CREATED,
    OLDEST_FIRST,
    Condition,
    Key,
    Order,
    Position,
    beginnings,
    narrowed,
    pages,
)
from harka.repositories.scope import unless_beyond
from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class CourseVersion(msgspec.Struct, frozen=True):
    """A course as it was published, the `number`th time. It never changes, so neither does `version`.

    `published_by`: None for a program. What was in it is asked for apart: `modules`.
    """

    id: UUID
    course_id: UUID
    number: int
    title: str
    description: str
    published_at: datetime
    published_by: UUID | None
    created_at: datetime
    updated_at: datetime
    version: int


class CourseVersionOrder(enum.StrEnum):
    CREATED_AT = "created_at"
    NUMBER = "number"


class CourseVersionFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What is None leaves out nothing. `title`: a part of it, in any case.

    `published_from` matches itself, `published_before` does not.
    """

    title: str | None = None
    published_by: UUID | None = None
    published_from: datetime | None = None
    published_before: datetime | None = None


ALL: Final = CourseVersionFilter()

# Those of one course are few, and each order has an index of them.
_KEYS: Final[Mapping[str, Key]] = {
    CourseVersionOrder.CREATED_AT: CREATED,
    CourseVersionOrder.NUMBER: Key("number", "int"),
}

# The parameters are a manager of groups, who does not learn what people beyond these published, and the
# fields of the filter.
_MATCHES: Final = narrowed(
    Condition("text", "position(lower({}) IN lower(title)) > 0"),
    Condition("uuid", f"published_by = {{}} AND {unless_beyond('course_version.published_by', '$2')}"),
    Condition("timestamptz", "published_at >= {}"),
    Condition("timestamptz", "published_at < {}"),
    begin=3,
)

# Versions by id.
FIND_BY_IDS = Statement(
    "course_version.find_by_ids",
    """SELECT id, course_id, number, title, description, published_at, published_by, created_at,
      created_at AS updated_at, 1 AS version
    FROM {schema}.course_version WHERE tenant_id = $1 AND id = ANY($2::uuid[])""",
)

# One page of the versions of a course that match.
PAGES_OF_COURSE = pages(
    "course_version.page_of_course",
    f"""SELECT id, course_id, number, title, description, published_at, published_by, created_at,
      created_at AS updated_at, 1 AS version
    FROM {{schema}}.course_version
    WHERE tenant_id = $1 AND course_id = $7::uuid AND {_MATCHES} {{after}}
    ORDER BY {{order}} LIMIT $8""",  # noqa: S608 - constants
    _KEYS,
    position=9,
)

# The first matching versions of each of many courses.
FIRST_OF_COURSES = beginnings(
    "course_version.first_of_courses",
    f"""SELECT v.id, v.course_id, v.number, v.title, v.description, v.published_at, v.published_by,
      v.created_at, v.created_at AS updated_at, 1 AS version
    FROM unnest($7::uuid[]) AS parent (parent_id) CROSS JOIN LATERAL (
      SELECT * FROM {{schema}}.course_version
      WHERE tenant_id = $1 AND course_id = parent_id AND {_MATCHES}
      ORDER BY {{order}} LIMIT $8) AS v
    ORDER BY {{order}}""",  # noqa: S608 - constants
    _KEYS,
)

# How many matching versions each of many courses has.
COUNT_OF_COURSES = Statement(
    "course_version.count_of_courses",
    f"""SELECT course_id AS parent, count(*) AS versions FROM {{schema}}.course_version
    WHERE tenant_id = $1 AND course_id = ANY($7::uuid[]) AND {_MATCHES} GROUP BY course_id""",  # noqa: S608 - constants
)

# What was in courses when they were published, in order, as JSON.
MODULES = Statement(
    "course_version.modules",
    """SELECT id, modules::text FROM {schema}.course_version
    WHERE tenant_id = $1 AND id = ANY($2::uuid[])""",
)

# What is in course `c`, in order, as JSON.
_MODULES_NOW = """(SELECT coalesce(jsonb_agg(jsonb_build_object('id', m.id, 'title', m.title, 'lessons', (
          SELECT coalesce(jsonb_agg(jsonb_build_object('id', l.id, 'title', l.title, 'kind', l.kind,
            'duration_minutes', l.duration_minutes, 'weight', l.weight, 'required', l.required)
            ORDER BY l.position, l.id), '[]')
          FROM {schema}.lesson l
          WHERE l.tenant_id = $1 AND l.course_id = c.id AND l.module_id = m.id
        )) ORDER BY m.position, m.id), '[]')
        FROM {schema}.module m WHERE m.tenant_id = $1 AND m.course_id = c.id)"""

# Another version of a published course that is not what its last one was any more.
BEGIN_NEXT = Statement(
    "course_version.begin_next",
    f"""UPDATE {{schema}}.course c
    SET course_version = course_version + 1, updated_at = now(), version = version + 1
    WHERE c.tenant_id = $1 AND c.id = $2::uuid AND c.status = 'published' AND NOT EXISTS (
      SELECT FROM {{schema}}.course_version v
      WHERE v.tenant_id = $1 AND v.course_id = c.id AND v.number = c.course_version
        AND (v.title, v.description, v.modules) = (c.title, c.description, {_MODULES_NOW}))
    RETURNING id""",  # noqa: S608 - constants
)

# Keep what courses are now, who are published, as the version that they are at.
KEEP_MANY = Statement(
    "course_version.keep_many",
    f"""INSERT INTO {{schema}}.course_version
      (tenant_id, id, course_id, number, title, description, modules, published_at, published_by)
    SELECT $1::uuid, uuidv7(), c.id, c.course_version, c.title, c.description, {_MODULES_NOW}, now(), $3::uuid
    FROM {{schema}}.course c
    WHERE c.tenant_id = $1 AND c.id = ANY($2::uuid[]) AND c.status = 'published'""",  # noqa: S608 - constants
)


async def find_by_ids(session: ShardSession, ids: Sequence[UUID]) -> Sequence[CourseVersion]:
    """In no particular order, unknown ids are left out."""
    return await session.fetch_rows(CourseVersion, FIND_BY_IDS, ids)


async def page_of_course(
    session: ShardSession,
    course_id: UUID,
    only: CourseVersionFilter = ALL,
    *,
    manager: UUID | None = None,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
) -> Sequence[CourseVersion]:
    """`manager`: of groups, to whom nobody beyond them published anything; None for none."""
    asked = (manager, *msgspec.structs.astuple(only), course_id, first)
    return await session.fetch_rows(CourseVersion, PAGES_OF_COURSE[order].of(after), *asked, *(after or ()))


async def first_of_courses(
    session: ShardSession,
    course_ids: Sequence[UUID],
    only: CourseVersionFilter = ALL,
    *,
    manager: UUID | None = None,
    first: int,
    order: Order = OLDEST_FIRST,
) -> Sequence[CourseVersion]:
    """The first `first` of each course, in the order."""
    asked = (manager, *msgspec.structs.astuple(only), course_ids, first)
    return await session.fetch_rows(CourseVersion, FIRST_OF_COURSES[order], *asked)


async def count_of_courses(
    session: ShardSession,
    course_ids: Sequence[UUID],
    only: CourseVersionFilter = ALL,
    *,
    manager: UUID | None = None,
) -> dict[UUID, int]:
    """Courses without any are left out."""
    asked = (manager, *msgspec.structs.astuple(only), course_ids)
    return {row["parent"]: row["versions"] for row in await session.fetch(COUNT_OF_COURSES, *asked)}


async def modules(session: ShardSession, ids: Sequence[UUID]) -> dict[UUID, str]:
    """JSON by version: [{id title lessons: [{id title kind duration_minutes weight required}]}]."""
    return {row["id"]: row["modules"] for row in await session.fetch(MODULES, ids)}


async def begin_next(session: ShardSession, course_id: UUID) -> bool:
    """Whether the course, which the writer holds, has become another since it was published the last time."""
    return await session.fetch_value(BEGIN_NEXT, course_id) is not None


async def keep_many(session: ShardSession, course_ids: Sequence[UUID], *, by: UUID | None) -> None:
    """Of those that are published, and held by the writer; once for each time they are."""
    await session.execute(KEEP_MANY, course_ids, by)
