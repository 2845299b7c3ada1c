import enum
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from harka.repositories.scope import Scope, managed, unless_beyond
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
    enrolled_at: datetime
    version: int


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

# New enrollments; where a current one exists already, that one is the answer: until when it goes is what is
# given now if it had ended.
INSERT_MANY = Statement(
    "enrollment.insert_many",
    """INSERT INTO {schema}.enrollment AS e
      (tenant_id, id, user_id, course_id, status, progress, enrolled_at, completed_at, withdrawn_at, due_at,
       expires_at, created_at, updated_at, version)
    SELECT $1::uuid, * FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::float8[],
      $7::timestamptz[], $8::timestamptz[], $9::timestamptz[], $10::timestamptz[], $11::timestamptz[],
      $12::timestamptz[], $13::timestamptz[], $14::int[])
    ON CONFLICT (tenant_id, user_id, course_id) WHERE status <> 'withdrawn' DO UPDATE
    SET (due_at, expires_at, updated_at, version) = (
      SELECT CASE WHEN ended THEN excluded.due_at ELSE e.due_at END,
        CASE WHEN ended THEN excluded.expires_at ELSE e.expires_at END,
        CASE WHEN ended THEN now() ELSE e.updated_at END, e.version + ended::int
      FROM (SELECT coalesce(e.expires_at <= now(), false)
        AND (excluded.expires_at IS NULL OR excluded.expires_at > now()) AS ended) AS found)
    RETURNING id, user_id, course_id, status, progress, enrolled_at, completed_at, withdrawn_at, due_at,
      expires_at, created_at, updated_at, version""",
)

# Hold enrollments, of whom a manager sees, against every other writer; in one order everywhere so that two
# writers cannot deadlock.
LOCK = Statement(
    "enrollment.lock",
    f"""SELECT id, user_id, course_id, status, expires_at, enrolled_at, version
    FROM {{schema}}.enrollment
    WHERE tenant_id = $1 AND id = ANY($2::uuid[]) AND {unless_beyond("enrollment.user_id", "$3")}
    ORDER BY id FOR UPDATE""",  # noqa: S608 - constants
)

# Let nobody else take or count seats of courses until this transaction ends. The order is that of the ids.
LOCK_SEATS = Statement(
    "enrollment.lock_seats",
    """SELECT pg_advisory_xact_lock(hashtextextended('seats of {schema}.course ' || $1::uuid || id, 0))
    FROM unnest($2::uuid[]) AS course (id)""",
)

# How many have a seat in each of many courses, and who of some users. Who has no access any more has none.
SEATS_TAKEN = Statement(
    "enrollment.seats_taken",
    """SELECT course_id, count(*) AS seats,
      array_agg(user_id) FILTER (WHERE user_id = ANY($3::uuid[])) AS seated
    FROM {schema}.enrollment
    WHERE tenant_id = $1 AND course_id = ANY($2::uuid[]) AND status <> 'withdrawn'
      AND (expires_at IS NULL OR expires_at > now())
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


async def insert_many(session: ShardSession, enrollments: Sequence[Enrollment]) -> list[Enrollment]:
    """The current enrollment of each (user, course), which is the given one unless there was one before.

    One whose access had ended takes over until when the given one goes.
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
