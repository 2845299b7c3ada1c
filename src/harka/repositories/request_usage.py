from collections.abc import Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

import msgspec

from harka.storage.catalog import CatalogAccess
from harka.storage.statement import CatalogStatement


class RequestUsage(msgspec.Struct, frozen=True):
    """How many requests an organization made in a month, as of the last writing."""

    requests: int
    as_of: datetime


# Count more requests. Rows are written in the order of ids, so that processes wait and never deadlock;
# an organization that is gone by now is passed over.
ADD = CatalogStatement(
    "request_usage.add",
    """INSERT INTO control.request_usage (tenant_id, month, requests, as_of)
    SELECT o.id, counted.month, counted.requests, now()
    FROM unnest($1::uuid[], $2::date[], $3::int8[]) AS counted (tenant_id, month, requests)
    JOIN control.organization o ON o.id = counted.tenant_id
    WHERE o.id = ANY($1::uuid[])
    ORDER BY o.id
    ON CONFLICT (tenant_id, month) DO UPDATE
    SET requests = request_usage.requests + excluded.requests, as_of = excluded.as_of""",
)

FIND = CatalogStatement(
    "request_usage.find",
    """SELECT requests, as_of FROM control.request_usage WHERE tenant_id = $1 AND month = $2""",
)


async def add(catalog: CatalogAccess, counted: Mapping[UUID, int], months: Sequence[date]) -> None:
    """`counted`: requests by organization. `months`: the first day of each one's month, in the same order."""
    await catalog.execute(ADD, list(counted), months, list(counted.values()))


async def find(catalog: CatalogAccess, tenant: UUID, month: date) -> RequestUsage | None:
    row = await catalog.fetch_row(FIND, tenant, month)
    return None if row is None else RequestUsage(*row)
