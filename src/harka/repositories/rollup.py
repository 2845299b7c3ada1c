from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class Totals(msgspec.Struct, frozen=True):
    """Of a tenant, exactly as of the reading transaction.

    `enrollments`: not withdrawn; `completed`: of those. `progress`: the sum of theirs, in millionths.
    `active_users`: who got further within the window. `dead_jobs`: given up within it. `file_bytes`: of
    files, and reserved for those that are being uploaded. `expiring_certificates`: ending within it from now
    on. `dead`, `expiring`, `paused`, `lost`: the ids of some of these, the most urgent first.
    """

    users: int
    users_active: int
    enrollments: int
    completed: int
    progress: int
    active_users: int
    dead_jobs: int
    expiring_certificates: int
    paused_webhooks: int
    file_bytes: int
    as_of: datetime
    dead: Sequence[UUID] = ()
    expiring: Sequence[UUID] = ()
    paused: Sequence[UUID] = ()
    lost_webhooks: int = 0
    lost: Sequence[UUID] = ()


# What is kept of the tenant as a whole: the sums, and what came since they were made.
READ = Statement(
    "rollup.read",
    """SELECT
      coalesce(sum(value) FILTER (WHERE metric = 'users'), 0)::bigint AS users,
      coalesce(sum(value) FILTER (WHERE metric = 'users_active'), 0)::bigint AS users_active,
      coalesce(sum(value) FILTER (WHERE metric = 'enrollments'), 0)::bigint AS enrollments,
      coalesce(sum(value) FILTER (WHERE metric = 'completed'), 0)::bigint AS completed,
      coalesce(sum(value) FILTER (WHERE metric = 'progress'), 0)::bigint AS progress,
      (SELECT count(*) FROM {schema}.user_activity
       WHERE tenant_id = $1 AND day > (now() AT TIME ZONE 'UTC')::date - $2::int) AS active_users,
      (SELECT count(*) FROM {schema}.job
       WHERE tenant_id = $1 AND state = 'dead'
         AND finished_at > now() - make_interval(days => $2::int)) AS dead_jobs,
      (SELECT count(*) FROM {schema}.certificate
       WHERE tenant_id = $1 AND revoked_at IS NULL AND expires_at > now()
         AND expires_at <= now() + make_interval(days => $2::int)) AS expiring_certificates,
      (SELECT count(*) FROM {schema}.webhook_endpoint
       WHERE tenant_id = $1 AND pause_reason <> 'asked') AS paused_webhooks,
      coalesce((SELECT bytes FROM {schema}.file_ledger WHERE tenant_id = $1), 0) AS file_bytes,
      now() AS as_of,
      ARRAY(SELECT id FROM {schema}.job
        WHERE tenant_id = $1 AND state = 'dead' AND finished_at > now() - make_interval(days => $2::int)
        ORDER BY finished_at DESC LIMIT $3::int) AS dead,
      ARRAY(SELECT id FROM {schema}.certificate
        WHERE tenant_id = $1 AND revoked_at IS NULL AND expires_at > now()
          AND expires_at <= now() + make_interval(days => $2::int)
        ORDER BY expires_at LIMIT $3::int) AS expiring,
      ARRAY(SELECT id FROM {schema}.webhook_endpoint
        WHERE tenant_id = $1 AND pause_reason <> 'asked' ORDER BY id LIMIT $3::int) AS paused,
      (SELECT count(*) FROM {schema}.webhook_endpoint
       WHERE tenant_id = $1 AND events_lost_at IS NOT NULL) AS lost_webhooks,
      ARRAY(SELECT id FROM {schema}.webhook_endpoint
        WHERE tenant_id = $1 AND events_lost_at IS NOT NULL ORDER BY id LIMIT $3::int) AS lost
    FROM (
      SELECT metric, value FROM {schema}.rollup WHERE tenant_id = $1
      UNION ALL
      SELECT metric, change FROM {schema}.rollup_change WHERE tenant_id = $1
    ) AS counted""",
)

# Add to the sums what came since. Two at once: the second waits, and finds nothing left to add.
FOLD = Statement(
    "rollup.fold",
    """WITH taken AS (DELETE FROM {schema}.rollup_change WHERE tenant_id = $1 RETURNING metric, change)
    INSERT INTO {schema}.rollup AS kept (tenant_id, metric, value)
    SELECT $1::uuid, metric, sum(change) FROM taken GROUP BY metric ORDER BY metric
    ON CONFLICT (tenant_id, metric) DO UPDATE SET value = kept.value + excluded.value""",
)


async def read(session: ShardSession, *, window_days: int, named: int = 0) -> Totals:
    """`window_days`: of whole days (UTC), today among them. `named`: the most ids of each kind."""
    row = await session.fetch_row(READ, window_days, named)
    assert row is not None  # noqa: S101 - sums are always there
    return Totals(*row)


async def fold(session: ShardSession) -> None:
    """Keep what has to be added up for an answer short."""
    await session.execute(FOLD)
