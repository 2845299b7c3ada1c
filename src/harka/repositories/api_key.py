from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from harka.storage.catalog import CatalogAccess
from harka.storage.statement import CatalogStatement


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """`hash`: SHA-256 of the key's text; the secret itself is nowhere.

    When it was last used is told by `UsedApiKey` alone: processes keep these, and compare them to see what
    has changed.
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


class UsedApiKey(ApiKey, frozen=True, kw_only=True):
    """`last_used_at`: to the minute; None for a key that was never used."""

    last_used_at: datetime | None


# Keys that may still be used, of some tenants.
LIST_LIVE = CatalogStatement(
    "api_key.list_live",
    """SELECT id, tenant_id, prefix, hash, name, scopes, user_id,
      created_at, expires_at, revoked_at
    FROM control.api_key
    WHERE tenant_id = ANY($1::uuid[]) AND revoked_at IS NULL
      AND (expires_at IS NULL OR expires_at > now())""",
)

# All keys of a tenant, dead ones included.
LIST_BY_TENANT = CatalogStatement(
    "api_key.list_by_tenant",
    """SELECT id, tenant_id, prefix, hash, name, scopes, user_id,
      created_at, expires_at, revoked_at, last_used_at
    FROM control.api_key WHERE tenant_id = $1 ORDER BY created_at, id""",
)

# A new key.
INSERT = CatalogStatement(
    "api_key.insert",
    """INSERT INTO control.api_key
      (id, tenant_id, prefix, hash, name, scopes, user_id, created_at, expires_at, revoked_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)""",
)

# Revoke a key that is not revoked yet.
REVOKE = CatalogStatement(
    "api_key.revoke",
    """UPDATE control.api_key SET revoked_at = now()
    WHERE tenant_id = $1 AND prefix = $2 AND revoked_at IS NULL
    RETURNING id, tenant_id, prefix, hash, name, scopes, user_id,
      created_at, expires_at, revoked_at""",
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


async def list_live(catalog: CatalogAccess, tenants: Sequence[UUID]) -> list[ApiKey]:
    """In no particular order."""
    return [ApiKey(**row) for row in await catalog.fetch(LIST_LIVE, tenants)]


async def list_by_tenant(catalog: CatalogAccess, tenant: UUID) -> list[UsedApiKey]:
    """The oldest first."""
    return [UsedApiKey(**row) for row in await catalog.fetch(LIST_BY_TENANT, tenant)]


async def insert(catalog: CatalogAccess, key: ApiKey) -> None:
    """Raise `UniqueError` (api_key_prefix_key) for a prefix in use, `ForeignKeyError` without that tenant."""
    await catalog.execute(INSERT, *msgspec.structs.astuple(key))


async def revoke(catalog: CatalogAccess, tenant: UUID, prefix: str) -> ApiKey | None:
    """None: this tenant has no such key, or it is revoked already."""
    row = await catalog.fetch_row(REVOKE, tenant, prefix)
    return None if row is None else ApiKey(**row)


async def touch(catalog: CatalogAccess, uses: Mapping[UUID, datetime]) -> None:
    """`uses`: last use by key id. Tells nobody: no process reads the catalog again for it."""
    await catalog.execute(TOUCH, list(uses), list(uses.values()))
