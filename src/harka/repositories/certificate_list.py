"""Lists of certificates: narrowed by a filter, in an order, a page at a time."""

import enum
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from harka.repositories.certificate import Certificate
from harka.repositories.page import (
    AFTER_ALL,
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
from harka.repositories.scope import Scope, people_of, unless_beyond
from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class CertificateOrder(enum.StrEnum):
    """By which attribute. What never ends comes after all others."""

    CREATED_AT = "created_at"
    EXPIRES_AT = "expires_at"


class CertificateFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What is None leaves out nothing. `state`: see `learning.certificate.state_of`.

    `…_from` matches itself, `…_before` does not.
    """

    state: str | None = None
    user_id: UUID | None = None
    course_id: UUID | None = None
    path_id: UUID | None = None
    issued_from: datetime | None = None
    issued_before: datetime | None = None
    expires_from: datetime | None = None
    expires_before: datetime | None = None


ALL: Final = CertificateFilter()

# The parameters are the fields of the filter.
_MATCHES: Final = narrowed(
    Condition(
        "text",
        "CASE WHEN revoked_at IS NOT NULL THEN 'revoked' WHEN expires_at <= now() THEN 'expired' "
        "ELSE 'valid' END = {}",
    ),
    Condition("uuid", "user_id = {}"),
    Condition("uuid", "course_id = {}"),
    Condition("uuid", "path_id = {}"),
    Condition("timestamptz", "issued_at >= {}"),
    Condition("timestamptz", "issued_at < {}"),
    Condition("timestamptz", "expires_at >= {}"),
    Condition("timestamptz", "expires_at < {}"),
)
_KEYS: Final[Mapping[str, Key]] = {
    CertificateOrder.CREATED_AT: CREATED,
    CertificateOrder.EXPIRES_AT: Key(
        f"CASE WHEN expires_at IS NULL THEN '{AFTER_ALL}'::timestamptz ELSE expires_at END", "timestamptz"
    ),
}
# Spelled otherwise than the index of the whole list, see `repositories.enrollment_list`.
_KEYS_WITHIN: Final[Mapping[str, Key]] = {
    CertificateOrder.CREATED_AT: CREATED,
    CertificateOrder.EXPIRES_AT: Key(f"coalesce(expires_at, '{AFTER_ALL}')", "timestamptz"),
}
# Whose are many: neither is their order that of an index.
_KEYS_OF_MANY: Final[Mapping[str, Key]] = {
    **_KEYS_WITHIN,
    CertificateOrder.CREATED_AT: Key("coalesce(created_at, updated_at)", "timestamptz"),
}

# One page of all certificates that match.
PAGES = pages(
    "certificate.pages",
    f"""SELECT id, user_id, course_id, enrollment_id, path_id, path_enrollment_id, serial, holder_name,
      course_title AS title, issued_at, expires_at, revoked_at, revoke_reason, created_at, updated_at, version
    FROM {{schema}}.certificate
    WHERE tenant_id = $1 AND {_MATCHES} {{after}}
    ORDER BY {{order}} LIMIT $10""",  # noqa: S608 - constants
    _KEYS,
    position=11,
)

# One page of a user's certificates that match.
PAGES_OF_USER = pages(
    "certificate.pages_of_user",
    f"""SELECT id, user_id, course_id, enrollment_id, path_id, path_enrollment_id, serial, holder_name,
      course_title AS title, issued_at, expires_at, revoked_at, revoke_reason, created_at, updated_at, version
    FROM {{schema}}.certificate
    WHERE tenant_id = $1 AND user_id = $3::uuid AND {_MATCHES} {{after}}
    ORDER BY {{order}} LIMIT $10""",  # noqa: S608 - constants
    _KEYS_WITHIN,
    position=11,
)

# One page of a course's certificates that match.
PAGES_OF_COURSE = pages(
    "certificate.pages_of_course",
    f"""SELECT id, user_id, course_id, enrollment_id, path_id, path_enrollment_id, serial, holder_name,
      course_title AS title, issued_at, expires_at, revoked_at, revoke_reason, created_at, updated_at, version
    FROM {{schema}}.certificate
    WHERE tenant_id = $1 AND course_id = $4::uuid AND {_MATCHES} {{after}}
    ORDER BY {{order}} LIMIT $10""",  # noqa: S608 - constants
    _KEYS_WITHIN,
    position=11,
)

# One page of the matching certificates of those whom a manager of groups sees.
PAGES_OF_MANAGER = pages(
    "certificate.pages_of_manager",
    f"""SELECT id, user_id, course_id, enrollment_id, path_id, path_enrollment_id, serial, holder_name,
      course_title AS title, issued_at, expires_at, revoked_at, revoke_reason, created_at, updated_at, version
    FROM {{schema}}.certificate
    WHERE tenant_id = $1 AND user_id = ANY({people_of("$11", only="$3")}) AND {_MATCHES} {{after}}
    ORDER BY {{order}} LIMIT $10""",  # noqa: S608 - constants
    _KEYS_OF_MANY,
    position=12,
)

# The first matching certificates of each of many users.
FIRST_OF_USERS = beginnings(
    "certificate.first_of_users",
    f"""SELECT k.id, k.user_id, k.course_id, k.enrollment_id, k.path_id, k.path_enrollment_id, k.serial,
      k.holder_name, k.course_title AS title, k.issued_at, k.expires_at, k.revoked_at,
      k.revoke_reason, k.created_at, k.updated_at, k.version
    FROM unnest($10::uuid[]) AS parent (parent_id) CROSS JOIN LATERAL (
      SELECT * FROM {{schema}}.certificate WHERE tenant_id = $1 AND user_id = parent_id AND {_MATCHES}
      ORDER BY {{order}} LIMIT $11) AS k
    WHERE {unless_beyond("parent_id", "$12")}
    ORDER BY {{order}}""",  # noqa: S608 - constants
    _KEYS_WITHIN,
)

# How many certificates match.
COUNT = Statement(
    "certificate.count",
    f"SELECT count(*) FROM {{schema}}.certificate WHERE tenant_id = $1 AND {_MATCHES}",  # noqa: S608 - constants
)

# How many matching certificates there are of those whom a manager of groups sees.
COUNT_OF_MANAGER = Statement(
    "certificate.count_of_manager",
    f"""SELECT count(*) FROM {{schema}}.certificate
    WHERE tenant_id = $1 AND user_id = ANY({people_of("$10", only="$3")}) AND {_MATCHES}""",  # noqa: S608 - constants
)

# How many matching certificates each of many users has.
COUNT_OF_USERS = Statement(
    "certificate.count_of_users",
    f"""SELECT user_id AS parent, count(*) AS certificates FROM {{schema}}.certificate
    WHERE tenant_id = $1 AND user_id = ANY($10::uuid[]) AND {_MATCHES}
      AND {unless_beyond("certificate.user_id", "$11")}
    GROUP BY user_id""",  # noqa: S608 - constants
)


async def list_page(
    session: ShardSession,
    scope: Scope,
    only: CertificateFilter = ALL,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
) -> Sequence[Certificate]:
    """`scope`: that of somebody who sees those of others; who does not asks with their own `user_id`."""
    asked = (*msgspec.structs.astuple(only), first)
    if scope.manager is not None:
        statements, asked = PAGES_OF_MANAGER, (*asked, scope.manager)
    elif only.user_id is not None:
        statements = PAGES_OF_USER
    elif only.course_id is not None:
        statements = PAGES_OF_COURSE
    else:
        statements = PAGES
    return await session.fetch_rows(Certificate, statements[order].of(after), *asked, *(after or ()))


async def first_of_users(
    session: ShardSession,
    scope: Scope,
    user_ids: Sequence[UUID],
    only: CertificateFilter = ALL,
    *,
    first: int,
    order: Order = OLDEST_FIRST,
) -> Sequence[Certificate]:
    """The first `first` of each user, in the order; users beyond a manager's groups are left out."""
    matches = msgspec.structs.astuple(only)
    return await session.fetch_rows(
        Certificate, FIRST_OF_USERS[order], *matches, user_ids, first, scope.manager
    )


async def count(session: ShardSession, scope: Scope, only: CertificateFilter = ALL) -> int:
    asked = msgspec.structs.astuple(only)
    if scope.manager is not None:
        return int(await session.fetch_value(COUNT_OF_MANAGER, *asked, scope.manager))
    return int(await session.fetch_value(COUNT, *asked))


async def count_of_users(
    session: ShardSession, scope: Scope, user_ids: Sequence[UUID], only: CertificateFilter = ALL
) -> dict[UUID, int]:
    """Users without any, or beyond a manager's groups, are left out."""
    rows = await session.fetch(COUNT_OF_USERS, *msgspec.structs.astuple(only), user_ids, scope.manager)
    return {row["parent"]: row["certificates"] for row in rows}
