from datetime import date, datetime

import msgspec

from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class Usage(msgspec.Struct, frozen=True):
    """What a tenant used on `day` (UTC), as of the last measurement of that day."""

    day: date
    active_users: int
    total_users: int
    storage_bytes: int
    as_of: datetime


# Measure now and keep it as this day's figures. Of rows those that people make, in whatever way, and that
# stay: not what is kept for a time (events, sessions, deliveries), or made of other rows (words, sums).
# The size of a whole row reads what is long in it from where that is kept apart, that of a column does not:
# where rows may be long, their long columns are measured, and about 150 bytes are the rest of a row.
MEASURE = Statement(
    "usage.measure",
    """INSERT INTO {schema}.usage (tenant_id, day, active_users, total_users, storage_bytes, as_of)
    SELECT $1::uuid, (now() AT TIME ZONE 'UTC')::date,
      (SELECT count(*) FROM {schema}.user_activity
       WHERE tenant_id = $1 AND day > (now() AT TIME ZONE 'UTC')::date - $2::int),
      (SELECT count(*) FROM {schema}."user" WHERE tenant_id = $1),
      (SELECT coalesce(sum(pg_column_size(t.*)), 0) FROM {schema}."user" t WHERE t.tenant_id = $1)
      + (SELECT coalesce(sum(pg_column_size(t.*)), 0) FROM {schema}.user_group t WHERE t.tenant_id = $1)
      + (SELECT coalesce(sum(pg_column_size(t.*)), 0)
         FROM {schema}.user_group_member t WHERE t.tenant_id = $1)
      + (SELECT coalesce(sum(150 + coalesce(pg_column_size(t.attributes), 0)), 0)
         FROM {schema}.scim_user t WHERE t.tenant_id = $1)
      + (SELECT coalesce(sum(150 + coalesce(pg_column_size(t.description), 0)), 0)
         FROM {schema}.course t WHERE t.tenant_id = $1)
      + (SELECT coalesce(sum(150 + coalesce(pg_column_size(t.description), 0)
           + coalesce(pg_column_size(t.modules), 0)), 0)
         FROM {schema}.course_version t WHERE t.tenant_id = $1)
      + (SELECT coalesce(sum(pg_column_size(t.*)), 0) FROM {schema}.module t WHERE t.tenant_id = $1)
      + (SELECT coalesce(sum(pg_column_size(t.*)), 0) FROM {schema}.lesson t WHERE t.tenant_id = $1)
      + (SELECT coalesce(sum(150 + coalesce(pg_column_size(t.text), 0)), 0)
         FROM {schema}.content_item t WHERE t.tenant_id = $1)
      + (SELECT coalesce(sum(150 + coalesce(pg_column_size(t.instructions), 0)), 0)
         FROM {schema}.assignment t WHERE t.tenant_id = $1)
      + (SELECT coalesce(sum(150 + coalesce(pg_column_size(t.text), 0)
           + coalesce(pg_column_size(t.feedback), 0)), 0)
         FROM {schema}.submission t WHERE t.tenant_id = $1)
      + (SELECT coalesce(sum(150 + coalesce(pg_column_size(t.description), 0)), 0)
         FROM {schema}.quiz t WHERE t.tenant_id = $1)
      + (SELECT coalesce(sum(150 + coalesce(pg_column_size(t.prompt), 0)
           + coalesce(pg_column_size(t.options), 0)
           + coalesce(pg_column_size(t.accepted_texts), 0)), 0)
         FROM {schema}.quiz_question t WHERE t.tenant_id = $1)
      + (SELECT coalesce(sum(150 + coalesce(pg_column_size(t.answers), 0)
           + coalesce(pg_column_size(t.questions), 0)), 0)
         FROM {schema}.quiz_attempt t WHERE t.tenant_id = $1)
      + (SELECT coalesce(sum(pg_column_size(t.*)), 0) FROM {schema}.category t WHERE t.tenant_id = $1)
      + (SELECT coalesce(sum(pg_column_size(t.*)), 0) FROM {schema}.tag t WHERE t.tenant_id = $1)
      + (SELECT coalesce(sum(150 + coalesce(pg_column_size(t.description), 0)), 0)
         FROM {schema}.learning_path t WHERE t.tenant_id = $1)
      + (SELECT coalesce(sum(pg_column_size(t.*)), 0)
         FROM {schema}.learning_path_course t WHERE t.tenant_id = $1)
      + (SELECT coalesce(sum(pg_column_size(t.*)), 0)
         FROM {schema}.learning_path_enrollment t WHERE t.tenant_id = $1)
      + (SELECT coalesce(sum(pg_column_size(t.*)), 0) FROM {schema}.enrollment t WHERE t.tenant_id = $1)
      + (SELECT coalesce(sum(pg_column_size(t.*)), 0)
         FROM {schema}.lesson_progress t WHERE t.tenant_id = $1)
      + (SELECT coalesce(sum(pg_column_size(t.*)), 0) FROM {schema}.completion t WHERE t.tenant_id = $1)
      + (SELECT coalesce(sum(pg_column_size(t.*)), 0) FROM {schema}.certificate t WHERE t.tenant_id = $1)
      + (SELECT coalesce(sum(150 + coalesce(pg_column_size(t.payload), 0)
           + coalesce(pg_column_size(t.sealed), 0)), 0)
         FROM {schema}.job t WHERE t.tenant_id = $1),
      now()
    ON CONFLICT (tenant_id, day) DO UPDATE
    SET active_users = excluded.active_users, total_users = excluded.total_users,
      storage_bytes = excluded.storage_bytes, as_of = excluded.as_of
    RETURNING day, active_users, total_users, storage_bytes, as_of""",
)

# The last measurement.
LATEST = Statement(
    "usage.latest",
    """SELECT day, active_users, total_users, storage_bytes, as_of
    FROM {schema}.usage WHERE tenant_id = $1 ORDER BY day DESC LIMIT 1""",
)


async def measure(session: ShardSession, *, window_days: int) -> Usage:
    """`window_days`: how far back a user's progress makes the user active."""
    row = await session.fetch_row(MEASURE, window_days)
    assert row is not None  # noqa: S101 - the statement always writes its row
    return Usage(*row)


async def latest(session: ShardSession) -> Usage | None:
    row = await session.fetch_row(LATEST)
    return None if row is None else Usage(*row)
