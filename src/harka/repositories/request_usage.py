from collections.abc import Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

import msgspec

from harka.storage.catalog import CatalogAccess
from harka.storage.statement import CatalogStatement


class RequestUsage(msgspec.Struct, frozen=True):
    """What an organization's people asked for in a month, as of the last writing.

    `downloaded`: bytes of files that were sent to them.
    """

    requests: int
    as_of: datetime
    downloaded: int = 0


# Count more requests and bytes. Rows are written in the order of ids, so that processes wait and never
# deadlock; an organization that is gone by now is passed over.
ADD = CatalogStatement(
    "request_usage.add",
    """INSERT INTO control.request_usage (tenant_id, month, requests, as_of, downloaded)
    SELECT o.id, counted.month, counted.requests, now(), counted.downloaded
    FROM unnest($1::uuid[], $2::date[], $3::int8[], $4::int8[])
      AS counted (tenant_id, month, requests, downloaded)
    JOIN control.organization o ON o.id = counted.tenant_id
    WHERE o.id = ANY($1::uuid[])
    ORDER BY o.id
    ON CONFLICT (tenant_id, month) DO UPDATE
    SET requests = request_usage.requests + excluded.requests,
      downloaded = request_usage.downloaded + excluded.downloaded, as_of = excluded.as_of""",
)

FIND = CatalogStatement(
    "request_usage.find",
    """SELECT requests, as_of, downloaded FROM control.request_usage WHERE tenant_id = $1 AND month = $2""",
)


async def add(
    catalog: CatalogAccess,
    counted: Mapping[UUID, int],
    months: Sequence[date],
    downloaded: Mapping[UUID, int] | None = None,
) -> None:
    """`counted`: requests by organization. `months`: the first day of each one's month, in the same order.

    `downloaded`: bytes, of some of them.
    """
    sent = downloaded or {}
    await catalog.execute(
        ADD, list(counted), months, list(counted.values()), [sent.get(tenant, 0) for tenant in counted]
    )


async def find(catalog: CatalogAccess, tenant: UUID, month: date) -> RequestUsage | None:
    row = await catalog.fetch_row(FIND, tenant, month)
    return None if row is None else RequestUsage(*row)
