"""Lists of who is on learning paths: narrowed by a filter, in an order, a page at a time."""

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
from harka.repositories.path_enrollment import PathEnrollment
from harka.repositories.scope import Scope, people_of, unless_beyond
from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class LearningPathEnrollmentOrder(enum.StrEnum):
    CREATED_AT = "created_at"


class PathEnrollmentFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What is None leaves out nothing. `…_from` matches itself, `…_before` and `progress_below` do not."""

    status: str | None = None
    user_id: UUID | None = None
    path_id: UUID | None = None
    progress_from: float | None = None
    progress_below: float | None = None
    completed_from: datetime | None = None
    completed_before: datetime | None = None


ALL: Final = PathEnrollmentFilter()

_KEYS: Final[Mapping[str, Key]] = {LearningPathEnrollmentOrder.CREATED_AT: CREATED}

# The parameters are the fields of the filter.
_MATCHES: Final = narrowed(
    Condition("text", "status = {}"),
    Condition("uuid", "user_id = {}"),
    Condition("uuid", "path_id = {}"),
    Condition("float8", "progress >= {}"),
    Condition("float8", "progress < {}"),
    Condition("timestamptz", "completed_at >= {}"),
    Condition("timestamptz", "completed_at < {}"),
)

# One page of all that match.
PAGES = pages(
    "path_enrollment.pages",
    f"""SELECT id, path_id, user_id, status, progress, completed_at, withdrawn_at, created_at, updated_at,
      version
    FROM {{schema}}.learning_path_enrollment
    WHERE tenant_id = $1 AND {_MATCHES} {{after}}
    ORDER BY {{order}} LIMIT $9""",  # noqa: S608 - constants
    _KEYS,
    position=10,
)

# One page of a user's that match.
PAGES_OF_USER = pages(
    "path_enrollment.pages_of_user",
    f"""SELECT id, path_id, user_id, status, progress, completed_at, withdrawn_at, created_at, updated_at,
      version
    FROM {{schema}}.learning_path_enrollment
    WHERE tenant_id = $1 AND user_id = $3::uuid AND {_MATCHES} {{after}}
    ORDER BY {{order}} LIMIT $9""",  # noqa: S608 - constants
    _KEYS,
    position=10,
)

# One page of a path's that match.
PAGES_OF_PATH = pages(
    "path_enrollment.pages_of_path",
    f"""SELECT id, path_id, user_id, status, progress, completed_at, withdrawn_at, created_at, updated_at,
      version
    FROM {{schema}}.learning_path_enrollment
    WHERE tenant_id = $1 AND path_id = $4::uuid AND {_MATCHES} {{after}}
    ORDER BY {{order}} LIMIT $9""",  # noqa: S608 - constants
    _KEYS,
    position=10,
)

# One page of those that match and that a manager of groups sees.
PAGES_OF_MANAGER = pages(
    "path_enrollment.pages_of_manager",
    f"""SELECT id, path_id, user_id, status, progress, completed_at, withdrawn_at, created_at, updated_at,
      version
    FROM {{schema}}.learning_path_enrollment
    WHERE tenant_id = $1 AND user_id = ANY({people_of("$10", only="$3")}) AND {_MATCHES} {{after}}
    ORDER BY {{order}} LIMIT $9""",  # noqa: S608 - constants
    _KEYS,
    position=11,
)

# The first matching ones of each of many users.
FIRST_OF_USERS = beginnings(
    "path_enrollment.first_of_users",
    f"""SELECT e.id, e.path_id, e.user_id, e.status, e.progress, e.completed_at, e.withdrawn_at, e.created_at,
      e.updated_at, e.version
    FROM unnest($9::uuid[]) AS parent (parent_id) CROSS JOIN LATERAL (
      SELECT * FROM {{schema}}.learning_path_enrollment
      WHERE tenant_id = $1 AND user_id = parent_id AND {_MATCHES}
      ORDER BY {{order}} LIMIT $10) AS e
    WHERE {unless_beyond("parent_id", "$11")}
    ORDER BY {{order}}""",  # noqa: S608 - constants
    _KEYS,
)

# The first matching ones on each of many paths.
FIRST_OF_PATHS = beginnings(
    "path_enrollment.first_of_paths",
    f"""SELECT e.id, e.path_id, e.user_id, e.status, e.progress, e.completed_at, e.withdrawn_at, e.created_at,
      e.updated_at, e.version
    FROM unnest($9::uuid[]) AS parent (parent_id) CROSS JOIN LATERAL (
      SELECT * FROM {{schema}}.learning_path_enrollment
      WHERE tenant_id = $1 AND path_id = parent_id
        AND {unless_beyond("learning_path_enrollment.user_id", "$11")} AND {_MATCHES}
      ORDER BY {{order}} LIMIT $10) AS e
    ORDER BY {{order}}""",  # noqa: S608 - constants
    _KEYS,
)

# One user's matching ones on many paths.
OF_USER_ON_PATHS = beginnings(
    "path_enrollment.of_user_on_paths",
    f"""SELECT id, path_id, user_id, status, progress, completed_at, withdrawn_at, created_at, updated_at,
      version
    FROM {{schema}}.learning_path_enrollment
    WHERE tenant_id = $1 AND user_id = $9::uuid AND path_id = ANY($10::uuid[]) AND {_MATCHES}
    ORDER BY {{order}}""",  # noqa: S608 - constants
    _KEYS,
)

# How many matching ones each of many users has.
COUNT_OF_USERS = Statement(
    "path_enrollment.count_of_users",
    f"""SELECT user_id AS parent, count(*) AS enrollments FROM {{schema}}.learning_path_enrollment
    WHERE tenant_id = $1 AND user_id = ANY($9::uuid[]) AND {_MATCHES}
      AND {unless_beyond("learning_path_enrollment.user_id", "$10")}
    GROUP BY user_id""",  # noqa: S608 - constants
)

# How many matching ones there are on each of many paths.
COUNT_OF_PATHS = Statement(
    "path_enrollment.count_of_paths",
    f"""SELECT path_id AS parent, count(*) AS enrollments FROM {{schema}}.learning_path_enrollment
    WHERE tenant_id = $1 AND path_id = ANY($9::uuid[]) AND {_MATCHES}
      AND {unless_beyond("learning_path_enrollment.user_id", "$10")}
    GROUP BY path_id""",  # noqa: S608 - constants
)

# How many match that a manager of groups sees.
COUNT_OF_MANAGER = Statement(
    "path_enrollment.count_of_manager",
    f"""SELECT count(*) FROM {{schema}}.learning_path_enrollment
    WHERE tenant_id = $1 AND user_id = ANY({people_of("$9", only="$3")}) AND {_MATCHES}""",  # noqa: S608 - constants
)

# How many match.
COUNT = Statement(
    "path_enrollment.count",
    f"SELECT count(*) FROM {{schema}}.learning_path_enrollment WHERE tenant_id = $1 AND {_MATCHES}",  # noqa: S608 - constants
)


async def list_page(
    session: ShardSession,
    scope: Scope,
    only: PathEnrollmentFilter = ALL,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
) -> Sequence[PathEnrollment]:
    """`scope`: that of somebody who sees those of others; who does not asks with their own `user_id`."""
    asked: tuple[object, ...] = (*msgspec.structs.astuple(only), first)
    if scope.manager is not None:
        by_order, asked = PAGES_OF_MANAGER, (*asked, scope.manager)
    elif only.user_id is not None:
        by_order = PAGES_OF_USER
    else:
        by_order = PAGES if only.path_id is None else PAGES_OF_PATH
    return await session.fetch_rows(PathEnrollment, by_order[order].of(after), *asked, *(after or ()))


async def count(session: ShardSession, scope: Scope, only: PathEnrollmentFilter = ALL) -> int:
    """Of whom a manager sees, where `scope` names one; otherwise of everybody."""
    if scope.manager is not None:
        matches = msgspec.structs.astuple(only)
        return int(await session.fetch_value(COUNT_OF_MANAGER, *matches, scope.manager))
    if only.user_id is not None:
        return sum((await count_of_users(session, scope, [only.user_id], only)).values())
    if only.path_id is not None:
        return sum((await count_of_paths(session, scope, [only.path_id], only)).values())
    return int(await session.fetch_value(COUNT, *msgspec.structs.astuple(only)))


async def first_of_users(
    session: ShardSession,
    scope: Scope,
    user_ids: Sequence[UUID],
    only: PathEnrollmentFilter = ALL,
    *,
    first: int,
    order: Order = OLDEST_FIRST,
) -> Sequence[PathEnrollment]:
    """The first `first` of each user, in the order; users beyond a manager's groups are left out."""
    asked = (*msgspec.structs.astuple(only), user_ids, first, scope.manager)
    return await session.fetch_rows(PathEnrollment, FIRST_OF_USERS[order], *asked)


async def first_of_paths(
    session: ShardSession,
    scope: Scope,
    path_ids: Sequence[UUID],
    only: PathEnrollmentFilter = ALL,
    *,
    first: int,
    order: Order = OLDEST_FIRST,
) -> Sequence[PathEnrollment]:
    """The first `first` on each path, in the order, without people beyond a manager's groups."""
    asked = (*msgspec.structs.astuple(only), path_ids, first, scope.manager)
    return await session.fetch_rows(PathEnrollment, FIRST_OF_PATHS[order], *asked)


async def of_user_on_paths(
    session: ShardSession,
    user_id: UUID,
    path_ids: Sequence[UUID],
    only: PathEnrollmentFilter = ALL,
    *,
    order: Order = OLDEST_FIRST,
) -> Sequence[PathEnrollment]:
    """All that match, withdrawn ones included, in the order."""
    asked = (*msgspec.structs.astuple(only), user_id, path_ids)
    return await session.fetch_rows(PathEnrollment, OF_USER_ON_PATHS[order], *asked)


async def count_of_users(
    session: ShardSession, scope: Scope, user_ids: Sequence[UUID], only: PathEnrollmentFilter = ALL
) -> dict[UUID, int]:
    """Users without any, or beyond a manager's groups, are left out."""
    asked = (*msgspec.structs.astuple(only), user_ids, scope.manager)
    return {row["parent"]: row["enrollments"] for row in await session.fetch(COUNT_OF_USERS, *asked)}


async def count_of_paths(
    session: ShardSession, scope: Scope, path_ids: Sequence[UUID], only: PathEnrollmentFilter = ALL
) -> dict[UUID, int]:
    """Paths without any are left out, and people beyond a manager's groups not counted."""
    asked = (*msgspec.structs.astuple(only), path_ids, scope.manager)
    return {row["parent"]: row["enrollments"] for row in await session.fetch(COUNT_OF_PATHS, *asked)}
