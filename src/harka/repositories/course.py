import enum
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypedDict, Unpack
from uuid import UUID

import msgspec

from harka.repositories.page import CREATED, OLDEST_FIRST, UPDATED, Key, Order, Position, pages
from harka.repositories.scope import Scope
from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class CourseStatus(enum.StrEnum):
    DRAFT = "draft"
    PUBLISHED = "published"
    ARCHIVED = "archived"


class CourseOrder(enum.StrEnum):
    """By which attribute."""

    CREATED_AT = "created_at"
    TITLE = "title"
    UPDATED_AT = "updated_at"


class CourseFilter(TypedDict, total=False):
    """What is absent or None leaves out nothing. `title`: what is part of it, in any case."""

    status: str | None
    title: str | None
    category_id: UUID | None
    tag_id: UUID | None


class Course(msgspec.Struct, frozen=True):
    """`status`: a `CourseStatus`. `seats`: None for any number. `version`: grows with every change.

    `completion_percent`: of the lessons by weight, beside all required ones, that complete it; with 0 the
    required ones alone do. `certificate_days`: how long a certificate is valid, None for ever.
    `self_enrollment`: whether people enroll themselves. `course_version`: how often it was published.
    """

    id: UUID
    code: str
    slug: str
    title: str
    description: str
    status: str
    published_at: datetime | None
    archived_at: datetime | None
    seats: int | None
    completion_percent: int
    awards_certificate: bool
    certificate_days: int | None
    category_id: UUID | None
    self_enrollment: bool
    course_version: int
    created_at: datetime
    updated_at: datetime
    version: int


class Held(msgspec.Struct, frozen=True):
    """What a rule must know of a course that it has locked."""

    id: UUID
    status: str
    seats: int | None
    self_enrollment: bool


# Courses by id, for rules that have checked the permission already.
FIND_BY_IDS = Statement(
    "course.find_by_ids",
    """SELECT id, code, slug, title, description, status, published_at, archived_at,
      seats, completion_percent, awards_certificate, certificate_days, category_id, self_enrollment,
      course_version, created_at, updated_at, version
    FROM {schema}.course WHERE tenant_id = $1 AND id = ANY($2::uuid[])""",
)

# Courses by id that the reader may see.
FIND_VISIBLE = Statement(
    "course.find_visible",
    """SELECT id, code, slug, title, description, status, published_at, archived_at,
      seats, completion_percent, awards_certificate, certificate_days, category_id, self_enrollment,
      course_version, created_at, updated_at, version
    FROM {schema}.course c
    WHERE c.tenant_id = $1 AND id = ANY($4::uuid[])
      AND ($2::boolean OR status = 'published' OR EXISTS (
        SELECT FROM {schema}.enrollment e
        WHERE e.tenant_id = $1 AND e.user_id = $3::uuid AND e.course_id = c.id
          AND e.status <> 'withdrawn'))""",
)

# Courses by code that the reader may see.
FIND_VISIBLE_BY_CODES = Statement(
    "course.find_visible_by_codes",
    """SELECT id, code, slug, title, description, status, published_at, archived_at,
      seats, completion_percent, awards_certificate, certificate_days, category_id, self_enrollment,
      course_version, created_at, updated_at, version
    FROM {schema}.course c
    WHERE c.tenant_id = $1 AND code = ANY($4::text[])
      AND ($2::boolean OR status = 'published' OR EXISTS (
        SELECT FROM {schema}.enrollment e
        WHERE e.tenant_id = $1 AND e.user_id = $3::uuid AND e.course_id = c.id
          AND e.status <> 'withdrawn'))""",
)

# As a CASE, see `repositories.user`.
_MATCHES: Final = """CASE WHEN $4::text IS NULL AND $5::text IS NULL AND $6::uuid IS NULL AND $7::uuid IS NULL
        THEN true
        ELSE ($4 IS NULL OR status = $4) AND ($5 IS NULL OR position(lower($5) IN lower(title)) > 0)
          AND ($6 IS NULL OR category_id = $6) AND ($7 IS NULL OR EXISTS (
            SELECT FROM {schema}.course_tag t
            WHERE t.tenant_id = $1 AND t.course_id = c.id AND t.tag_id = $7)) END
      AND ($2::boolean OR status = 'published' OR EXISTS (
        SELECT FROM {schema}.enrollment e
        WHERE e.tenant_id = $1 AND e.user_id = $3::uuid AND e.course_id = c.id
          AND e.status <> 'withdrawn'))"""

# One page of the courses the reader may see, in each order.
PAGES = pages(
    "course.page",
    f"""SELECT id, code, slug, title, description, status, published_at, archived_at,
      seats, completion_percent, awards_certificate, certificate_days, category_id, self_enrollment,
      course_version, created_at, updated_at, version
    FROM {{schema}}.course c
    WHERE c.tenant_id = $1 AND {_MATCHES} {{after}}
    ORDER BY {{order}} LIMIT $8""",  # noqa: S608 - constants
    {
        CourseOrder.CREATED_AT: CREATED,
        CourseOrder.TITLE: Key("title", "text"),
        CourseOrder.UPDATED_AT: UPDATED,
    },
    position=9,
)

# How many courses the reader may see.
COUNT = Statement(
    "course.count",
    f"""SELECT count(*) FROM {{schema}}.course c WHERE c.tenant_id = $1 AND {_MATCHES}""",  # noqa: S608 - constants
)

# New courses, in one statement however many.
INSERT_MANY = Statement(
    "course.insert_many",
    """INSERT INTO {schema}.course
      (tenant_id, id, code, slug, title, description, status, published_at, archived_at,
       seats, completion_percent, awards_certificate, certificate_days, category_id, self_enrollment,
      course_version, created_at, updated_at, version)
    SELECT $1::uuid, * FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
      $8::timestamptz[], $9::timestamptz[], $10::int[], $11::int[], $12::boolean[],
      $13::int[], $14::uuid[], $15::boolean[], $16::int[],
      $17::timestamptz[], $18::timestamptz[], $19::int[])""",
)

# Change what is given, unless someone else changed the course or it is archived.
UPDATE = Statement(
    "course.update",
    """UPDATE {schema}.course
    SET code = coalesce($4::text, code), slug = coalesce($5::text, slug), title = coalesce($6::text, title),
      description = coalesce($7::text, description),
      seats = CASE WHEN $8::boolean THEN $9::int ELSE seats END,
      completion_percent = coalesce($10::int, completion_percent),
      awards_certificate = coalesce($11::boolean, awards_certificate),
      certificate_days = CASE WHEN $12::boolean THEN $13::int ELSE certificate_days END,
      category_id = CASE WHEN $14::boolean THEN $15::uuid ELSE category_id END,
      self_enrollment = coalesce($16::boolean, self_enrollment),
      updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2::uuid AND version = $3::int AND status <> 'archived'
    RETURNING id, code, slug, title, description, status, published_at, archived_at,
      seats, completion_percent, awards_certificate, certificate_days, category_id, self_enrollment,
      course_version, created_at, updated_at, version""",
)

# Publish a course that has a lesson and is not published yet; a version of NULL stands for any.
PUBLISH = Statement(
    "course.publish",
    """UPDATE {schema}.course c
    SET status = 'published', published_at = coalesce(published_at, now()), archived_at = NULL,
      course_version = course_version + 1, updated_at = now(), version = version + 1
    WHERE c.tenant_id = $1 AND id = $2::uuid AND ($3::int IS NULL OR version = $3)
      AND status <> 'published'
      AND EXISTS (SELECT FROM {schema}.lesson l WHERE l.tenant_id = $1 AND l.course_id = c.id)
    RETURNING id, code, slug, title, description, status, published_at, archived_at,
      seats, completion_percent, awards_certificate, certificate_days, category_id, self_enrollment,
      course_version, created_at, updated_at, version""",
)

# Archive a course; a version of NULL stands for any.
ARCHIVE = Statement(
    "course.archive",
    """UPDATE {schema}.course
    SET status = 'archived', archived_at = now(), updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2::uuid AND ($3::int IS NULL OR version = $3) AND status <> 'archived'
    RETURNING id, code, slug, title, description, status, published_at, archived_at,
      seats, completion_percent, awards_certificate, certificate_days, category_id, self_enrollment,
      course_version, created_at, updated_at, version""",
)

# A course, held against every other writer of it or of what is in it.
HOLD = Statement(
    "course.hold",
    """SELECT id, code, slug, title, description, status, published_at, archived_at,
      seats, completion_percent, awards_certificate, certificate_days, category_id, self_enrollment,
      course_version, created_at, updated_at, version
    FROM {schema}.course WHERE tenant_id = $1 AND id = $2::uuid FOR NO KEY UPDATE""",
)

# The same for who changes the list of its modules; a version of NULL stands for any.
TOUCH = Statement(
    "course.touch",
    """UPDATE {schema}.course SET updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2::uuid AND ($3::int IS NULL OR version = $3) AND status <> 'archived'
    RETURNING id, code, slug, title, description, status, published_at, archived_at,
      seats, completion_percent, awards_certificate, certificate_days, category_id, self_enrollment,
      course_version, created_at, updated_at, version""",
)

# The status and seats of courses, which cannot change before this transaction ends.
LOCK_STATUS = Statement(
    "course.lock_status",
    """SELECT id, status, seats, self_enrollment FROM {schema}.course
    WHERE tenant_id = $1 AND id = ANY($2::uuid[])
    ORDER BY id FOR SHARE""",
)


async def find_by_ids(session: ShardSession, ids: Sequence[UUID]) -> Sequence[Course]:
    """Whatever their status; in no particular order, unknown ids are left out."""
    return await session.fetch_rows(Course, FIND_BY_IDS, ids)


async def find_visible(session: ShardSession, scope: Scope, ids: Sequence[UUID]) -> Sequence[Course]:
    """Like `find_by_ids`, without what the reader may not see."""
    return await session.fetch_rows(Course, FIND_VISIBLE, scope.everything, scope.user, ids)


async def find_visible_by_codes(
    session: ShardSession, scope: Scope, codes: Sequence[str]
) -> Sequence[Course]:
    return await session.fetch_rows(Course, FIND_VISIBLE_BY_CODES, scope.everything, scope.user, codes)


async def list_page(
    session: ShardSession,
    scope: Scope,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
    **only: Unpack[CourseFilter],
) -> Sequence[Course]:
    return await session.fetch_rows(
        Course, PAGES[order].of(after), *_matches(scope, only), first, *(() if after is None else after)
    )


async def count(session: ShardSession, scope: Scope, **only: Unpack[CourseFilter]) -> int:
    return int(await session.fetch_value(COUNT, *_matches(scope, only)))


async def insert(session: ShardSession, course: Course) -> None:
    await insert_many(session, [course])


async def insert_many(session: ShardSession, courses: Sequence[Course]) -> None:
    """Raise `UniqueError` (course_code_unique, course_slug_unique) for a code or slug that is taken."""
    columns = [list(column) for column in zip(*map(msgspec.structs.astuple, courses), strict=True)]
    if columns:
        await session.execute(INSERT_MANY, *columns)


async def update(session: ShardSession, id_: UUID, version: int, values: Mapping[str, Any]) -> Course | None:
    """`values`: new ones by column; the others stay. None: absent, archived, or of another version."""
    row = await session.fetch_row(
        UPDATE,
        id_,
        version,
        values.get("code"),
        values.get("slug"),
        values.get("title"),
        values.get("description"),
        "seats" in values,
        values.get("seats"),
        values.get("completion_percent"),
        values.get("awards_certificate"),
        "certificate_days" in values,
        values.get("certificate_days"),
        "category_id" in values,
        values.get("category_id"),
        values.get("self_enrollment"),
    )
    return None if row is None else Course(*row)


async def publish(session: ShardSession, id_: UUID, version: int | None = None) -> Course | None:
    """None: absent, of another version, without a lesson, or published already."""
    row = await session.fetch_row(PUBLISH, id_, version)
    return None if row is None else Course(*row)


async def archive(session: ShardSession, id_: UUID, version: int | None = None) -> Course | None:
    """None: absent, archived already, or of another version."""
    row = await session.fetch_row(ARCHIVE, id_, version)
    return None if row is None else Course(*row)


async def hold(session: ShardSession, id_: UUID) -> Course | None:
    """Until this transaction ends nobody else changes it, or what is in it; None: absent."""
    row = await session.fetch_row(HOLD, id_)
    return None if row is None else Course(*row)


async def touch(session: ShardSession, id_: UUID, version: int | None = None) -> Course | None:
    """Like `hold`, with a new version. None: absent, archived, or of another version."""
    row = await session.fetch_row(TOUCH, id_, version)
    return None if row is None else Course(*row)


async def lock_status(session: ShardSession, ids: Sequence[UUID]) -> list[Held]:
    """Held against change until this transaction ends; unknown ids are left out."""
    return [Held(*row) for row in await session.fetch(LOCK_STATUS, ids)]


def _matches(scope: Scope, only: CourseFilter) -> tuple[bool | UUID | str | None, ...]:
    """The parameters of `_MATCHES`."""
    return (
        scope.everything,
        scope.user,
        only.get("status"),
        only.get("title"),
        only.get("category_id"),
        only.get("tag_id"),
    )
