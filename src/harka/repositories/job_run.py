"""What workers do with a tenant's jobs: claim, keep alive, end. Every end names the fence of its claim."""

import asyncio
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec

from harka.codec import from_json
from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class Run(msgspec.Struct, frozen=True):
    """A job as a worker gets it.

    `state`: running, or how it ended instead: dead or cancelled. `fence`: grows with every claim. `sealed`:
    the payload, where it holds personal data; then `payload` is empty. `is_first`: nobody has begun it
    before. `was_lost`: it may be what its last worker died of.
    """

    id: UUID
    type: str
    payload: dict[str, object]
    sealed: bytes | None
    state: str
    attempts: int
    max_attempts: int
    fence: int
    priority: int
    cron: str | None
    dedupe_key: str | None
    is_first: bool
    was_lost: bool


class _Claimed(msgspec.Struct, frozen=True):
    """A `Run` in types that need no reading by asyncpg."""

    id: UUID
    type: str
    payload: str
    sealed: str | None
    state: str
    attempts: int
    max_attempts: int
    fence: int
    priority: int
    cron: str | None
    dedupe_key: str | None
    is_first: bool
    was_lost: bool


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one claim may take, and what the tenant may have running everywhere.

    `types`: those this worker can do, with how many of each may run. `per_second`: how many may begin, of
    which what `burst` seconds allow may be saved up. `long`: the types that keep a worker for long.
    """

    running: int
    types: dict[str, int]
    per_second: float
    burst: float
    long: tuple[str, ...] = ()


class Outlook(msgspec.Struct, frozen=True):
    """`waits`: there are jobs that are due and may not run now.

    `seconds`: until a claim may find something; None when nothing is to happen by itself.
    """

    waits: bool
    seconds: float | None


class Beat(msgspec.Struct, frozen=True):
    """What a worker says of a job that it runs."""

    id: UUID
    fence: int
    done: int | None = None
    total: int | None = None
    message: str | None = None


# One worker at a time counts a tenant's running jobs, so that two cannot both take the last slot.
LOCK_CLAIMS = Statement(
    "job_run.lock_claims",
    "SELECT pg_advisory_xact_lock(hashtextextended('claims of {schema}.job ' || $1::uuid, 0)) IS NULL AS no",
)

_OVER: Final = "(cancelling OR attempts >= max_attempts OR NOT type = ANY($5::text[]))"
"""Of a job that is claimed: it is not run any more."""

# Take the most urgent jobs that are due and may run, and those whose worker was lost: these hold their slots
# already, and are dead when that was their last attempt, or when for a day nobody was there who knows their
# type. `attempts` may be given back, so that a job is begun for the first time is a column of its own.
# The rate is looked at before any slot is; no more of the long types are taken than there is room for.
# Each lane (type, urgency) is read from its beginning only.
CLAIM = Statement(
    "job_run.claim",
    f"""WITH pace AS MATERIALIZED (
      SELECT greatest(now() - make_interval(secs => $8::float8),
        (SELECT ready_at FROM {{schema}}.job_pace WHERE tenant_id = $1)) AS ready_at
    ), room AS MATERIALIZED (
      SELECT greatest(0,
        least($3::int, floor(extract(epoch FROM now() - ready_at) * $7::float8)))::int AS jobs FROM pace
    ), busy AS MATERIALIZED (
      SELECT type, count(*)::int AS jobs FROM {{schema}}.job
      WHERE tenant_id = $1 AND state = 'running' GROUP BY type
    ), lost AS MATERIALIZED (
      SELECT id, type FROM {{schema}}.job
      WHERE tenant_id = $1 AND state = 'running' AND leased_until < now()
        AND (type = ANY($5::text[]) OR leased_until < now() - interval '1 day')
        AND ($11::int > 0 OR type <> ALL($10::text[]))
      ORDER BY leased_until LIMIT least($9::int, (SELECT jobs FROM room)) FOR UPDATE SKIP LOCKED
    ), due AS MATERIALIZED (
      SELECT first.id, first.priority, first.run_at, handler.free, handler.long,
        row_number() OVER (PARTITION BY handler.type ORDER BY first.priority, first.run_at, first.id)
          AS number,
        row_number() OVER (PARTITION BY handler.long ORDER BY first.priority, first.run_at, first.id)
          AS number_of_long
      FROM (SELECT able.type, able.type = ANY($10) AS long, least(greatest(0, able.most
          - coalesce(busy.jobs, 0)), CASE WHEN able.type = ANY($10) THEN $11 END) AS free
        FROM unnest($5::text[], $6::int[]) AS able (type, most) LEFT JOIN busy ON busy.type = able.type
      ) AS handler
      CROSS JOIN unnest('{{-1,0,1}}'::int[]) AS urgency (priority)
      CROSS JOIN LATERAL (
        SELECT id, priority, run_at FROM {{schema}}.job
        WHERE tenant_id = $1 AND type = handler.type AND priority = urgency.priority
          AND state = 'queued' AND run_at <= now()
        ORDER BY run_at, id LIMIT least(handler.free, $3) FOR UPDATE SKIP LOCKED
      ) AS first
    ), waiting AS (
      SELECT id FROM due WHERE number <= free AND (NOT long OR number_of_long <=
        $11 - (SELECT count(*) FROM lost WHERE type = ANY($10)))
      ORDER BY priority, run_at, id
      LIMIT greatest(0, least((SELECT jobs FROM room) - (SELECT count(*) FROM lost),
        $4::int - (SELECT coalesce(sum(jobs), 0) FROM busy)))
    ), taken AS (
      UPDATE {{schema}}.job
      SET state = CASE WHEN cancelling THEN 'cancelled' WHEN {_OVER} THEN 'dead' ELSE 'running' END,
        attempts = CASE WHEN cancelling THEN attempts ELSE least(attempts + 1, max_attempts) END,
        fence = fence + 1, begun = true, leased_until = now() + make_interval(secs => $2::float8),
        error = CASE WHEN {_OVER} AND NOT cancelling THEN 'its worker was lost' ELSE error END,
        started_at = CASE WHEN {_OVER} THEN started_at ELSE clock_timestamp() END,
        finished_at = CASE WHEN {_OVER} THEN now() END,
        done = NULL, total = NULL, message = NULL, updated_at = now(), version = version + 1
      WHERE tenant_id = $1 AND id = ANY(ARRAY(SELECT id FROM lost UNION ALL SELECT id FROM waiting))
      RETURNING id, type, payload, sealed, state, attempts, max_attempts, fence, priority, cron,
        dedupe_key, run_at, old.attempts = 0 AND NOT old.begun AS is_first
    ), paced AS (
      INSERT INTO {{schema}}.job_pace (tenant_id, ready_at)
      SELECT $1::uuid, ready_at + make_interval(secs => (SELECT count(*) FROM taken) / $7) FROM pace
      WHERE EXISTS (SELECT FROM taken)
      ON CONFLICT (tenant_id) DO UPDATE SET ready_at = excluded.ready_at
    )
    SELECT id, type, payload::text, encode(sealed, 'hex') AS sealed, state, attempts, max_attempts, fence,
      priority, cron, dedupe_key, is_first, id = ANY(ARRAY(SELECT id FROM lost)) AS was_lost
    FROM taken ORDER BY priority, run_at, id""",  # noqa: S608 - constants
)

# What there is beside what was claimed: jobs that are due and may not run now, and the seconds until a claim
# may find something, NULL when nothing is to happen: a job for later, a lease that ends, the rate's next.
OUTLOOK = Statement(
    "job_run.outlook",
    """SELECT coalesce(bool_or(due.waits), false) AS waits, extract(epoch FROM least(
        (SELECT min(leased_until) FROM {schema}.job
         WHERE tenant_id = $1 AND state = 'running' AND type = ANY($2::text[])),
        min(later.run_at),
        CASE WHEN bool_or(due.waits) THEN (SELECT ready_at + make_interval(secs => $3::float8)
          FROM {schema}.job_pace WHERE tenant_id = $1 AND ready_at > now() - make_interval(secs => $3)) END
      ) - now())::float8 AS seconds
    FROM unnest($2::text[]) AS able (type)
    CROSS JOIN unnest('{-1,0,1}'::int[]) AS urgency (priority)
    LEFT JOIN LATERAL (
      SELECT run_at FROM {schema}.job
      WHERE tenant_id = $1 AND type = able.type AND priority = urgency.priority AND state = 'queued'
        AND run_at > now() ORDER BY run_at, id LIMIT 1
    ) AS later ON true
    LEFT JOIN LATERAL (
      SELECT true AS waits FROM {schema}.job
      WHERE tenant_id = $1 AND type = able.type AND priority = urgency.priority AND state = 'queued'
        AND run_at <= now() ORDER BY run_at, id LIMIT 1
    ) AS due ON true""",
)

# The worker still has these: their leases last, and what they say of themselves is told.
BEAT = Statement(
    "job_run.beat",
    """UPDATE {schema}.job j
    SET leased_until = now() + make_interval(secs => $2::float8), done = beat.done, total = beat.total,
      message = beat.message, updated_at = CASE WHEN j.done IS DISTINCT FROM beat.done
        OR j.message IS DISTINCT FROM beat.message THEN now() ELSE updated_at END
    FROM unnest($3::uuid[], $4::int8[], $5::int[], $6::int[], $7::text[])
      AS beat (id, fence, done, total, message)
    WHERE j.tenant_id = $1 AND j.id = beat.id AND j.fence = beat.fence
      AND state = 'running'
    RETURNING j.id, cancelling""",
)

# The work of these is done, unless another worker has taken them over.
FINISH = Statement(
    "job_run.finish",
    """UPDATE {schema}.job j
    SET state = 'done', leased_until = NULL, error = NULL, cancelling = false, updated_at = now(),
      finished_at = clock_timestamp(), version = version + 1
    FROM unnest($2::uuid[], $3::int8[]) AS ended (id, fence)
    WHERE j.tenant_id = $1 AND j.id = ended.id AND j.fence = ended.fence
      AND state = 'running'
    RETURNING j.id""",
)

# The work failed: again after a while, or dead when it was the last attempt; or it was to end.
FAIL = Statement(
    "job_run.fail",
    """UPDATE {schema}.job
    SET state = CASE WHEN cancelling THEN 'cancelled' WHEN attempts < max_attempts THEN 'queued'
        ELSE 'dead' END, run_at = now() + make_interval(secs => $4::float8), leased_until = NULL,
      error = $5::text, updated_at = now(), version = version + 1,
      finished_at = CASE WHEN cancelling OR attempts >= max_attempts THEN now() END
    WHERE tenant_id = $1 AND id = $2::uuid AND fence = $3::int8 AND state = 'running'
    RETURNING state""",
)

# The work was not done after all: again after a while, and the attempt does not count. Where another of its
# key was put in meanwhile, that one has the key.
DEFER = Statement(
    "job_run.defer",
    """UPDATE {schema}.job j
    SET dedupe_key = CASE WHEN NOT EXISTS (SELECT FROM {schema}.job twin
        WHERE twin.tenant_id = $1 AND twin.type = j.type AND twin.dedupe_key = j.dedupe_key
          AND twin.state = 'queued' AND twin.attempts = 0) THEN dedupe_key END,
      state = CASE WHEN cancelling THEN 'cancelled' ELSE 'queued' END, attempts = attempts - 1,
      run_at = now() + make_interval(secs => $4::float8), leased_until = NULL, updated_at = now(),
      finished_at = CASE WHEN cancelling THEN now() END, version = version + 1
    WHERE j.tenant_id = $1 AND id = $2::uuid AND fence = $3::int8 AND state = 'running'
    RETURNING state""",
)


async def claim(
    session: ShardSession, limits: Limits, *, most: int, lost: int, long: int, lease: float
) -> list[Run]:
    """The most urgent, then the oldest, `most` at the most; some may come dead or cancelled.

    `lost`: how many of them may be such as lost their worker, who come first; `long`: of the long types.
    `lease`: seconds until another may take them. Two statements, in a transaction that is committed at once.
    """
    # in one round trip, and in this order: what is counted is counted under the lock
    _, found = await asyncio.gather(
        session.fetch_value(LOCK_CLAIMS),
        session.fetch_rows(
            _Claimed,
            CLAIM,
            lease,
            most,
            limits.running,
            list(limits.types),
            list(limits.types.values()),
            limits.per_second,
            limits.burst,
            lost,
            list(limits.long),
            long,
        ),
    )
    return [_run(claimed) for claimed in found]


def _run(claimed: _Claimed) -> Run:
    sealed = None if claimed.sealed is None else bytes.fromhex(claimed.sealed)
    return Run(**{**msgspec.structs.asdict(claimed), "payload": from_json(claimed.payload), "sealed": sealed})


async def outlook(session: ShardSession, limits: Limits) -> Outlook:
    row = await session.fetch_row(OUTLOOK, list(limits.types), 1 / limits.per_second)
    assert row is not None  # noqa: S101 - an aggregate answers one row
    return Outlook(*row)


async def beat(session: ShardSession, beats: Sequence[Beat], *, lease: float) -> dict[UUID, bool]:
    """Of those that are still this worker's: whether they are to end. `lease`: seconds from now."""
    columns = [[getattr(each, name) for each in beats] for name in Beat.__struct_fields__]
    return {row[0]: row[1] for row in await session.fetch(BEAT, lease, *columns)}


async def finish(session: ShardSession, runs: Sequence[Run]) -> set[UUID]:
    """The ids of those that were still this worker's; another does the others now."""
    rows = await session.fetch(FINISH, [run.id for run in runs], [run.fence for run in runs])
    return {row[0] for row in rows}


async def fail(session: ShardSession, run: Run, error: str, *, delay: float) -> str | None:
    """The state it is in now, or None when the lease was lost. `delay`: seconds until the next attempt."""
    state: str | None = await session.fetch_value(FAIL, run.id, run.fence, delay, error)
    return state


async def defer(session: ShardSession, run: Run, *, delay: float) -> str | None:
    """Like `fail`, without an attempt. Raise `UniqueError` when another of its key came in this moment."""
    state: str | None = await session.fetch_value(DEFER, run.id, run.fence, delay)
    return state
