"""What of a tenant's health its admins were told."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class HealthAlert(msgspec.Struct, frozen=True):
    """`since`: when it began; `seen_at`: when it was last there. `told_severity`, `told_at`: None before."""

    code: str
    since: datetime
    seen_at: datetime
    told_severity: str | None = None
    told_at: datetime | None = None


# What there is or lately was, held until the transaction ends.
LOCK = Statement(
    "alert.lock",
    """SELECT code, since, seen_at, told_severity, told_at FROM {schema}.health_alert
    WHERE tenant_id = $1 ORDER BY code FOR UPDATE""",
)

# As it is now.
WRITE = Statement(
    "alert.write",
    """INSERT INTO {schema}.health_alert (tenant_id, code, since, seen_at, told_severity, told_at)
    SELECT $1::uuid, code, since, seen_at, told_severity, told_at
    FROM unnest($2::text[], $3::timestamptz[], $4::timestamptz[], $5::text[], $6::timestamptz[])
      AS given (code, since, seen_at, told_severity, told_at)
    ON CONFLICT (tenant_id, code) DO UPDATE SET since = excluded.since, seen_at = excluded.seen_at,
      told_severity = excluded.told_severity, told_at = excluded.told_at""",
)

# Forget those.
DELETE = Statement(
    "alert.delete",
    "DELETE FROM {schema}.health_alert WHERE tenant_id = $1 AND code = ANY($2::text[])",
)


async def lock(session: ShardSession) -> Sequence[HealthAlert]:
    return await session.fetch_rows(HealthAlert, LOCK)


async def write(session: ShardSession, alerts: Sequence[HealthAlert]) -> None:
    """By code, new ones and known ones."""
    columns = [[getattr(each, name) for each in alerts] for name in HealthAlert.__struct_fields__]
    await session.execute(WRITE, *columns)


async def delete(session: ShardSession, codes: Sequence[str]) -> None:
    await session.execute(DELETE, codes)
