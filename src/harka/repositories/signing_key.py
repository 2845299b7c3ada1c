from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from harka import clock
from harka.codec import from_json, json_bytes
from harka.storage.catalog import CatalogAccess, Record
from harka.storage.statement import CatalogStatement

SHOWN_FOR: Final = timedelta(minutes=5)
"""How long whoever verifies may keep what `/.well-known/jwks.json` said."""
KNOWN_AFTER: Final = SHOWN_FOR + timedelta(seconds=30)
"""The age at which whoever verifies knows a key: our processes within 5 s, others when they look again."""


class SigningKey(msgspec.Struct, frozen=True, kw_only=True):
    """`sealed_private`: encrypted for this tenant, empty where only verification is meant."""

    kid: str
    tenant_id: UUID
    algorithm: str
    public_jwk: dict[str, str]
    sealed_private: bytes
    created_at: datetime
    retired_at: datetime | None


# Public halves of the keys whose tokens are accepted, of some tenants.
LIST_LIVE = CatalogStatement(
    "signing_key.list_live",
    """SELECT kid, tenant_id, algorithm, public_jwk, ''::bytea, created_at, retired_at
    FROM control.signing_key WHERE tenant_id = ANY($1::uuid[]) AND retired_at IS NULL""",
)

# The key a tenant signs with: its newest of those made before a moment, or else its eldest.
FIND_CURRENT = CatalogStatement(
    "signing_key.find_current",
    """SELECT kid, tenant_id, algorithm, public_jwk, sealed_private, created_at, retired_at
    FROM control.signing_key
    WHERE tenant_id = $1 AND retired_at IS NULL AND sealed_private IS NOT NULL
    ORDER BY created_at < $2::timestamptz DESC, CASE WHEN created_at < $2 THEN created_at END DESC,
      created_at, kid LIMIT 1""",
)

# A new key.
INSERT = CatalogStatement(
    "signing_key.insert",
    """INSERT INTO control.signing_key
      (kid, tenant_id, algorithm, public_jwk, sealed_private, created_at, retired_at)
    VALUES ($1, $2, $3, $4::jsonb, nullif($5, ''::bytea), $6, $7)""",
)

# No longer accept a key's tokens, and forget its private half.
RETIRE = CatalogStatement(
    "signing_key.retire",
    """UPDATE control.signing_key SET retired_at = now(), sealed_private = NULL
    WHERE tenant_id = $1 AND kid = $2 AND retired_at IS NULL""",
)


async def list_live(catalog: CatalogAccess, tenants: Sequence[UUID]) -> list[SigningKey]:
    """Without private halves, in no particular order."""
    return [_signing_key(row) for row in await catalog.fetch(LIST_LIVE, tenants)]


async def find_current(
    catalog: CatalogAccess, tenant: UUID, *, now: datetime | None = None
) -> SigningKey | None:
    """The newest that everybody who verifies knows; with its private half, still sealed. `now`: the clock's.

    Where none is that old, the one that most may know.
    """
    row = await catalog.fetch_row(FIND_CURRENT, tenant, (now or clock.now()) - KNOWN_AFTER)
    return None if row is None else _signing_key(row)


async def insert(catalog: CatalogAccess, key: SigningKey) -> None:
    values = msgspec.structs.replace(key, public_jwk=json_bytes(key.public_jwk).decode())
    await catalog.execute(INSERT, *msgspec.structs.astuple(values))


async def retire(catalog: CatalogAccess, tenant: UUID, kid: str) -> bool:
    """Whether this tenant had such a live key."""
    return await catalog.execute(RETIRE, tenant, kid) > 0


def _signing_key(row: Record) -> SigningKey:
    values = list(row)
    values[3] = from_json(values[3])
    return SigningKey(**dict(zip(SigningKey.__struct_fields__, values, strict=True)))
