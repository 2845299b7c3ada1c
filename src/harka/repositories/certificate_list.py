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
    narrowed,
    pages,
)
from harka.repositories.scope import Scope, people_of
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


async def count(session: ShardSession, scope: Scope, only: CertificateFilter = ALL) -> int:
    asked = msgspec.structs.astuple(only)
    if scope.manager is not None:
        return int(await session.fetch_value(COUNT_OF_MANAGER, *asked, scope.manager))
    return int(await session.fetch_value(COUNT, *asked))
