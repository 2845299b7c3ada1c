from collections.abc import Sequence
from uuid import UUID

import msgspec

from harka.storage.catalog import CatalogAccess
from harka.storage.statement import CatalogStatement


class Domain(msgspec.Struct, frozen=True, kw_only=True):
    """A custom domain, lower case. `status`: PENDING (claimed), VERIFIED (proven), ACTIVE (certified)."""

    id: UUID
    tenant_id: UUID
    name: str
    status: str


# Domains that tenants have proven to be theirs.
LIST_PROVEN = CatalogStatement(
    "domain.list_proven",
    """SELECT id, tenant_id, name, status FROM control.domain
    WHERE tenant_id = ANY($1::uuid[]) AND status IN ('VERIFIED', 'ACTIVE')""",
)

# All domains of a tenant, claims included.
LIST_BY_TENANT = CatalogStatement(
    "domain.list_by_tenant",
    "SELECT id, tenant_id, name, status FROM control.domain WHERE tenant_id = $1 ORDER BY created_at, id",
)

# A claim, or a domain proven by an operator's word.
INSERT = CatalogStatement(
    "domain.insert",
    """INSERT INTO control.domain (id, tenant_id, name, status, verified_at)
    VALUES ($1, $2, $3, $4, CASE WHEN $4 <> 'PENDING' THEN now() END)""",
)

# Prove a claim, or take the proof back.
SET_STATUS = CatalogStatement(
    "domain.set_status",
    """UPDATE control.domain
    SET status = $3, verified_at = CASE WHEN $3 <> 'PENDING' THEN coalesce(verified_at, now()) END
    WHERE tenant_id = $1 AND name = $2
    RETURNING id, tenant_id, name, status""",
)

# Give a domain up.
DELETE = CatalogStatement("domain.delete", "DELETE FROM control.domain WHERE tenant_id = $1 AND name = $2")


async def list_proven(catalog: CatalogAccess, tenants: Sequence[UUID]) -> list[Domain]:
    """In no particular order."""
    return [Domain(**row) for row in await catalog.fetch(LIST_PROVEN, tenants)]


async def list_by_tenant(catalog: CatalogAccess, tenant: UUID) -> list[Domain]:
    return [Domain(**row) for row in await catalog.fetch(LIST_BY_TENANT, tenant)]


async def insert(catalog: CatalogAccess, domain: Domain) -> None:
    """Raise `UniqueError` (domain_tenant_id_name_key, or domain_name_proven when it is another tenant's)."""
    await catalog.execute(INSERT, *msgspec.structs.astuple(domain))


async def set_status(catalog: CatalogAccess, tenant: UUID, name: str, status: str) -> Domain | None:
    """None: not claimed by this tenant. Raise `UniqueError` (domain_name_proven) when another was first."""
    row = await catalog.fetch_row(SET_STATUS, tenant, name, status)
    return None if row is None else Domain(**row)


async def delete(catalog: CatalogAccess, tenant: UUID, name: str) -> bool:
    """Whether this tenant had it."""
    return await catalog.execute(DELETE, tenant, name) > 0
