import enum
from collections.abc import Sequence
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
from harka.storage.catalog import CatalogAccess, Record
from harka.storage.statement import CatalogStatement


class DomainStatus(enum.StrEnum):
    PENDING = "PENDING"
    VERIFIED = "VERIFIED"
    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"


class DomainOrder(enum.StrEnum):
    CREATED_AT = "created_at"
    NAME = "name"


class Proof(enum.StrEnum):
    DNS = "dns"
    OPERATOR = "operator"


class Domain(msgspec.Struct, frozen=True, kw_only=True):
    """A custom domain, lower case. `status`: claimed, proven, served, or (a claim again) served no longer.

    `token`: what its owner puts into DNS. `proven_by`: None while it is not. `checked_at`: when DNS was last
    asked. `proof_missing_since`: when the proof was first found to be gone; None while it is there.
    """

    id: UUID
    tenant_id: UUID
    name: str
    status: str
    token: str
    proven_by: str | None
    verified_at: datetime | None
    checked_at: datetime | None
    proof_missing_since: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int


# Domains at which tenants are served.
LIST_SERVED = CatalogStatement(
    "domain.list_served",
    """SELECT id, tenant_id, name, CASE WHEN suspended_at IS NULL THEN status ELSE 'SUSPENDED' END AS status,
      token, proven_by, verified_at, checked_at, proof_missing_since, created_at, updated_at, version
    FROM control.domain WHERE tenant_id = ANY($1::uuid[]) AND status = 'ACTIVE'""",
)

# Which of these a tenant has proven to be its own.
LIST_PROVEN = CatalogStatement(
    "domain.list_proven",
    """SELECT name FROM control.domain
    WHERE tenant_id = $1 AND name = ANY($2::text[]) AND status IN ('VERIFIED', 'ACTIVE')
      AND suspended_at IS NULL""",
)

_MATCHES: Final = narrowed(
    NAMED, Condition("text", "CASE WHEN suspended_at IS NULL THEN status ELSE 'SUSPENDED' END = {}")
)

# One page of a tenant's domains, claims included, in each order.
PAGES = catalog_pages(
    "domain.page",
    f"""SELECT id, tenant_id, name, CASE WHEN suspended_at IS NULL THEN status ELSE 'SUSPENDED' END AS status,
      token, proven_by, verified_at, checked_at, proof_missing_since, created_at, updated_at, version
    FROM control.domain
    WHERE tenant_id = $1 AND {_MATCHES} {{after}} ORDER BY {{order}} LIMIT $4""",  # noqa: S608 - constants
    {DomainOrder.CREATED_AT: CREATED, DomainOrder.NAME: NAME},
    position=5,
)

# How many domains a tenant has, claims included.
COUNT = CatalogStatement(
    "domain.count",
    f"SELECT count(*) FROM control.domain WHERE tenant_id = $1 AND {_MATCHES}",  # noqa: S608 - constants
)

# Which of a tenant's domains were proven, and are not any more.
FIND_MISSING = CatalogStatement(
    "domain.find_missing",
    """SELECT id FROM control.domain
    WHERE tenant_id = $1 AND proof_missing_since IS NOT NULL
      AND (status <> 'PENDING' OR suspended_at IS NOT NULL)
    ORDER BY proof_missing_since, id""",
)

# A tenant's domains by id.
FIND_BY_IDS = CatalogStatement(
    "domain.find_by_ids",
    """SELECT id, tenant_id, name, CASE WHEN suspended_at IS NULL THEN status ELSE 'SUSPENDED' END AS status,
      token, proven_by, verified_at, checked_at, proof_missing_since, created_at, updated_at, version
    FROM control.domain WHERE tenant_id = $1 AND id = ANY($2::uuid[])""",
)

# A tenant's domains that are proven by DNS and were not looked at for some seconds.
LIST_DUE = CatalogStatement(
    "domain.list_due",
    """SELECT id, tenant_id, name, CASE WHEN suspended_at IS NULL THEN status ELSE 'SUSPENDED' END AS status,
      token, proven_by, verified_at, checked_at, proof_missing_since, created_at, updated_at, version
    FROM control.domain
    WHERE tenant_id = $1 AND status IN ('VERIFIED', 'ACTIVE') AND proven_by = 'dns'
      AND (checked_at IS NULL OR checked_at < now() - make_interval(secs => $2))
    ORDER BY checked_at LIMIT 100""",
)

# A claim, or a domain proven by an operator's word. A claim that is there stays as it is.
INSERT = CatalogStatement(
    "domain.insert",
    """INSERT INTO control.domain (tenant_id, id, name, status, verified_at, proven_by)
    SELECT $1::uuid, $2::uuid, $3, $4, CASE WHEN $4 <> 'PENDING' THEN now() END,
      CASE WHEN $4 <> 'PENDING' THEN 'operator' END
    WHERE (SELECT count(*) FROM control.domain WHERE tenant_id = $1) < $5
    RETURNING id, tenant_id, name, CASE WHEN suspended_at IS NULL THEN status ELSE 'SUSPENDED' END AS status,
      token, proven_by, verified_at, checked_at, proof_missing_since, created_at, updated_at, version""",
)

# Take an operator's word for a claim, and serve it.
CONFIRM = CatalogStatement(
    "domain.confirm",
    """UPDATE control.domain
    SET status = 'ACTIVE', proven_by = 'operator', verified_at = coalesce(verified_at, now()),
      proof_missing_since = NULL, suspended_at = NULL, updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND name = $2
    RETURNING id, tenant_id, name, CASE WHEN suspended_at IS NULL THEN status ELSE 'SUSPENDED' END AS status,
      token, proven_by, verified_at, checked_at, proof_missing_since, created_at, updated_at, version""",
)

# The proof was found in DNS: a claim is verified, what was proven stays so.
PROVE = CatalogStatement(
    "domain.prove",
    """UPDATE control.domain
    SET status = CASE WHEN status = 'ACTIVE' THEN status ELSE 'VERIFIED' END, proven_by = 'dns',
      verified_at = now(), checked_at = now(), proof_missing_since = NULL, suspended_at = NULL,
      updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2
    RETURNING id, tenant_id, name, CASE WHEN suspended_at IS NULL THEN status ELSE 'SUSPENDED' END AS status,
      token, proven_by, verified_at, checked_at, proof_missing_since, created_at, updated_at, version""",
)

# DNS was asked for a domain that is proven: the proof is there, it is not, or nobody answered (NULL). One
# whose proof is gone for longer than the grace is taken back, and another organization may prove it.
CHECKED = CatalogStatement(
    "domain.checked",
    """UPDATE control.domain
    SET checked_at = now(),
      proof_missing_since = CASE WHEN $3::boolean THEN NULL WHEN $3 IS NULL THEN proof_missing_since
        ELSE coalesce(proof_missing_since, now()) END,
      status = CASE WHEN NOT $3 AND proof_missing_since < now() - make_interval(secs => $4) THEN 'PENDING'
        ELSE status END,
      suspended_at = CASE WHEN NOT $3 AND proof_missing_since < now() - make_interval(secs => $4)
        AND status = 'ACTIVE' THEN now() END,
      updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2 AND status IN ('VERIFIED', 'ACTIVE') AND proven_by = 'dns'
    RETURNING id, tenant_id, name, CASE WHEN suspended_at IS NULL THEN status ELSE 'SUSPENDED' END AS status,
      token, proven_by, verified_at, checked_at, proof_missing_since, created_at, updated_at, version""",
)

# Serve a domain that is proven.
ACTIVATE = CatalogStatement(
    "domain.activate",
    """UPDATE control.domain SET status = 'ACTIVE', updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2 AND status = 'VERIFIED' AND ($3::int IS NULL OR version = $3)
    RETURNING id, tenant_id, name, CASE WHEN suspended_at IS NULL THEN status ELSE 'SUSPENDED' END AS status,
      token, proven_by, verified_at, checked_at, proof_missing_since, created_at, updated_at, version""",
)

# Give a domain up; a version of NULL stands for any.
DELETE = CatalogStatement(
    "domain.delete",
    """DELETE FROM control.domain
    WHERE tenant_id = $1 AND id = $2 AND ($3::int IS NULL OR version = $3)""",
)


async def list_served(catalog: CatalogAccess, tenants: Sequence[UUID]) -> list[Domain]:
    """In no particular order."""
    return _domains(await catalog.fetch(LIST_SERVED, tenants))


async def list_proven(catalog: CatalogAccess, tenant: UUID, names: Sequence[str]) -> list[str]:
    return [row["name"] for row in await catalog.fetch(LIST_PROVEN, tenant, names)]


async def page(
    catalog: CatalogAccess,
    tenant: UUID,
    *,
    after: Position | None = None,
    first: int,
    order: Order = OLDEST_FIRST,
    name: str | None = None,
    status: str | None = None,
) -> list[Domain]:
    """`name`: a part of it. `status`: a `DomainStatus`. None for any, here and below."""
    asked = (tenant, name, status, first, *(after or ()))
    return _domains(await catalog.fetch(PAGES[order].of(after), *asked))


async def count(
    catalog: CatalogAccess, tenant: UUID, *, name: str | None = None, status: str | None = None
) -> int:
    found: int = await catalog.fetch_value(COUNT, tenant, name, status)
    return found


async def find_missing(catalog: CatalogAccess, tenant: UUID) -> list[UUID]:
    """Those whose proof is gone, served still or not any more; the longest gone first."""
    return [row["id"] for row in await catalog.fetch(FIND_MISSING, tenant)]


async def find_by_ids(catalog: CatalogAccess, tenant: UUID, ids: Sequence[UUID]) -> list[Domain]:
    return _domains(await catalog.fetch(FIND_BY_IDS, tenant, ids))


async def list_due(catalog: CatalogAccess, tenant: UUID, *, older_than: float) -> list[Domain]:
    """At most 100 that are proven by DNS; `older_than`: seconds since it was last asked."""
    return _domains(await catalog.fetch(LIST_DUE, tenant, older_than))


async def insert(
    catalog: CatalogAccess, id_: UUID, tenant: UUID, name: str, status: str, *, most: int
) -> Domain | None:
    """None when the tenant has `most` already. What is not PENDING is so by an operator's word.

    Raise `UniqueError` (domain_tenant_id_name_key, or domain_name_proven when it is another tenant's).
    """
    row = await catalog.fetch_row(INSERT, tenant, id_, name, status, most)
    return None if row is None else Domain(**row)


async def confirm(catalog: CatalogAccess, tenant: UUID, name: str) -> Domain | None:
    """None: not claimed by this tenant. Raise `UniqueError` (domain_name_proven) when another was first."""
    row = await catalog.fetch_row(CONFIRM, tenant, name)
    return None if row is None else Domain(**row)


async def prove(catalog: CatalogAccess, tenant: UUID, id_: UUID) -> Domain | None:
    """None: not this tenant's. Raise `UniqueError` (domain_name_proven) when another was first."""
    row = await catalog.fetch_row(PROVE, tenant, id_)
    return None if row is None else Domain(**row)


async def checked(
    catalog: CatalogAccess, tenant: UUID, id_: UUID, *, found: bool | None, grace: float
) -> Domain | None:
    """`found`: None when nobody answered. `grace`: seconds. None: it is not proven any more, or gone."""
    row = await catalog.fetch_row(CHECKED, tenant, id_, found, grace)
    return None if row is None else Domain(**row)


async def activate(catalog: CatalogAccess, tenant: UUID, id_: UUID, version: int | None) -> Domain | None:
    """None: absent, of another version, or not VERIFIED."""
    row = await catalog.fetch_row(ACTIVATE, tenant, id_, version)
    return None if row is None else Domain(**row)


async def delete(catalog: CatalogAccess, tenant: UUID, id_: UUID, version: int | None = None) -> bool:
    """Whether this tenant had it, of that version."""
    return await catalog.execute(DELETE, tenant, id_, version) > 0


def _domains(rows: list[Record]) -> list[Domain]:
    return [Domain(**row) for row in rows]
