import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from harka.codec import from_json, json_bytes
from harka.storage.catalog import CatalogAccess, Record
from harka.storage.location import Location
from harka.storage.statement import CatalogStatement

_FIRST_ID = UUID(int=0)
_REPEATED = ("plan", "status", "locale", "timezone", "shard", "mode", "database", "schema")


class Granted(msgspec.Struct, frozen=True):
    """What an organization has beside its plan: limits by their names in `tenancy.plan`, None for no limit.

    `shadow`: what is beyond a limit is counted, and let pass. `version`: of the last change.
    """

    limits: dict[str, int | float | None]
    shadow: bool
    version: int


class Organization(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant and where it lives: `control.organization` joined with `control.placement`.

    `status`: active or suspended. `domain`: a proven custom domain, also under a plan that serves none.
    `features`: what differs from the plan. `granted`: None for what the plan has.
    """

    id: UUID
    name: str
    slug: str
    plan: str
    status: str
    locale: str
    timezone: str
    region: str | None
    settings: dict[str, Any]
    features: dict[str, bool]
    created_at: datetime
    updated_at: datetime
    version: int
    domain: str | None
    shard: str
    mode: str
    database: str
    schema: str
    epoch: int
    granted: Granted | None = None

    @property
    def location(self) -> Location:
        return Location(self.database, self.schema)


_SELECT = """SELECT o.id, o.name, o.slug, o.plan, o.status, o.locale, o.timezone, o.region,
  o.settings, o.features, o.created_at, o.updated_at, o.version,
  (SELECT d.name FROM control.domain d WHERE d.tenant_id = o.id AND d.status IN ('VERIFIED', 'ACTIVE')
   ORDER BY d.status = 'ACTIVE' DESC, d.created_at, d.id LIMIT 1),
  p.shard, p.mode, p.database, p.schema, p.epoch,
  e.limits, e.shadow, e.version
FROM control.organization o JOIN control.placement p ON p.tenant_id = o.id
LEFT JOIN control.entitlement e ON e.tenant_id = o.id
"""

# Organizations by id, with their placement.
FIND_BY_IDS = CatalogStatement(
    "organization.find_by_ids",
    _SELECT + "WHERE o.id = ANY($1::uuid[])",
)

# The organization of a slug.
FIND_BY_SLUG = CatalogStatement(
    "organization.find_by_slug",
    _SELECT + "WHERE o.slug = $1",
)

# One page of the ids of all organizations, in the order of ids.
LIST_IDS = CatalogStatement(
    "organization.list_ids",
    "SELECT tenant_id FROM control.placement WHERE tenant_id > $1 ORDER BY tenant_id LIMIT $2",
)

# A new organization; its placement follows in the same transaction.
INSERT = CatalogStatement(
    "organization.insert",
    """INSERT INTO control.organization
      (id, name, slug, plan, status, locale, timezone, region, settings, features,
       created_at, updated_at, version)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb, $10::jsonb, $11, $12, $13)""",
)

# Suspend or resume an organization.
SET_STATUS = CatalogStatement(
    "organization.set_status",
    """UPDATE control.organization SET status = $2, updated_at = now(), version = version + 1
    WHERE id = $1 AND status <> $2""",
)

# Change what an organization says of itself.
UPDATE = CatalogStatement(
    "organization.update",
    """UPDATE control.organization
    SET name = $3, locale = $4, timezone = $5, settings = $6::jsonb, updated_at = now(), version = version + 1
    WHERE id = $1 AND version = $2
    RETURNING updated_at, version""",
)

# Remove an organization with everything the catalog says of it.
DELETE = CatalogStatement("organization.delete", "DELETE FROM control.organization WHERE id = $1")


async def find_by_ids(catalog: CatalogAccess, ids: Sequence[UUID]) -> list[Organization]:
    """In no particular order; unknown ids are left out."""
    return [_organization(row) for row in await catalog.fetch(FIND_BY_IDS, ids)]


async def find_by_slug(catalog: CatalogAccess, slug: str) -> Organization | None:
    row = await catalog.fetch_row(FIND_BY_SLUG, slug)
    return None if row is None else _organization(row)


async def list_ids(catalog: CatalogAccess, *, after: UUID | None, first: int) -> list[UUID]:
    """The `first` ids that follow `after` (None: from the beginning)."""
    return [row[0] for row in await catalog.fetch(LIST_IDS, after or _FIRST_ID, first)]


async def insert(catalog: CatalogAccess, organization: Organization) -> None:
    """Without its placement and domain, which have repositories of their own.

    Raise `UniqueError` (organization_slug_key) for a slug that is taken.
    """
    values = msgspec.structs.astuple(organization)
    documents = (json_bytes(value).decode() for value in values[8:10])
    await catalog.execute(INSERT, *values[:8], *documents, *values[10:13])


async def set_status(catalog: CatalogAccess, tenant: UUID, status: str) -> Organization | None:
    """The organization as it is now; None when there is none."""
    await catalog.execute(SET_STATUS, tenant, status)
    found = await find_by_ids(catalog, [tenant])
    return found[0] if found else None


async def update(catalog: CatalogAccess, changed: Organization) -> Organization | None:
    """Name, locale, time zone and settings of `changed`; None when it is of another version by now."""
    settings = json_bytes(changed.settings).decode()
    row = await catalog.fetch_row(
        UPDATE, changed.id, changed.version, changed.name, changed.locale, changed.timezone, settings
    )
    return None if row is None else msgspec.structs.replace(changed, **row)


async def delete(catalog: CatalogAccess, tenant: UUID) -> bool:
    """Whether there was one. Its home is not touched."""
    return await catalog.execute(DELETE, tenant) > 0


def _organization(row: Record) -> Organization:
    *own, limits, shadow, version = row
    values = dict(zip(Organization.__struct_fields__, own, strict=False))
    if limits is not None:
        values["granted"] = Granted(from_json(limits), shadow, version)
    for name in _REPEATED:
        # one text for all organizations: 10,000 of them are kept by every process
        values[name] = sys.intern(values[name])
    for name in ("settings", "features"):
        values[name] = from_json(values[name])
    return Organization(**values)
