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


class ScimTokenOrder(enum.StrEnum):
    CREATED_AT = "created_at"
    NAME = "name"


class ScimToken(msgspec.Struct, frozen=True, kw_only=True):
    """`hash`: SHA-256 of the token's text; the secret itself is nowhere. `permissions`: the most it may do.

    `created_by`: None for an operator. When it was last used is told by `UsedScimToken` alone: processes keep
    these, and compare them to see what has changed.
    """

    id: UUID
    tenant_id: UUID
    prefix: str
    hash: bytes
    name: str
    permissions: list[str]
    created_by: UUID | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    updated_at: datetime
    version: int


class UsedScimToken(ScimToken, frozen=True, kw_only=True):
    """`last_used_at`: to the minute; None for a token that was never used."""

    last_used_at: datetime | None


# Tokens that may still be used, of some tenants.
LIST_LIVE = CatalogStatement(
    "scim_token.list_live",
    """SELECT id, tenant_id, prefix, hash, name, permissions, created_by, created_at, expires_at, revoked_at,
      updated_at, version
    FROM control.scim_token
    WHERE tenant_id = ANY($1::uuid[]) AND revoked_at IS NULL
      AND (expires_at IS NULL OR expires_at > now())""",
)

# What has become of a token: see `learning.scim_token.state_of`.
_MATCHES: Final = narrowed(
    NAMED,
    Condition(
        "text",
        "CASE WHEN revoked_at IS NOT NULL THEN 'revoked' WHEN expires_at <= now() THEN 'expired' "
        "ELSE 'live' END = {}",
    ),
)

# One page of a tenant's tokens, dead ones included, in each order.
PAGES = catalog_pages(
    "scim_token.page",
    f"""SELECT id, tenant_id, prefix, hash, name, permissions, created_by, created_at, expires_at, revoked_at,
      updated_at, version, last_used_at
    FROM control.scim_token
    WHERE tenant_id = $1 AND {_MATCHES} {{after}} ORDER BY {{order}} LIMIT $4""",  # noqa: S608 - constants
    {ScimTokenOrder.CREATED_AT: CREATED, ScimTokenOrder.NAME: NAME},
    position=5,
)

# How many tokens a tenant has, dead ones included.
COUNT = CatalogStatement(
    "scim_token.count",
    f"SELECT count(*) FROM control.scim_token WHERE tenant_id = $1 AND {_MATCHES}",  # noqa: S608 - constants
)

# A tenant's tokens by id.
FIND_BY_IDS = CatalogStatement(
    "scim_token.find_by_ids",
    """SELECT id, tenant_id, prefix, hash, name, permissions, created_by, created_at, expires_at, revoked_at,
      updated_at, version, last_used_at
    FROM control.scim_token WHERE tenant_id = $1 AND id = ANY($2::uuid[])""",
)

# A new token, unless the tenant has as many live ones as it may.
INSERT = CatalogStatement(
    "scim_token.insert",
    """INSERT INTO control.scim_token
      (tenant_id, id, prefix, hash, name, permissions, created_by, created_at, expires_at)
    SELECT $1::uuid, $2, $3, $4, $5, $6, $7, $8, $9
    WHERE (SELECT count(*) FROM control.scim_token WHERE tenant_id = $1 AND revoked_at IS NULL
      AND (expires_at IS NULL OR expires_at > now())) < $10""",
)

# Revoke a token that is not revoked yet; a version of NULL stands for any.
REVOKE = CatalogStatement(
    "scim_token.revoke",
    """UPDATE control.scim_token SET revoked_at = now(), updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2 AND ($3::int IS NULL OR version = $3) AND revoked_at IS NULL
    RETURNING id, tenant_id, prefix, hash, name, permissions, created_by, created_at, expires_at, revoked_at,
      updated_at, version, last_used_at""",
)

# When tokens were last used, many at once; never moves backwards. Locked in the order of ids, see `api_key`.
TOUCH = CatalogStatement(
    "scim_token.touch",
    """WITH locked AS (
      SELECT k.id, used.at
      FROM unnest($1::uuid[], $2::timestamptz[]) AS used (id, at) JOIN control.scim_token k USING (id)
      WHERE k.last_used_at IS NULL OR k.last_used_at < used.at
      ORDER BY k.id FOR NO KEY UPDATE OF k)
    UPDATE control.scim_token k SET last_used_at = greatest(k.last_used_at, locked.at)
    FROM locked WHERE k.id = locked.id""",
)

MOST_LIVE: Final = 10
"""Tokens of one tenant that may be used at the same time: every process keeps them in memory."""


async def list_live(catalog: CatalogAccess, tenants: Sequence[UUID]) -> list[ScimToken]:
    """In no particular order."""
    return [ScimToken(**row) for row in await catalog.fetch(LIST_LIVE, tenants)]


async def page(
    catalog: CatalogAccess,
    tenant: UUID,
    *,
    after: Position | None = None,
    first: int,
    order: Order = OLDEST_FIRST,
    name: str | None = None,
    state: str | None = None,
) -> list[UsedScimToken]:
    """`name`: a part of it, in any case. `state`: what has become of it. None for any, here and below."""
    asked = (tenant, name, state, first, *(after or ()))
    return [UsedScimToken(**row) for row in await catalog.fetch(PAGES[order].of(after), *asked)]


async def count(
    catalog: CatalogAccess, tenant: UUID, *, name: str | None = None, state: str | None = None
) -> int:
    return int(await catalog.fetch_value(COUNT, tenant, name, state))


async def find_by_ids(catalog: CatalogAccess, tenant: UUID, ids: Sequence[UUID]) -> list[UsedScimToken]:
    """In no particular order; unknown ids are left out."""
    return [UsedScimToken(**row) for row in await catalog.fetch(FIND_BY_IDS, tenant, ids)]


async def insert(catalog: CatalogAccess, token: ScimToken) -> bool:
    """False, and nothing done: the tenant has `MOST_LIVE` tokens that may be used."""
    values = (token.prefix, token.hash, token.name, token.permissions, token.created_by, token.created_at)
    made = await catalog.execute(INSERT, token.tenant_id, token.id, *values, token.expires_at, MOST_LIVE)
    return made > 0


async def revoke(
    catalog: CatalogAccess, tenant: UUID, id_: UUID, version: int | None
) -> UsedScimToken | None:
    """None: absent, of another version, or revoked already."""
    row = await catalog.fetch_row(REVOKE, tenant, id_, version)
    return None if row is None else UsedScimToken(**row)


async def touch(catalog: CatalogAccess, uses: Mapping[UUID, datetime]) -> None:
    """`uses`: last use by token id. Tells nobody: no process reads the catalog again for it."""
    await catalog.execute(TOUCH, list(uses), list(uses.values()))
