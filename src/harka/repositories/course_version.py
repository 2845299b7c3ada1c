from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from harka.repositories.page import BEGINNING, Position
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


# Versions by id.
FIND_BY_IDS = Statement(
    "course_version.find_by_ids",
    """SELECT id, course_id, number, title, description, published_at, published_by, created_at,
      created_at AS updated_at, 1 AS version
    FROM {schema}.course_version WHERE tenant_id = $1 AND id = ANY($2::uuid[])""",
)

# One page of a course's versions, oldest first.
PAGE_OF_COURSE = Statement(
    "course_version.page_of_course",
    """SELECT id, course_id, number, title, description, published_at, published_by, created_at,
      created_at AS updated_at, 1 AS version
    FROM {schema}.course_version
    WHERE tenant_id = $1 AND course_id = $2::uuid AND (created_at, id) > ($3::timestamptz, $4::uuid)
    ORDER BY created_at, id LIMIT $5""",
)

# The first versions of each of many courses.
FIRST_OF_COURSES = Statement(
    "course_version.first_of_courses",
    """SELECT v.id, v.course_id, v.number, v.title, v.description, v.published_at, v.published_by,
      v.created_at, v.created_at AS updated_at, 1 AS version
    FROM unnest($2::uuid[]) AS parent (id) CROSS JOIN LATERAL (
      SELECT * FROM {schema}.course_version WHERE tenant_id = $1 AND course_id = parent.id
      ORDER BY created_at, id LIMIT $3) AS v
    ORDER BY v.created_at, v.id""",
)

# How many versions each of many courses has.
COUNT_OF_COURSES = Statement(
    "course_version.count_of_courses",
    """SELECT course_id AS parent, count(*) AS versions FROM {schema}.course_version
    WHERE tenant_id = $1 AND course_id = ANY($2::uuid[]) GROUP BY course_id""",
)

# What was in courses when they were published, in order, as JSON.
MODULES = Statement(
    "course_version.modules",
    """SELECT id, modules::text FROM {schema}.course_version
    WHERE tenant_id = $1 AND id = ANY($2::uuid[])""",
)

# Keep what courses are now, who are published, as the version that they are at.
KEEP_MANY = Statement(
    "course_version.keep_many",
    """INSERT INTO {schema}.course_version
      (tenant_id, id, course_id, number, title, description, modules, published_at, published_by)
    SELECT $1::uuid, uuidv7(), c.id, c.course_version, c.title, c.description,
      (SELECT coalesce(jsonb_agg(jsonb_build_object('id', m.id, 'title', m.title, 'lessons', (
          SELECT coalesce(jsonb_agg(jsonb_build_object('id', l.id, 'title', l.title, 'kind', l.kind,
            'duration_minutes', l.duration_minutes, 'weight', l.weight, 'required', l.required)
            ORDER BY l.position, l.id), '[]')
          FROM {schema}.lesson l
          WHERE l.tenant_id = $1 AND l.course_id = c.id AND l.module_id = m.id
        )) ORDER BY m.position, m.id), '[]')
        FROM {schema}.module m WHERE m.tenant_id = $1 AND m.course_id = c.id),
      now(), $3::uuid
    FROM {schema}.course c
    WHERE c.tenant_id = $1 AND c.id = ANY($2::uuid[]) AND c.status = 'published'""",
)


async def find_by_ids(session: ShardSession, ids: Sequence[UUID]) -> Sequence[CourseVersion]:
    """In no particular order, unknown ids are left out."""
    return await session.fetch_rows(CourseVersion, FIND_BY_IDS, ids)


async def page_of_course(
    session: ShardSession, course_id: UUID, *, after: Position | None, first: int
) -> Sequence[CourseVersion]:
    """Oldest first."""
    return await session.fetch_rows(CourseVersion, PAGE_OF_COURSE, course_id, *(after or BEGINNING), first)


async def first_of_courses(
    session: ShardSession, course_ids: Sequence[UUID], *, first: int
) -> Sequence[CourseVersion]:
    """The first `first` of each course, oldest first."""
    return await session.fetch_rows(CourseVersion, FIRST_OF_COURSES, course_ids, first)


async def count_of_courses(session: ShardSession, course_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Courses without any are left out."""
    return {row["parent"]: row["versions"] for row in await session.fetch(COUNT_OF_COURSES, course_ids)}


async def modules(session: ShardSession, ids: Sequence[UUID]) -> dict[UUID, str]:
    """JSON by version: [{id title lessons: [{id title kind duration_minutes weight required}]}]."""
    return {row["id"]: row["modules"] for row in await session.fetch(MODULES, ids)}


async def keep_many(session: ShardSession, course_ids: Sequence[UUID], *, by: UUID | None) -> None:
    """Of those that are published, and held by the writer; once for each time they are."""
    await session.execute(KEEP_MANY, course_ids, by)
