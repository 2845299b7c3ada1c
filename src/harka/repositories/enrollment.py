import enum
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from harka.repositories.page import BEGINNING, Position
from harka.repositories.scope import Scope, managed, people_of, unless_beyond
from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class EnrollmentStatus(enum.StrEnum):
    ACTIVE = "active"
    COMPLETED = "completed"
    WITHDRAWN = "withdrawn"


class Enrollment(msgspec.Struct, frozen=True):
    """`status`: an `EnrollmentStatus`. `progress`: 0 to 1, rounded down to millionths."""

    id: UUID
    user_id: UUID
    course_id: UUID
    status: str
    progress: float
    enrolled_at: datetime
    completed_at: datetime | None
    withdrawn_at: datetime | None
    due_at: datetime | None
    expires_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int


class Held(msgspec.Struct, frozen=True):
    """What a rule must know of an enrollment that it has locked."""

    id: UUID
    user_id: UUID
    course_id: UUID
    status: str
    expires_at: datetime | None


class Taken(msgspec.Struct, frozen=True):
    """`seats`: how many are taken in a course. `seated`: who of those asked for has one."""

    seats: int
    seated: frozenset[UUID]


# Enrollments by id that the reader may see.
FIND_VISIBLE = Statement(
    "enrollment.find_visible",
    f"""SELECT id, user_id, course_id, status, progress, enrolled_at, completed_at, withdrawn_at, due_at,
      expires_at, created_at, updated_at, version
    FROM {{schema}}.enrollment
    WHERE tenant_id = $1 AND id = ANY($4::uuid[])
      AND ($2::boolean OR user_id = $3::uuid OR {managed("enrollment.user_id", "$5")})""",  # noqa: S608 - constants
)

# One page of all enrollments, oldest first.
PAGE = Statement(
    "enrollment.page",
    """SELECT id, user_id, course_id, status, progress, enrolled_at, completed_at, withdrawn_at, due_at,
      expires_at, created_at, updated_at, version
    FROM {schema}.enrollment
    WHERE tenant_id = $1 AND (created_at, id) > ($2::timestamptz, $3::uuid)
      AND ($5::text IS NULL OR status = $5)
    ORDER BY created_at, id LIMIT $4""",
)

# One page of a user's enrollments (in one course, or any), oldest first.
PAGE_OF_USER = Statement(
    "enrollment.page_of_user",
    """SELECT id, user_id, course_id, status, progress, enrolled_at, completed_at, withdrawn_at, due_at,
      expires_at, created_at, updated_at, version
    FROM {schema}.enrollment
    WHERE tenant_id = $1 AND user_id = $6::uuid AND (created_at, id) > ($2::timestamptz, $3::uuid)
      AND ($5::text IS NULL OR status = $5) AND ($7::uuid IS NULL OR course_id = $7)
    ORDER BY created_at, id LIMIT $4""",
)

# One page of a course's enrollments, oldest first.
PAGE_OF_COURSE = Statement(
    "enrollment.page_of_course",
    """SELECT id, user_id, course_id, status, progress, enrolled_at, completed_at, withdrawn_at, due_at,
      expires_at, created_at, updated_at, version
    FROM {schema}.enrollment
    WHERE tenant_id = $1 AND course_id = $6::uuid AND (created_at, id) > ($2::timestamptz, $3::uuid)
      AND ($5::text IS NULL OR status = $5)
    ORDER BY created_at, id LIMIT $4""",
)

# One page of the enrollments that a manager of groups sees (of one user, or all; in one course, or any).
PAGE_OF_MANAGER = Statement(
    "enrollment.page_of_manager",
    f"""SELECT id, user_id, course_id, status, progress, enrolled_at, completed_at, withdrawn_at, due_at,
      expires_at, created_at, updated_at, version
    FROM {{schema}}.enrollment
    WHERE tenant_id = $1 AND user_id = ANY({people_of("$8", only="$6")})
      AND (created_at, id) > ($2::timestamptz, $3::uuid)
      AND ($5::text IS NULL OR status = $5) AND ($7::uuid IS NULL OR course_id = $7)
    ORDER BY created_at, id LIMIT $4""",  # noqa: S608 - constants
)

# The first enrollments of each of many users.
FIRST_OF_USERS = Statement(
    "enrollment.first_of_users",
    f"""SELECT e.id, e.user_id, e.course_id, e.status, e.progress, e.enrolled_at, e.completed_at,
      e.withdrawn_at, e.due_at, e.expires_at, e.created_at, e.updated_at, e.version
    FROM unnest($2::uuid[]) AS parent (id) CROSS JOIN LATERAL (
      SELECT * FROM {{schema}}.enrollment WHERE tenant_id = $1 AND user_id = parent.id
      ORDER BY created_at, id LIMIT $3) AS e
    WHERE {unless_beyond("parent.id", "$4")}
    ORDER BY e.created_at, e.id""",  # noqa: S608 - constants
)

# The first enrollments in each of many courses.
FIRST_OF_COURSES = Statement(
    "enrollment.first_of_courses",
    f"""SELECT e.id, e.user_id, e.course_id, e.status, e.progress, e.enrolled_at, e.completed_at,
      e.withdrawn_at, e.due_at, e.expires_at, e.created_at, e.updated_at, e.version
    FROM unnest($2::uuid[]) AS parent (id) CROSS JOIN LATERAL (
      SELECT * FROM {{schema}}.enrollment
      WHERE tenant_id = $1 AND course_id = parent.id AND {unless_beyond("enrollment.user_id", "$4")}
      ORDER BY created_at, id LIMIT $3) AS e
    ORDER BY e.created_at, e.id""",  # noqa: S608 - constants
)

# One user's enrollments in many courses.
OF_USER_IN_COURSES = Statement(
    "enrollment.of_user_in_courses",
    """SELECT id, user_id, course_id, status, progress, enrolled_at, completed_at, withdrawn_at, due_at,
      expires_at, created_at, updated_at, version
    FROM {schema}.enrollment
    WHERE tenant_id = $1 AND user_id = $2::uuid AND course_id = ANY($3::uuid[])
    ORDER BY created_at, id""",
)

# How many enrollments there are.
COUNT = Statement("enrollment.count", "SELECT count(*) FROM {schema}.enrollment WHERE tenant_id = $1")

# How many enrollments of one status; apart, since of all of them the index alone can tell.
COUNT_OF_STATUS = Statement(
    "enrollment.count_of_status",
    "SELECT count(*) FROM {schema}.enrollment WHERE tenant_id = $1 AND status = $2",
)

# How many enrollments a manager of groups sees (of one user, or all; in one course, or any).
COUNT_OF_MANAGER = Statement(
    "enrollment.count_of_manager",
    f"""SELECT count(*) FROM {{schema}}.enrollment
    WHERE tenant_id = $1 AND user_id = ANY({people_of("$5", only="$3")})
      AND ($2::text IS NULL OR status = $2) AND ($4::uuid IS NULL OR course_id = $4)""",  # noqa: S608 - constants
)

# How many enrollments each of many users has.
COUNT_OF_USERS = Statement(
    "enrollment.count_of_users",
    f"""SELECT user_id AS parent, count(*) AS enrollments FROM {{schema}}.enrollment
    WHERE tenant_id = $1 AND user_id = ANY($2::uuid[]) AND ($3::text IS NULL OR status = $3)
      AND ($4::uuid IS NULL OR course_id = $4) AND {unless_beyond("enrollment.user_id", "$5")}
    GROUP BY user_id""",  # noqa: S608 - constants
)

# How many enrollments each of many courses has.
COUNT_OF_COURSES = Statement(
    "enrollment.count_of_courses",
    f"""SELECT course_id AS parent, count(*) AS enrollments FROM {{schema}}.enrollment
    WHERE tenant_id = $1 AND course_id = ANY($2::uuid[]) AND ($3::text IS NULL OR status = $3)
      AND {unless_beyond("enrollment.user_id", "$4")}
    GROUP BY course_id""",  # noqa: S608 - constants
)

# New enrollments; where a current one exists already, that one is the answer.
INSERT_MANY = Statement(
    "enrollment.insert_many",
    """INSERT INTO {schema}.enrollment AS e
      (tenant_id, id, user_id, course_id, status, progress, enrolled_at, completed_at, withdrawn_at, due_at,
       expires_at, created_at, updated_at, version)
    SELECT $1::uuid, * FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::float8[],
      $7::timestamptz[], $8::timestamptz[], $9::timestamptz[], $10::timestamptz[], $11::timestamptz[],
      $12::timestamptz[], $13::timestamptz[], $14::int[])
    ON CONFLICT (tenant_id, user_id, course_id) WHERE status <> 'withdrawn' DO UPDATE SET version = e.version
    RETURNING id, user_id, course_id, status, progress, enrolled_at, completed_at, withdrawn_at, due_at,
      expires_at, created_at, updated_at, version""",
)

# Hold enrollments, of whom a manager sees, against every other writer; in one order everywhere so that two
# writers cannot deadlock.
LOCK = Statement(
    "enrollment.lock",
    f"""SELECT id, user_id, course_id, status, expires_at FROM {{schema}}.enrollment
    WHERE tenant_id = $1 AND id = ANY($2::uuid[]) AND {unless_beyond("enrollment.user_id", "$3")}
    ORDER BY id FOR UPDATE""",  # noqa: S608 - constants
)

# Let nobody else take or count seats of courses until this transaction ends. The order is that of the ids.
LOCK_SEATS = Statement(
    "enrollment.lock_seats",
    """SELECT pg_advisory_xact_lock(hashtextextended('seats of {schema}.course ' || $1::uuid || id, 0))
    FROM unnest($2::uuid[]) AS course (id)""",
)

# How many have a seat in each of many courses, and who of some users.
SEATS_TAKEN = Statement(
    "enrollment.seats_taken",
    """SELECT course_id, count(*) AS seats,
      array_agg(user_id) FILTER (WHERE user_id = ANY($3::uuid[])) AS seated
    FROM {schema}.enrollment
    WHERE tenant_id = $1 AND course_id = ANY($2::uuid[]) AND status <> 'withdrawn'
    GROUP BY course_id""",
)

# Withdraw active enrollments of whom a manager sees.
WITHDRAW_MANY = Statement(
    "enrollment.withdraw_many",
    f"""UPDATE {{schema}}.enrollment e
    SET status = 'withdrawn', withdrawn_at = entry.withdrawn_at, updated_at = now(), version = version + 1
    FROM unnest($2::uuid[], $3::timestamptz[]) AS entry (id, withdrawn_at)
    WHERE e.tenant_id = $1 AND e.id = entry.id AND e.status = 'active'
      AND {unless_beyond("e.user_id", "$4")}
    RETURNING e.id, e.user_id, e.course_id, e.status, e.progress, e.enrolled_at, e.completed_at,
      e.withdrawn_at, e.due_at, e.expires_at, e.created_at, e.updated_at, e.version""",  # noqa: S608 - constants
)

# Change what is given of an enrollment, of somebody a manager sees, that is not withdrawn; a version of NULL
# stands for any.
UPDATE = Statement(
    "enrollment.update",
    f"""UPDATE {{schema}}.enrollment
    SET due_at = CASE WHEN $4::boolean THEN $5::timestamptz ELSE due_at END,
      expires_at = CASE WHEN $6::boolean THEN $7::timestamptz ELSE expires_at END,
      updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2::uuid AND ($3::int IS NULL OR version = $3) AND status <> 'withdrawn'
      AND {unless_beyond("enrollment.user_id", "$8")}
    RETURNING id, user_id, course_id, status, progress, enrolled_at, completed_at, withdrawn_at, due_at,
      expires_at, created_at, updated_at, version""",  # noqa: S608 - constants
)

# Hold the enrollments of a course that are not withdrawn, a page at a time.
LOCK_OF_COURSE = Statement(
    "enrollment.lock_of_course",
    """SELECT id FROM {schema}.enrollment
    WHERE tenant_id = $1 AND course_id = $2::uuid AND status <> 'withdrawn' AND id > $3::uuid
    ORDER BY id LIMIT $4 FOR UPDATE""",
)


async def find_visible(session: ShardSession, scope: Scope, ids: Sequence[UUID]) -> Sequence[Enrollment]:
    return await session.fetch_rows(
        Enrollment, FIND_VISIBLE, scope.everything, scope.user, ids, scope.manager
    )


async def list_page(
    session: ShardSession,
    scope: Scope,
    *,
    after: Position | None,
    first: int,
    user_id: UUID | None = None,
    course_id: UUID | None = None,
    status: str | None = None,
) -> Sequence[Enrollment]:
    """Of whom a manager sees, where `scope` names one; otherwise of everybody."""
    page = (*(after or BEGINNING), first, status)
    if scope.manager is not None:
        return await session.fetch_rows(Enrollment, PAGE_OF_MANAGER, *page, user_id, course_id, scope.manager)
    if user_id is not None:
        return await session.fetch_rows(Enrollment, PAGE_OF_USER, *page, user_id, course_id)
    if course_id is not None:
        return await session.fetch_rows(Enrollment, PAGE_OF_COURSE, *page, course_id)
    return await session.fetch_rows(Enrollment, PAGE, *page)


async def first_of_users(
    session: ShardSession, scope: Scope, user_ids: Sequence[UUID], *, first: int
) -> Sequence[Enrollment]:
    """The first `first` of each user, oldest first; users beyond a manager's groups are left out."""
    return await session.fetch_rows(Enrollment, FIRST_OF_USERS, user_ids, first, scope.manager)


async def first_of_courses(
    session: ShardSession, scope: Scope, course_ids: Sequence[UUID], *, first: int
) -> Sequence[Enrollment]:
    """The first `first` of each course, oldest first, without people beyond a manager's groups."""
    return await session.fetch_rows(Enrollment, FIRST_OF_COURSES, course_ids, first, scope.manager)


async def of_user_in_courses(
    session: ShardSession, user_id: UUID, course_ids: Sequence[UUID]
) -> Sequence[Enrollment]:
    """All of them, withdrawn ones included, oldest first."""
    return await session.fetch_rows(Enrollment, OF_USER_IN_COURSES, user_id, course_ids)


async def count(
    session: ShardSession,
    scope: Scope,
    *,
    user_id: UUID | None = None,
    course_id: UUID | None = None,
    status: str | None = None,
) -> int:
    """Of whom a manager sees, where `scope` names one; otherwise of everybody."""
    if scope.manager is not None:
        return int(await session.fetch_value(COUNT_OF_MANAGER, status, user_id, course_id, scope.manager))
    if user_id is not None:
        found = await count_of_users(session, scope, [user_id], status=status, course_id=course_id)
        return sum(found.values())
    if course_id is not None:
        return sum((await count_of_courses(session, scope, [course_id], status=status)).values())
    if status is not None:
        return int(await session.fetch_value(COUNT_OF_STATUS, status))
    return int(await session.fetch_value(COUNT))


async def count_of_users(
    session: ShardSession,
    scope: Scope,
    user_ids: Sequence[UUID],
    *,
    status: str | None = None,
    course_id: UUID | None = None,
) -> dict[UUID, int]:
    """Users without any, or beyond a manager's groups, are left out."""
    rows = await session.fetch(COUNT_OF_USERS, user_ids, status, course_id, scope.manager)
    return {row["parent"]: row["enrollments"] for row in rows}


async def count_of_courses(
    session: ShardSession, scope: Scope, course_ids: Sequence[UUID], *, status: str | None = None
) -> dict[UUID, int]:
    """Courses without any are left out, and people beyond a manager's groups not counted."""
    rows = await session.fetch(COUNT_OF_COURSES, course_ids, status, scope.manager)
    return {row["parent"]: row["enrollments"] for row in rows}


async def insert_many(session: ShardSession, enrollments: Sequence[Enrollment]) -> list[Enrollment]:
    """The current enrollment of each (user, course), which is the given one unless there was one before.

    The pairs must differ. In no particular order. Raise `ForeignKeyError` for an absent user or course.
    """
    columns = [list(column) for column in zip(*map(msgspec.structs.astuple, enrollments), strict=True)]
    if not columns:
        return []
    return [Enrollment(*row) for row in await session.fetch(INSERT_MANY, *columns)]


async def lock(session: ShardSession, scope: Scope, ids: Sequence[UUID]) -> list[Held]:
    """Hold them until this transaction ends. Unknown ids, and whom a manager does not see, are left out."""
    return [Held(*row) for row in await session.fetch(LOCK, ids, scope.manager)]


async def lock_seats(session: ShardSession, course_ids: Sequence[UUID]) -> None:
    """Sorted ids, so that two writers cannot deadlock."""
    await session.execute(LOCK_SEATS, course_ids)


async def seats_taken(
    session: ShardSession, course_ids: Sequence[UUID], user_ids: Sequence[UUID]
) -> dict[UUID, Taken]:
    """By course, each of them."""
    rows = await session.fetch(SEATS_TAKEN, course_ids, user_ids)
    found = {row["course_id"]: Taken(row["seats"], frozenset(row["seated"] or ())) for row in rows}
    return {id_: found.get(id_, Taken(0, frozenset())) for id_ in course_ids}


async def withdraw_many(
    session: ShardSession, scope: Scope, moments: Mapping[UUID, datetime]
) -> list[Enrollment]:
    """Those withdrawn now, each at its moment; not what is completed, withdrawn or not a manager's to see."""
    rows = await session.fetch(WITHDRAW_MANY, list(moments), list(moments.values()), scope.manager)
    return [Enrollment(*row) for row in rows]


async def update(
    session: ShardSession,
    scope: Scope,
    id_: UUID,
    version: int | None,
    *,
    due_at: datetime | UnsetType | None,
    expires_at: datetime | UnsetType | None,
) -> Enrollment | None:
    """UNSET stands for "as it is", None for never.

    Answers None for what is absent, beyond a manager's groups, withdrawn, or of another version.
    """
    values = [(False, None) if value is UNSET else (True, value) for value in (due_at, expires_at)]
    row = await session.fetch_row(UPDATE, id_, version, *values[0], *values[1], scope.manager)
    return None if row is None else Enrollment(*row)


async def lock_of_course(session: ShardSession, course_id: UUID, *, after: UUID, first: int) -> list[UUID]:
    """The next ids of a course's enrollments that are not withdrawn, ascending; held like by `lock`."""
    return [row["id"] for row in await session.fetch(LOCK_OF_COURSE, course_id, after, first)]
