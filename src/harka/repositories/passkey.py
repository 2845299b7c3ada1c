import enum
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from harka.repositories.page import (
    CREATED,
    NAME,
    NAMED,
    OLDEST_FIRST,
    Condition,
    Key,
    Order,
    Position,
    narrowed,
    pages,
)
from harka.repositories.scope import Scope, unless_beyond
from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class PasskeyOrder(enum.StrEnum):
    CREATED_AT = "created_at"
    NAME = "name"


class Passkey(msgspec.Struct, frozen=True):
    """By which somebody comes in. `host`: the host that it was made at, and is good at alone.

    `is_synced`: whether other devices of theirs have it, too. `last_used_at`: None before it was used.
    """

    id: UUID
    user_id: UUID
    name: str
    host: str
    is_synced: bool
    last_used_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int


class Known(msgspec.Struct, frozen=True):
    """What is asked of who shows one. `status`: of the person."""

    id: UUID
    user_id: UUID
    status: str
    host: str
    public_key: bytes
    sign_count: int


# Passkeys by id that are somebody's own, or of whom a reader of everybody sees.
FIND_BY_IDS = Statement(
    "passkey.find_by_ids",
    f"""SELECT p.id, p.user_id, p.name, p.host, p.is_synced, p.last_used_at, p.created_at, p.updated_at,
      p.version
    FROM {{schema}}.passkey p
    WHERE p.tenant_id = $1 AND p.id = ANY($2::uuid[])
      AND (p.user_id = $3::uuid OR ($4::boolean AND {unless_beyond("p.user_id", "$5")}))""",  # noqa: S608 - constants
)

# The few that a person may have are sorted: only the first order has an index.
_KEYS: Final[Mapping[str, Key]] = {PasskeyOrder.CREATED_AT: CREATED, PasskeyOrder.NAME: NAME}
_SYNCED: Final = Condition("boolean", "is_synced = {}")
_MATCHES: Final = (
    f"user_id = $2::uuid AND {unless_beyond('passkey.user_id', '$3')} AND {narrowed(NAMED, _SYNCED, begin=4)}"
)

# One page of the passkeys of a person whom the reader sees, in each order.
PAGES = pages(
    "passkey.page",
    f"""SELECT id, user_id, name, host, is_synced, last_used_at, created_at, updated_at, version
    FROM {{schema}}.passkey
    WHERE tenant_id = $1 AND {_MATCHES} {{after}}
    ORDER BY {{order}} LIMIT $6""",  # noqa: S608 - constants
    _KEYS,
    position=7,
)

# How many passkeys a person has whom the reader sees.
COUNT = Statement(
    "passkey.count",
    f"SELECT count(*) FROM {{schema}}.passkey WHERE tenant_id = $1 AND {_MATCHES}",  # noqa: S608 - constants
)

# What a person's devices have already.
CREDENTIALS = Statement(
    "passkey.credentials",
    "SELECT credential_id FROM {schema}.passkey WHERE tenant_id = $1 AND user_id = $2::uuid",
)

# Whose one is.
FIND_BY_CREDENTIAL = Statement(
    "passkey.find_by_credential",
    """SELECT p.id, p.user_id, u.status, p.host, p.public_key, p.sign_count
    FROM {schema}.passkey p JOIN {schema}."user" u ON u.tenant_id = $1 AND u.id = p.user_id
    WHERE p.tenant_id = $1 AND p.credential_id = $2::bytea""",
)

# A new one.
INSERT = Statement(
    "passkey.insert",
    """INSERT INTO {schema}.passkey
      (tenant_id, id, user_id, name, host, is_synced, last_used_at, created_at, updated_at, version,
       credential_id, public_key, sign_count)
    VALUES ($1, $2::uuid, $3::uuid, $4::text, $5::text, $6::boolean, $7::timestamptz, $8::timestamptz,
      $9::timestamptz, $10::int, $11::bytea, $12::bytea, $13::bigint)""",
)

# It was used, unless it was meanwhile. That is no change of it.
USE = Statement(
    "passkey.use",
    """UPDATE {schema}.passkey SET sign_count = $4::bigint, last_used_at = now()
    WHERE tenant_id = $1 AND id = $2::uuid AND sign_count = $3::bigint""",
)

# Give one another name, unless someone else changed it.
RENAME = Statement(
    "passkey.rename",
    """UPDATE {schema}.passkey SET name = $4::text, updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2::uuid AND version = $3::int
    RETURNING id, user_id, name, host, is_synced, last_used_at, created_at, updated_at, version""",
)

# Take one away; a version of NULL stands for any.
DELETE = Statement(
    "passkey.delete",
    """DELETE FROM {schema}.passkey
    WHERE tenant_id = $1 AND id = $2::uuid AND ($3::int IS NULL OR version = $3)""",
)


async def find_by_ids(
    session: ShardSession, scope: Scope, ids: Sequence[UUID], *, own: UUID | None
) -> Sequence[Passkey]:
    """In no particular order. `own`: whose are found in any case; those of others where `scope` is of all."""
    return await session.fetch_rows(Passkey, FIND_BY_IDS, ids, own, scope.everything, scope.manager)


async def page(
    session: ShardSession,
    scope: Scope,
    person: UUID,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
    name: str | None = None,
    is_synced: bool | None = None,
) -> Sequence[Passkey]:
    """`name`: a part of it, in any case."""
    asked = (person, scope.manager, name, is_synced, first)
    return await session.fetch_rows(Passkey, PAGES[order].of(after), *asked, *(after or ()))


async def count(
    session: ShardSession,
    scope: Scope,
    person: UUID,
    *,
    name: str | None = None,
    is_synced: bool | None = None,
) -> int:
    return int(await session.fetch_value(COUNT, person, scope.manager, name, is_synced))


async def credentials(session: ShardSession, person: UUID) -> list[bytes]:
    return [row["credential_id"] for row in await session.fetch(CREDENTIALS, person)]


async def find_by_credential(session: ShardSession, credential_id: bytes) -> Known | None:
    row = await session.fetch_row(FIND_BY_CREDENTIAL, credential_id)
    return None if row is None else Known(*row)


async def insert(
    session: ShardSession, made: Passkey, credential_id: bytes, public_key: bytes, sign_count: int
) -> None:
    """Raise `UniqueError` for one that is here."""
    await session.execute(INSERT, *msgspec.structs.astuple(made), credential_id, public_key, sign_count)


async def use(session: ShardSession, known: Known, sign_count: int) -> bool:
    """False when it was used, or taken away, since it was read."""
    return bool(await session.execute(USE, known.id, known.sign_count, sign_count))


async def rename(session: ShardSession, id_: UUID, version: int, name: str) -> Passkey | None:
    """None: absent, or of another version."""
    row = await session.fetch_row(RENAME, id_, version, name)
    return None if row is None else Passkey(*row)


async def delete(session: ShardSession, id_: UUID, version: int | None) -> bool:
    """False: absent, or of another version."""
    return bool(await session.execute(DELETE, id_, version))
