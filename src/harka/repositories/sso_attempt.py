import enum
from collections.abc import Sequence
from datetime import datetime
from typing import Final, TypedDict, Unpack
from uuid import UUID

import msgspec

from harka.repositories.page import CREATED, NEWEST_FIRST, Condition, Order, Position, narrowed, pages
from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class SsoAttemptOrder(enum.StrEnum):
    CREATED_AT = "created_at"


class SsoAttempt(msgspec.Struct, frozen=True):
    """What came of somebody's coming in. `detail`: for an admin, without secrets. It never changes."""

    id: UUID
    connection_id: UUID | None
    user_id: UUID | None
    outcome: str
    detail: str
    created_at: datetime


class AttemptFilter(TypedDict, total=False):
    """What is None, or left out, leaves out nothing. `outcome`: as of `learning.sso`."""

    outcome: str | None
    connection_id: UUID | None
    user_id: UUID | None


# What came of an attempt.
INSERT = Statement(
    "sso_attempt.insert",
    """INSERT INTO {schema}.sso_attempt (tenant_id, id, connection_id, user_id, outcome, detail)
    VALUES ($1, $2::uuid, $3::uuid, $4::uuid, $5::text, $6::text)""",
)

# Attempts by id.
FIND_BY_IDS = Statement(
    "sso_attempt.find_by_ids",
    """SELECT id, connection_id, user_id, outcome, detail, created_at
    FROM {schema}.sso_attempt WHERE tenant_id = $1 AND id = ANY($2::uuid[])""",
)

_MATCHES: Final = narrowed(
    Condition("text", "outcome = {}"),
    Condition("uuid", "connection_id = {}"),
    Condition("uuid", "user_id = {}"),
)

# One page of attempts, in each order.
PAGES = pages(
    "sso_attempt.page",
    f"""SELECT id, connection_id, user_id, outcome, detail, created_at
    FROM {{schema}}.sso_attempt
    WHERE tenant_id = $1 AND {_MATCHES} {{after}} ORDER BY {{order}} LIMIT $5""",  # noqa: S608 - constants
    {SsoAttemptOrder.CREATED_AT: CREATED},
    position=6,
)

# How many attempts match.
COUNT = Statement(
    "sso_attempt.count",
    f"SELECT count(*) FROM {{schema}}.sso_attempt WHERE tenant_id = $1 AND {_MATCHES}",  # noqa: S608 - constants
)

# Forget what is old.
DELETE_OLD = Statement(
    "sso_attempt.delete_old",
    """DELETE FROM {schema}.sso_attempt
    WHERE tenant_id = $1 AND created_at < now() - $2::float8 * interval '1 second'""",
)


async def insert(
    session: ShardSession, id_: UUID, connection: UUID | None, user: UUID | None, outcome: str, detail: str
) -> None:
    await session.execute(INSERT, id_, connection, user, outcome, detail)


async def find_by_ids(session: ShardSession, ids: Sequence[UUID]) -> Sequence[SsoAttempt]:
    """In no particular order."""
    return await session.fetch_rows(SsoAttempt, FIND_BY_IDS, ids)


async def list_page(
    session: ShardSession,
    *,
    after: Position | None,
    first: int,
    order: Order = NEWEST_FIRST,
    **only: Unpack[AttemptFilter],
) -> Sequence[SsoAttempt]:
    asked = (*_asked(only), first, *(after or ()))
    return await session.fetch_rows(SsoAttempt, PAGES[order].of(after), *asked)


async def count(session: ShardSession, **only: Unpack[AttemptFilter]) -> int:
    return int(await session.fetch_value(COUNT, *_asked(only)))


async def delete_old(session: ShardSession, *, older_than: float) -> int:
    """How many. `older_than`: seconds."""
    return await session.execute(DELETE_OLD, older_than)


def _asked(only: AttemptFilter) -> tuple[str | UUID | None, ...]:
    """The parameters of `_MATCHES`."""
    return only.get("outcome"), only.get("connection_id"), only.get("user_id")
