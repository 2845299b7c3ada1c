import enum
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from harka.codec import from_json, json_bytes
from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class JobState(enum.StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"


class Job(msgspec.Struct, frozen=True):
    """`state`: a `JobState`. `priority`: smaller runs first. `fence`: grows with every claim."""

    id: UUID
    type: str
    payload: dict[str, Any]
    state: str
    priority: int
    attempts: int
    max_attempts: int
    run_at: datetime
    leased_until: datetime | None
    fence: int
    error: str | None
    created_at: datetime


# Put a job into the queue; jobs of one transaction keep their order.
INSERT = Statement(
    "job.insert",
    """INSERT INTO {schema}.job (tenant_id, id, type, payload, priority, max_attempts, run_at)
    VALUES ($1, $2, $3, $4::jsonb, $5, $6, clock_timestamp())""",
)

# Put a job without payload into the queue, unless one of its type waits or was put in after an id was made.
# Ids begin with the moment they were made, so the recent ones are a range of the primary key.
# By the newest, not by NOT EXISTS: a plan for any moment expects a match soon, and reads the whole table.
INSERT_UNLESS_RECENT = Statement(
    "job.insert_unless_recent",
    """INSERT INTO {schema}.job (tenant_id, id, type, max_attempts)
    SELECT $1::uuid, $2::uuid, $3::text, $4::int
    WHERE NOT EXISTS (SELECT FROM {schema}.job WHERE tenant_id = $1 AND type = $3 AND state = 'queued')
      AND (SELECT id FROM {schema}.job
        WHERE tenant_id = $1 AND type = $3 AND id > $5::uuid ORDER BY id DESC LIMIT 1) IS NULL""",
)

# Take the next job that is due, or whose worker was lost; one that was lost too often is dead instead.
# The id comes from a subquery of its own: a bare coalesce would cost the index under row-level security.
CLAIM = Statement(
    "job.claim",
    """UPDATE {schema}.job
    SET state = CASE WHEN attempts < max_attempts THEN 'running' ELSE 'dead' END,
      attempts = least(attempts + 1, max_attempts), fence = fence + 1,
      leased_until = now() + make_interval(secs => $2::float8),
      error = CASE WHEN attempts < max_attempts THEN error ELSE 'its worker was lost' END,
      updated_at = now(), finished_at = CASE WHEN attempts < max_attempts THEN finished_at ELSE now() END
    WHERE tenant_id = $1 AND id = (SELECT coalesce(
      (SELECT id FROM {schema}.job WHERE tenant_id = $1 AND state = 'running' AND leased_until < now()
       ORDER BY leased_until LIMIT 1 FOR UPDATE SKIP LOCKED),
      (SELECT id FROM {schema}.job WHERE tenant_id = $1 AND state = 'queued' AND run_at <= now()
       ORDER BY priority, run_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)))
    RETURNING id, type, payload, state, priority, attempts, max_attempts, run_at, leased_until, fence, error,
      created_at""",
)

# The work is done, unless another worker has taken it over.
FINISH = Statement(
    "job.finish",
    """UPDATE {schema}.job
    SET state = 'done', leased_until = NULL, error = NULL, updated_at = now(), finished_at = now()
    WHERE tenant_id = $1 AND id = $2 AND fence = $3 AND state = 'running'""",
)

# The work failed: again after a while, or dead when it was the last attempt.
FAIL = Statement(
    "job.fail",
    """UPDATE {schema}.job
    SET state = CASE WHEN attempts < max_attempts THEN 'queued' ELSE 'dead' END,
      run_at = now() + make_interval(secs => $4::float8), leased_until = NULL, error = $5, updated_at = now(),
      finished_at = CASE WHEN attempts < max_attempts THEN NULL ELSE now() END
    WHERE tenant_id = $1 AND id = $2 AND fence = $3 AND state = 'running'
    RETURNING state""",
)

# Forget jobs done long ago; dead ones stay.
DELETE_DONE = Statement(
    "job.delete_done",
    """DELETE FROM {schema}.job
    WHERE tenant_id = $1 AND state = 'done' AND finished_at < now() - make_interval(secs => $2::float8)""",
)

# Jobs by id.
FIND_BY_IDS = Statement(
    "job.find_by_ids",
    """SELECT id, type, payload, state, priority, attempts, max_attempts, run_at, leased_until, fence, error,
      created_at
    FROM {schema}.job WHERE tenant_id = $1 AND id = ANY($2::uuid[])""",
)


async def insert(
    session: ShardSession,
    id_: UUID,
    type_: str,
    payload: dict[str, Any],
    *,
    priority: int,
    max_attempts: int,
) -> None:
    text = json_bytes(payload).decode()
    await session.execute(INSERT, id_, type_, text, priority, max_attempts)


async def insert_unless_recent(
    session: ShardSession, id_: UUID, type_: str, *, max_attempts: int, since: UUID
) -> bool:
    """Whether it was put in. Two callers at once may both be: this saves work, it guards nothing."""
    return await session.execute(INSERT_UNLESS_RECENT, id_, type_, max_attempts, since) > 0


async def claim(session: ShardSession, lease: float) -> Job | None:
    """The most urgent, then the oldest; it may come back dead. `lease`: seconds to finish it."""
    row = await session.fetch_row(CLAIM, lease)
    return None if row is None else _job(row)


async def finish(session: ShardSession, job: Job) -> bool:
    """False: the lease was lost to another worker, which does the work now."""
    return await session.execute(FINISH, job.id, job.fence) > 0


async def fail(session: ShardSession, job: Job, error: str, *, delay: float) -> str | None:
    """The state it is in now, or None when the lease was lost. `delay`: seconds until the next attempt."""
    state: str | None = await session.fetch_value(FAIL, job.id, job.fence, delay, error)
    return state


async def delete_done(session: ShardSession, *, older_than: float) -> int:
    """`older_than`: seconds since they were finished."""
    return await session.execute(DELETE_DONE, older_than)


async def find_by_ids(session: ShardSession, ids: list[UUID]) -> list[Job]:
    return [_job(row) for row in await session.fetch(FIND_BY_IDS, ids)]


def _job(row: Any) -> Job:
    job = Job(*row)
    return msgspec.structs.replace(job, payload=from_json(row["payload"]))
