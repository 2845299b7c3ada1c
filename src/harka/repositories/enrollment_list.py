"""Lists of enrollments: narrowed by a filter, in an order, a page at a time."""

import enum
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from harka.repositories.enrollment import Enrollment
from harka.repositories.page import (
    AFTER_ALL,
    BEFORE_ALL,
    CREATED,
    OLDEST_FIRST,
    Key,
    Order,
    Position,
    beginnings,
    pages,
)
from harka.repositories.scope import Scope, people_of, unless_beyond
from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class EnrollmentOrder(enum.StrEnum):
    """By which attribute. Who has no `due_at` comes after all others, who has no `completed_at` before."""

    CREATED_AT = "created_at"
    ENROLLED_AT = "enrolled_at"
    DUE_AT = "due_at"
    COMPLETED_AT = "completed_at"
    PROGRESS = "progress"


class EnrollmentFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What is None leaves out nothing. `…_from` matches itself, `…_before` and `progress_below` do not."""

    status: str | None = None
    user_id: UUID | None = None
    course_id: UUID | None = None
    progress_from: float | None = None
    progress_below: float | None = None
    enrolled_from: datetime | None = None
    enrolled_before: datetime | None = None
    due_from: datetime | None = None
    due_before: datetime | None = None
    completed_from: datetime | None = None
    completed_before: datetime | None = None


ALL: Final = EnrollmentFilter()

# As a CASE, see `repositories.user`. The parameters are the fields of the filter.
_MATCHES: Final = """CASE WHEN $2::text IS NULL AND $3::uuid IS NULL AND $4::uuid IS NULL
        AND $5::float8 IS NULL AND $6::float8 IS NULL AND $7::timestamptz IS NULL AND $8::timestamptz IS NULL
        AND $9::timestamptz IS NULL AND $10::timestamptz IS NULL AND $11::timestamptz IS NULL
        AND $12::timestamptz IS NULL THEN true
      ELSE ($2 IS NULL OR status = $2) AND ($3 IS NULL OR user_id = $3) AND ($4 IS NULL OR course_id = $4)
        AND ($5 IS NULL OR progress >= $5) AND ($6 IS NULL OR progress < $6)
        AND ($7 IS NULL OR enrolled_at >= $7) AND ($8 IS NULL OR enrolled_at < $8)
        AND ($9 IS NULL OR due_at >= $9) AND ($10 IS NULL OR due_at < $10)
        AND ($11 IS NULL OR completed_at >= $11) AND ($12 IS NULL OR completed_at < $12) END"""

# `progress` has no index: with one, every write of progress would write all indexes of its row. What the
# filter leaves is sorted instead, nearly always one course
_KEYS: Final[Mapping[str, Key]] = {
    EnrollmentOrder.CREATED_AT: CREATED,
    EnrollmentOrder.ENROLLED_AT: Key("enrolled_at", "timestamptz"),
    EnrollmentOrder.DUE_AT: Key(
        f"CASE WHEN due_at IS NULL THEN '{AFTER_ALL}'::timestamptz ELSE due_at END", "timestamptz"
    ),
    EnrollmentOrder.COMPLETED_AT: Key(
        f"CASE WHEN completed_at IS NULL THEN '{BEFORE_ALL}'::timestamptz ELSE completed_at END",
        "timestamptz",
    ),
    EnrollmentOrder.PROGRESS: Key("progress", "float8"),
}

# The same, spelled otherwise than the indexes of the whole list: what is of one course or person begins with
# these, and not with an index that may have to be read to its end to find twenty of them.
_KEYS_WITHIN: Final[Mapping[str, Key]] = {
    EnrollmentOrder.CREATED_AT: CREATED,
    EnrollmentOrder.ENROLLED_AT: Key("coalesce(enrolled_at, created_at)", "timestamptz"),
    EnrollmentOrder.DUE_AT: Key(f"coalesce(due_at, '{AFTER_ALL}')", "timestamptz"),
    EnrollmentOrder.COMPLETED_AT: Key(f"coalesce(completed_at, '{BEFORE_ALL}')", "timestamptz"),
    EnrollmentOrder.PROGRESS: Key("progress", "float8"),
}

# One page of all enrollments that match.
PAGES = pages(
    "enrollment.page",
    f"""SELECT id, user_id, course_id, status, progress, enrolled_at, completed_at, withdrawn_at, due_at,
      expires_at, created_at, updated_at, version
    FROM {{schema}}.enrollment
    WHERE tenant_id = $1 AND {_MATCHES} {{after}}
    ORDER BY {{order}} LIMIT $13""",  # noqa: S608 - constants
    _KEYS,
    position=14,
)

# One page of a user's enrollments that match.
PAGES_OF_USER = pages(
    "enrollment.page_of_user",
    f"""SELECT id, user_id, course_id, status, progress, enrolled_at, completed_at, withdrawn_at, due_at,
      expires_at, created_at, updated_at, version
    FROM {{schema}}.enrollment
    WHERE tenant_id = $1 AND user_id = $3::uuid AND {_MATCHES} {{after}}
    ORDER BY {{order}} LIMIT $13""",  # noqa: S608 - constants
    _KEYS_WITHIN,
    position=14,
)

# One page of a course's enrollments that match.
PAGES_OF_COURSE = pages(
    "enrollment.page_of_course",
    f"""SELECT id, user_id, course_id, status, progress, enrolled_at, completed_at, withdrawn_at, due_at,
      expires_at, created_at, updated_at, version
    FROM {{schema}}.enrollment
    WHERE tenant_id = $1 AND course_id = $4::uuid AND {_MATCHES} {{after}}
    ORDER BY {{order}} LIMIT $13""",  # noqa: S608 - constants
    _KEYS_WITHIN,
    position=14,
)

# One page of the matching enrollments that a manager of groups sees.
PAGES_OF_MANAGER = pages(
    "enrollment.page_of_manager",
    f"""SELECT id, user_id, course_id, status, progress, enrolled_at, completed_at, withdrawn_at, due_at,
      expires_at, created_at, updated_at, version
    FROM {{schema}}.enrollment
    WHERE tenant_id = $1 AND user_id = ANY({people_of("$14", only="$3")}) AND {_MATCHES} {{after}}
    ORDER BY {{order}} LIMIT $13""",  # noqa: S608 - constants
    _KEYS_WITHIN,
    position=15,
)

# The first matching enrollments of each of many users.
FIRST_OF_USERS = beginnings(
    "enrollment.first_of_users",
    f"""SELECT e.id, e.user_id, e.course_id, e.status, e.progress, e.enrolled_at, e.completed_at,
      e.withdrawn_at, e.due_at, e.expires_at, e.created_at, e.updated_at, e.version
    FROM unnest($13::uuid[]) AS parent (parent_id) CROSS JOIN LATERAL (
      SELECT * FROM {{schema}}.enrollment WHERE tenant_id = $1 AND user_id = parent_id AND {_MATCHES}
      ORDER BY {{order}} LIMIT $14) AS e
    WHERE {unless_beyond("parent_id", "$15")}
    ORDER BY {{order}}""",  # noqa: S608 - constants
    _KEYS_WITHIN,
)

# The first matching enrollments in each of many courses.
FIRST_OF_COURSES = beginnings(
    "enrollment.first_of_courses",
    f"""SELECT e.id, e.user_id, e.course_id, e.status, e.progress, e.enrolled_at, e.completed_at,
      e.withdrawn_at, e.due_at, e.expires_at, e.created_at, e.updated_at, e.version
    FROM unnest($13::uuid[]) AS parent (parent_id) CROSS JOIN LATERAL (
      SELECT * FROM {{schema}}.enrollment
      WHERE tenant_id = $1 AND course_id = parent_id AND {unless_beyond("enrollment.user_id", "$15")}
        AND {_MATCHES}
      ORDER BY {{order}} LIMIT $14) AS e
    ORDER BY {{order}}""",  # noqa: S608 - constants
    _KEYS_WITHIN,
)

# One user's matching enrollments in many courses.
OF_USER_IN_COURSES = beginnings(
    "enrollment.of_user_in_courses",
    f"""SELECT id, user_id, course_id, status, progress, enrolled_at, completed_at, withdrawn_at, due_at,
      expires_at, created_at, updated_at, version
    FROM {{schema}}.enrollment
    WHERE tenant_id = $1 AND user_id = $13::uuid AND course_id = ANY($14::uuid[]) AND {_MATCHES}
    ORDER BY {{order}}""",  # noqa: S608 - constants
    _KEYS_WITHIN,
)

# How many enrollments there are.
COUNT = Statement("enrollment.count", "SELECT count(*) FROM {schema}.enrollment WHERE tenant_id = $1")

# How many enrollments match; apart, since of all of them the index alone can tell.
COUNT_OF_SOME = Statement(
    "enrollment.count_of_some",
    f"SELECT count(*) FROM {{schema}}.enrollment WHERE tenant_id = $1 AND {_MATCHES}",  # noqa: S608 - constants
)

# How many matching enrollments a manager of groups sees.
COUNT_OF_MANAGER = Statement(
    "enrollment.count_of_manager",
    f"""SELECT count(*) FROM {{schema}}.enrollment
    WHERE tenant_id = $1 AND user_id = ANY({people_of("$13", only="$3")}) AND {_MATCHES}""",  # noqa: S608 - constants
)

# How many matching enrollments each of many users has.
COUNT_OF_USERS = Statement(
    "enrollment.count_of_users",
    f"""SELECT user_id AS parent, count(*) AS enrollments FROM {{schema}}.enrollment
    WHERE tenant_id = $1 AND user_id = ANY($13::uuid[]) AND {_MATCHES}
      AND {unless_beyond("enrollment.user_id", "$14")}
    GROUP BY user_id""",  # noqa: S608 - constants
)

# How many matching enrollments each of many courses has.
COUNT_OF_COURSES = Statement(
    "enrollment.count_of_courses",
    f"""SELECT course_id AS parent, count(*) AS enrollments FROM {{schema}}.enrollment
    WHERE tenant_id = $1 AND course_id = ANY($13::uuid[]) AND {_MATCHES}
      AND {unless_beyond("enrollment.user_id", "$14")}
    GROUP BY course_id""",  # noqa: S608 - constants
)


async def list_page(
    session: ShardSession,
    scope: Scope,
    only: EnrollmentFilter = ALL,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
) -> Sequence[Enrollment]:
    """Of whom a manager sees, where `scope` names one; otherwise of everybody."""
    position = () if after is None else after
    asked = (*msgspec.structs.astuple(only), first)
    if scope.manager is not None:
        statement = PAGES_OF_MANAGER[order].of(after)
        return await session.fetch_rows(Enrollment, statement, *asked, scope.manager, *position)
    by_order = PAGES if only.course_id is None else PAGES_OF_COURSE
    if only.user_id is not None:
        by_order = PAGES_OF_USER
    return await session.fetch_rows(Enrollment, by_order[order].of(after), *asked, *position)


async def first_of_users(
    session: ShardSession,
    scope: Scope,
    user_ids: Sequence[UUID],
    only: EnrollmentFilter = ALL,
    *,
    first: int,
    order: Order = OLDEST_FIRST,
) -> Sequence[Enrollment]:
    """The first `first` of each user, in the order; users beyond a manager's groups are left out."""
    matches = msgspec.structs.astuple(only)
    return await session.fetch_rows(
        Enrollment, FIRST_OF_USERS[order], *matches, user_ids, first, scope.manager
    )


async def first_of_courses(
    session: ShardSession,
    scope: Scope,
    course_ids: Sequence[UUID],
    only: EnrollmentFilter = ALL,
    *,
    first: int,
    order: Order = OLDEST_FIRST,
) -> Sequence[Enrollment]:
    """The first `first` of each course, in the order, without people beyond a manager's groups."""
    matches = msgspec.structs.astuple(only)
    return await session.fetch_rows(
        Enrollment, FIRST_OF_COURSES[order], *matches, course_ids, first, scope.manager
    )


async def of_user_in_courses(
    session: ShardSession,
    user_id: UUID,
    course_ids: Sequence[UUID],
    only: EnrollmentFilter = ALL,
    *,
    order: Order = OLDEST_FIRST,
) -> Sequence[Enrollment]:
    """All of them, withdrawn ones included, in the order."""
    matches = msgspec.structs.astuple(only)
    return await session.fetch_rows(Enrollment, OF_USER_IN_COURSES[order], *matches, user_id, course_ids)


async def count(session: ShardSession, scope: Scope, only: EnrollmentFilter = ALL) -> int:
    """Of whom a manager sees, where `scope` names one; otherwise of everybody."""
    if scope.manager is not None:
        matches = msgspec.structs.astuple(only)
        return int(await session.fetch_value(COUNT_OF_MANAGER, *matches, scope.manager))
    if only.user_id is not None:
        return sum((await count_of_users(session, scope, [only.user_id], only)).values())
    if only.course_id is not None:
        return sum((await count_of_courses(session, scope, [only.course_id], only)).values())
    if only != ALL:
        return int(await session.fetch_value(COUNT_OF_SOME, *msgspec.structs.astuple(only)))
    return int(await session.fetch_value(COUNT))


async def count_of_users(
    session: ShardSession, scope: Scope, user_ids: Sequence[UUID], only: EnrollmentFilter = ALL
) -> dict[UUID, int]:
    """Users without any, or beyond a manager's groups, are left out."""
    matches = msgspec.structs.astuple(only)
    rows = await session.fetch(COUNT_OF_USERS, *matches, user_ids, scope.manager)
    return {row["parent"]: row["enrollments"] for row in rows}


async def count_of_courses(
    session: ShardSession, scope: Scope, course_ids: Sequence[UUID], only: EnrollmentFilter = ALL
) -> dict[UUID, int]:
    """Courses without any are left out, and people beyond a manager's groups not counted."""
    matches = msgspec.structs.astuple(only)
    rows = await session.fetch(COUNT_OF_COURSES, *matches, course_ids, scope.manager)
    return {row["parent"]: row["enrollments"] for row in rows}
