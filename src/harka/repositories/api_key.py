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
    Order,
    Position,
    catalog_pages,
    narrowed,
)
from harka.storage.catalog import CatalogAccess
from harka.storage.statement import CatalogStatement


class ApiKeyOrder(enum.StrEnum):
    CREATED_AT = "created_at"
    NAME = "name"


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """`hash`: SHA-256 of the key's text; the secret itself is nowhere. `user_id`: as whom it acts, or None.

    `networks`: CIDR, from where alone it is accepted; empty for anywhere. `requests_per_second`: None for no
    limit of its own. `created_by`: None for an operator. When it was last used is told by `UsedApiKey` alone:
    processes keep these, and compare them to see what has changed.
    """

    id: UUID
    tenant_id: UUID
    prefix: str
    hash: bytes
    name: str
    scopes: list[str]
    user_id: UUID | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    networks: list[str]
    requests_per_second: int | None
    created_by: UUID | None
    updated_at: datetime
    version: int


class UsedApiKey(ApiKey, frozen=True, kw_only=True):
    """`last_used_at`: to the minute; None for a key that was never used."""

    last_used_at: datetime | None


# Keys that may still be used, of some tenants.
LIST_LIVE = CatalogStatement(
    "api_key.list_live",
    """SELECT id, tenant_id, prefix, hash, name, scopes, user_id, created_at, expires_at, revoked_at,
      networks, requests_per_second, created_by, updated_at, version
    FROM control.api_key
    WHERE tenant_id = ANY($1::uuid[]) AND revoked_at IS NULL
      AND (expires_at IS NULL OR expires_at > now())""",
)

# All keys of a tenant, dead ones included.
LIST_BY_TENANT = CatalogStatement(
    "api_key.list_by_tenant",
    """SELECT id, tenant_id, prefix, hash, name, scopes, user_id, created_at, expires_at, revoked_at,
      networks, requests_per_second, created_by, updated_at, version, last_used_at
    FROM control.api_key WHERE tenant_id = $1 ORDER BY created_at, id""",
)

# What has become of a key: see `learning.api_key.state_of`.
_MATCHES: Final = narrowed(
    NAMED,
    Condition(
        "text",
        "CASE WHEN revoked_at IS NOT NULL THEN 'revoked' WHEN expires_at <= now() THEN 'expired' "
        "ELSE 'live' END = {}",
    ),
)

# One page of a tenant's keys, dead ones included, in each order.
PAGES = catalog_pages(
    "api_key.page",
    f"""SELECT id, tenant_id, prefix, hash, name, scopes, user_id, created_at, expires_at, revoked_at,
      networks, requests_per_second, created_by, updated_at, version, last_used_at
    FROM control.api_key
    WHERE tenant_id = $1 AND {_MATCHES} {{after}} ORDER BY {{order}} LIMIT $4""",  # noqa: S608 - constants
    {ApiKeyOrder.CREATED_AT: CREATED, ApiKeyOrder.NAME: NAME},
    position=5,
)

# How many keys a tenant has, dead ones included.
COUNT = CatalogStatement(
    "api_key.count",
    f"SELECT count(*) FROM control.api_key WHERE tenant_id = $1 AND {_MATCHES}",  # noqa: S608 - constants
)

# A tenant's keys by id.
FIND_BY_IDS = CatalogStatement(
    "api_key.find_by_ids",
    """SELECT id, tenant_id, prefix, hash, name, scopes, user_id, created_at, expires_at, revoked_at,
      networks, requests_per_second, created_by, updated_at, version, last_used_at
    FROM control.api_key WHERE tenant_id = $1 AND id = ANY($2::uuid[])""",
)

# A new key, unless the tenant has as many live ones as it may.
INSERT = CatalogStatement(
    "api_key.insert",
    """INSERT INTO control.api_key
      (tenant_id, id, prefix, hash, name, scopes, user_id, created_at, expires_at, revoked_at,
       networks, requests_per_second, created_by, updated_at, version)
    SELECT $1::uuid, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15
    WHERE (SELECT count(*) FROM control.api_key WHERE tenant_id = $1 AND revoked_at IS NULL
      AND (expires_at IS NULL OR expires_at > now())) < $16""",
)

# Revoke a key that is not revoked yet, found by its prefix.
REVOKE = CatalogStatement(
    "api_key.revoke",
    """UPDATE control.api_key SET revoked_at = now(), updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND prefix = $2 AND revoked_at IS NULL
    RETURNING id, tenant_id, prefix, hash, name, scopes, user_id, created_at, expires_at, revoked_at,
      networks, requests_per_second, created_by, updated_at, version""",
)

# Revoke a key that is not revoked yet; a version of NULL stands for any.
REVOKE_BY_ID = CatalogStatement(
    "api_key.revoke_by_id",
    """UPDATE control.api_key SET revoked_at = now(), updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2 AND ($3::int IS NULL OR version = $3) AND revoked_at IS NULL
    RETURNING id, tenant_id, prefix, hash, name, scopes, user_id, created_at, expires_at, revoked_at,
      networks, requests_per_second, created_by, updated_at, version, last_used_at""",
)

# Revoke what acts as a person.
REVOKE_OF_PERSON = CatalogStatement(
    "api_key.revoke_of_person",
    """UPDATE control.api_key SET revoked_at = now(), updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND user_id = $2 AND revoked_at IS NULL""",
)

# A key in another's place, which ends some seconds from now if it does not end earlier. Both or neither.
ROTATE = CatalogStatement(
    "api_key.rotate",
    """WITH replaced AS (
      UPDATE control.api_key
      SET expires_at = least(expires_at, now() + make_interval(secs => $4)), updated_at = now(),
        version = version + 1
      WHERE tenant_id = $1 AND id = $2 AND version = $3 AND revoked_at IS NULL
        AND (expires_at IS NULL OR expires_at > now())
      RETURNING *)
    INSERT INTO control.api_key
      (id, tenant_id, prefix, hash, name, scopes, user_id, created_at, expires_at, networks,
       requests_per_second, created_by, updated_at)
    SELECT $5, tenant_id, $6, $7, name, scopes, user_id, $8::timestamptz, $9::timestamptz, networks,
      requests_per_second, $10::uuid, $8
    FROM replaced
    RETURNING id, tenant_id, prefix, hash, name, scopes, user_id, created_at, expires_at, revoked_at,
      networks, requests_per_second, created_by, updated_at, version, last_used_at""",
)

# When keys were last used, many at once; never moves backwards.
# The rows are locked in the order of ids, so that processes that write the same keys wait and never deadlock.
TOUCH = CatalogStatement(
    "api_key.touch",
    """WITH locked AS (
      SELECT k.id, used.at
      FROM unnest($1::uuid[], $2::timestamptz[]) AS used (id, at) JOIN control.api_key k USING (id)
      WHERE k.last_used_at IS NULL OR k.last_used_at < used.at
      ORDER BY k.id FOR NO KEY UPDATE OF k)
    UPDATE control.api_key k SET last_used_at = greatest(k.last_used_at, locked.at)
    FROM locked WHERE k.id = locked.id""",
)

MOST_LIVE: Final = 100
"""Keys of one tenant that may be used at the same time: every process keeps them in memory."""


async def list_live(catalog: CatalogAccess, tenants: Sequence[UUID]) -> list[ApiKey]:
    """In no particular order."""
    return [ApiKey(**row) for row in await catalog.fetch(LIST_LIVE, tenants)]


async def list_by_tenant(catalog: CatalogAccess, tenant: UUID) -> list[UsedApiKey]:
    """The oldest first."""
    return [UsedApiKey(**row) for row in await catalog.fetch(LIST_BY_TENANT, tenant)]


async def page(
    catalog: CatalogAccess,
    tenant: UUID,
    *,
    after: Position | None = None,
    first: int,
    order: Order = OLDEST_FIRST,
    name: str | None = None,
    state: str | None = None,
) -> list[UsedApiKey]:
    """`name`: a part of it, in any case. `state`: what has become of it. None for any, here and below."""
    asked = (tenant, name, state, first, *(after or ()))
    return [UsedApiKey(**row) for row in await catalog.fetch(PAGES[order].of(after), *asked)]


async def count(
    catalog: CatalogAccess, tenant: UUID, *, name: str | None = None, state: str | None = None
) -> int:
    return int(await catalog.fetch_value(COUNT, tenant, name, state))


async def find_by_ids(catalog: CatalogAccess, tenant: UUID, ids: Sequence[UUID]) -> list[UsedApiKey]:
    """In no particular order; unknown ids are left out."""
    return [UsedApiKey(**row) for row in await catalog.fetch(FIND_BY_IDS, tenant, ids)]


async def insert(catalog: CatalogAccess, key: ApiKey) -> bool:
    """False, and nothing done: the tenant has `MOST_LIVE` keys that may be used.

    Raise `UniqueError` (api_key_prefix_key) for a prefix in use, `ForeignKeyError` without that tenant.
    """
    id_, tenant, *others = msgspec.structs.astuple(key)
    return await catalog.execute(INSERT, tenant, id_, *others, MOST_LIVE) > 0


async def revoke(catalog: CatalogAccess, tenant: UUID, prefix: str) -> ApiKey | None:
    """None: this tenant has no such key, or it is revoked already."""
    row = await catalog.fetch_row(REVOKE, tenant, prefix)
    return None if row is None else ApiKey(**row)


async def revoke_by_id(
    catalog: CatalogAccess, tenant: UUID, id_: UUID, version: int | None
) -> UsedApiKey | None:
    """None: absent, of another version, or revoked already."""
    row = await catalog.fetch_row(REVOKE_BY_ID, tenant, id_, version)
    return None if row is None else UsedApiKey(**row)


async def revoke_of_person(catalog: CatalogAccess, tenant: UUID, user: UUID) -> int:
    """How many; those whose end has come, too."""
    return await catalog.execute(REVOKE_OF_PERSON, tenant, user)


async def rotate(
    catalog: CatalogAccess, replaced: ApiKey, fresh: ApiKey, *, overlap: float
) -> UsedApiKey | None:
    """Put `fresh` in the place of `replaced`, which ends in `overlap` seconds at the latest.

    Of `fresh` counts what is its own: id, prefix, hash, moments and maker. None, and nothing done: `replaced`
    is not live any more, or of another version.
    """
    row = await catalog.fetch_row(
        ROTATE,
        replaced.tenant_id,
        replaced.id,
        replaced.version,
        overlap,
        fresh.id,
        fresh.prefix,
        fresh.hash,
        fresh.created_at,
        fresh.expires_at,
        fresh.created_by,
    )
    return None if row is None else UsedApiKey(**row)


async def touch(catalog: CatalogAccess, uses: Mapping[UUID, datetime]) -> None:
    """`uses`: last use by key id. Tells nobody: no process reads the catalog again for it."""
    await catalog.execute(TOUCH, list(uses), list(uses.values()))
