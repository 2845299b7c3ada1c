"""What organizations are granted beside their plans, and every change of that."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from harka.codec import from_json, json_bytes
from harka.storage.catalog import CatalogAccess
from harka.storage.statement import CatalogStatement

Limit = int | float | None
"""None: no limit."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What held from `changed_at` on, by whom and why. `version`: counts the changes of one organization.

    `forced`: what it was beyond and what stopped with it, of a change that was not held against what is in
    use; None for any other. As in `tenancy.entitling.Beyond`, with `measured`: false where nobody knows.
    """

    version: int
    plan: str
    limits: dict[str, Limit]
    features: dict[str, bool]
    shadow: bool
    actor: str
    reason: str
    changed_at: datetime
    forced: dict[str, Any] | None = None


# What is granted from now on, unless it changed since `$4`, 0 for the first time.
PUT = CatalogStatement(
    "entitlement.put",
    """INSERT INTO control.entitlement AS held (tenant_id, limits, shadow)
    SELECT $1::uuid, $2::jsonb, $3::boolean
    WHERE $4::int = 0 OR EXISTS (SELECT FROM control.entitlement WHERE tenant_id = $1)
    ON CONFLICT (tenant_id) DO UPDATE
    SET limits = excluded.limits, shadow = excluded.shadow, version = held.version + 1, updated_at = now()
    WHERE held.version = $4::int
    RETURNING version""",
)

# The plan of an organization, and what of its features differs from it.
SET_PLAN = CatalogStatement(
    "entitlement.set_plan",
    """UPDATE control.organization
    SET plan = $2, features = $3::jsonb, updated_at = now(), version = version + 1
    WHERE id = $1 AND (plan <> $2 OR features <> $3::jsonb)""",
)

# Write down what holds now.
NOTE = CatalogStatement(
    "entitlement.note",
    """INSERT INTO control.entitlement_change
      (tenant_id, version, plan, limits, features, shadow, actor, reason, forced)
    VALUES ($1, $2, $3, $4::jsonb, $5::jsonb, $6, $7, $8, $9::jsonb)""",
)

# The changes of one organization, the newest first.
HISTORY = CatalogStatement(
    "entitlement.history",
    """SELECT version, plan, limits, features, shadow, actor, reason, changed_at, forced
    FROM control.entitlement_change WHERE tenant_id = $1 ORDER BY version DESC LIMIT $2""",
)


async def put(
    catalog: CatalogAccess, tenant: UUID, limits: Mapping[str, Limit], *, shadow: bool, version: int
) -> int | None:
    """The new version; None when it is not `version` any more. `version`: 0 where there was none."""
    found: int | None = await catalog.fetch_value(PUT, tenant, _document(limits), shadow, version)
    return found


async def set_plan(catalog: CatalogAccess, tenant: UUID, plan: str, features: Mapping[str, bool]) -> None:
    await catalog.execute(SET_PLAN, tenant, plan, _document(features))


async def note(catalog: CatalogAccess, tenant: UUID, change: Change) -> None:
    """`change.changed_at` is the database's."""
    await catalog.execute(
        NOTE,
        tenant,
        change.version,
        change.plan,
        _document(change.limits),
        _document(change.features),
        change.shadow,
        change.actor,
        change.reason,
        None if change.forced is None else _document(change.forced),
    )


async def history(catalog: CatalogAccess, tenant: UUID, *, first: int) -> Sequence[Change]:
    """The newest first."""
    return [
        Change(
            version=row[0],
            plan=row[1],
            limits=from_json(row[2]),
            features=from_json(row[3]),
            shadow=row[4],
            actor=row[5],
            reason=row[6],
            changed_at=row[7],
            forced=None if row[8] is None else from_json(row[8]),
        )
        for row in await catalog.fetch(HISTORY, tenant, first)
    ]


def _document(value: Mapping[str, Any]) -> str:
    return json_bytes(dict(value)).decode()
