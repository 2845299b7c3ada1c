"""A tenant's jobs as they are put in, listed, cancelled and tried again; `job_run` is what workers do."""

import enum
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from harka.repositories.page import CREATED, OLDEST_FIRST, Order, Position, pages
from harka.storage.session import ShardSession
from harka.storage.statement import Statement

LONGEST_LINE: Final = 1000
"""Of a job behind more than so many others nobody knows the place."""


class JobState(enum.StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"
    CANCELLED = "cancelled"


class Rank(enum.IntEnum):
    """Smaller runs first."""

    HIGH = -1
    NORMAL = 0
    LOW = 1


class JobOrder(enum.StrEnum):
    """By which attribute."""

    CREATED_AT = "created_at"


class NewJob(msgspec.Struct, frozen=True, kw_only=True):
    """`payload`: JSON, `{}` where it is `sealed`. `run_at`: None for now. `cron`: see `queue.cron`."""

    id: UUID
    type: str
    payload: str = "{}"
    sealed: bytes | None = None
    priority: int = Rank.NORMAL
    run_at: datetime | None = None
    dedupe_key: str | None = None
    cron: str | None = None


class Job(msgspec.Struct, frozen=True):
    """`state`: a `JobState`. `done` of `total`: how far it says it is, None unless it says so.

    `cancelling`: it runs, and ends at its worker's next heartbeat. `course_id`, `path_id`: what it is about.
    """

    id: UUID
    type: str
    state: str
    priority: int
    attempts: int
    max_attempts: int
    run_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error: str | None
    cron: str | None
    done: int | None
    total: int | None
    message: str | None
    cancelling: bool
    course_id: UUID | None
    path_id: UUID | None
    created_at: datetime
    updated_at: datetime
    version: int


class Place(msgspec.Struct, frozen=True):
    """`position`: from 1, None unless it is due and near. `seconds`: what jobs took lately, on average."""

    id: UUID
    position: int | None
    seconds: float | None


_COLUMNS: Final = """id, type, state, priority, attempts, max_attempts, run_at, started_at, finished_at,
      error, cron, done, total, message, cancelling, (payload ->> 'course_id')::uuid AS course_id,
      (payload ->> 'path_id')::uuid AS path_id, created_at, updated_at, version"""

# The queue's length is counted by one writer at a time, so that two cannot both take the last place.
LOCK_LENGTH = Statement(
    "job.lock_length",
    "SELECT pg_advisory_xact_lock(hashtextextended('length of {schema}.job ' || $1::uuid, 0))",
)

# How many jobs wait, counted no further than asked.
COUNT_QUEUED = Statement(
    "job.count_queued",
    """SELECT count(*) FROM
      (SELECT FROM {schema}.job WHERE tenant_id = $1 AND state = 'queued' LIMIT $2::int) AS queued""",
)

# Put in jobs, in one statement however many; jobs of one transaction keep their order.
INSERT = Statement(
    "job.insert",
    """INSERT INTO {schema}.job
      (tenant_id, id, type, payload, sealed, priority, max_attempts, run_at, dedupe_key, cron)
    SELECT $1::uuid, entry.id, entry.type, entry.payload::jsonb, entry.sealed, entry.priority, $10::int,
      coalesce(entry.run_at, clock_timestamp()), entry.dedupe_key, entry.cron
    FROM unnest($2::uuid[], $3::text[], $4::text[], $5::bytea[], $6::int[], $7::timestamptz[], $8::text[],
      $9::text[]) AS entry (id, type, payload, sealed, priority, run_at, dedupe_key, cron)
    ON CONFLICT (tenant_id, type, dedupe_key)
      WHERE dedupe_key IS NOT NULL AND state = 'queued' AND attempts = 0 DO NOTHING
    RETURNING id""",
)

# Hold the job that waits under a key: it is not begun before what this transaction changes can be seen.
HOLD_WAITING = Statement(
    "job.hold_waiting",
    """SELECT id FROM {schema}.job
    WHERE tenant_id = $1 AND type = $2::text AND dedupe_key = $3::text AND state = 'queued' AND attempts = 0
    FOR SHARE""",
)

# Put in a job without payload, unless one put in like this waits, or was put in after an id was made: what
# people put in, perhaps for later, is no reason. Ids begin with the moment they were made, so the recent ones
# are a range of the primary key.
# By the newest, not by NOT EXISTS: a plan for any type and moment expects a match soon, and reads the whole
# table.
INSERT_UNLESS_RECENT = Statement(
    "job.insert_unless_recent",
    """INSERT INTO {schema}.job (tenant_id, id, type, max_attempts, dedupe_key)
    SELECT $1::uuid, $2::uuid, $3::text, $4::int, 'recurring'
    WHERE (SELECT id FROM {schema}.job
        WHERE tenant_id = $1 AND type = $3 AND id > $5::uuid AND dedupe_key = 'recurring'
        ORDER BY id DESC LIMIT 1) IS NULL
    ON CONFLICT (tenant_id, type, dedupe_key)
      WHERE dedupe_key IS NOT NULL AND state = 'queued' AND attempts = 0 DO NOTHING""",
)

# Forget jobs that ended a while ago, those of some types sooner; dead ones stay.
DELETE_ENDED = Statement(
    "job.delete_ended",
    """DELETE FROM {schema}.job
    WHERE tenant_id = $1 AND state IN ('done', 'cancelled') AND finished_at < now()
      - make_interval(secs => CASE WHEN type = ANY($4::text[]) THEN $3::float8 ELSE $2::float8 END)""",
)

# Jobs by id.
FIND_BY_IDS = Statement(
    "job.find_by_ids",
    f"SELECT {_COLUMNS} FROM {{schema}}.job WHERE tenant_id = $1 AND id = ANY($2::uuid[])",  # noqa: S608 - constants
)

_MATCHES: Final = """CASE WHEN $2::text IS NULL THEN true ELSE state = $2 END
      AND CASE WHEN $3::text IS NULL THEN true ELSE type = $3 END"""

# One page of jobs, in each order.
PAGES = pages(
    "job.page",
    f"""SELECT {_COLUMNS} FROM {{schema}}.job
    WHERE tenant_id = $1 AND {_MATCHES} {{after}} ORDER BY {{order}} LIMIT $4""",  # noqa: S608 - constants
    {"created_at": CREATED},
    position=5,
)

# How many jobs match.
COUNT = Statement(
    "job.count",
    f"SELECT count(*) FROM {{schema}}.job WHERE tenant_id = $1 AND {_MATCHES}",  # noqa: S608 - constants
)

# Where jobs stand in the line of those that are due, and what the last jobs took. The line has an index of
# its own, by `priority + 0`, so that claims keep to their lanes.
PLACES = Statement(
    "job.places",
    """WITH line AS (
      SELECT id, row_number() OVER (ORDER BY priority + 0, run_at, id)::int AS position FROM
        (SELECT id, priority, run_at FROM {schema}.job
         WHERE tenant_id = $1 AND state = 'queued' AND run_at <= now()
         ORDER BY priority + 0, run_at, id LIMIT $3::int) AS first
    ), lately AS (
      SELECT avg(extract(epoch FROM finished_at - started_at))::float8 AS seconds FROM
        (SELECT started_at, finished_at FROM {schema}.job
         WHERE tenant_id = $1 AND state IN ('done', 'cancelled') ORDER BY finished_at DESC LIMIT 50) AS last
    )
    SELECT asked.id, line.position, lately.seconds FROM lately, unnest($2::uuid[]) AS asked (id)
    LEFT JOIN line ON line.id = asked.id""",
)

# A job that waits is cancelled at once; one that runs is asked to end.
CANCEL = Statement(
    "job.cancel",
    f"""UPDATE {{schema}}.job
    SET cancelling = state = 'running', state = CASE state WHEN 'queued' THEN 'cancelled' ELSE state END,
      finished_at = CASE state WHEN 'queued' THEN now() END, updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2::uuid AND ($3::int IS NULL OR version = $3)
      AND state IN ('queued', 'running') AND NOT cancelling
    RETURNING {_COLUMNS}""",  # noqa: S608 - constants
)

# A job that was given up or cancelled is tried anew, with attempts of its own.
RETRY = Statement(
    "job.retry",
    f"""UPDATE {{schema}}.job
    SET state = 'queued', max_attempts = attempts + $4::int, run_at = clock_timestamp(), finished_at = NULL,
      cancelling = false, updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2::uuid AND ($3::int IS NULL OR version = $3)
      AND state IN ('dead', 'cancelled')
    RETURNING {_COLUMNS}""",  # noqa: S608 - constants
)


async def lock_length(session: ShardSession) -> None:
    """Hold the tenant's count of waiting jobs until this transaction ends."""
    await session.execute(LOCK_LENGTH)


async def count_queued(session: ShardSession, *, most: int) -> int:
    """How many wait; `most` when there are more."""
    return int(await session.fetch_value(COUNT_QUEUED, most))


async def insert(session: ShardSession, new: Sequence[NewJob], *, max_attempts: int) -> set[UUID]:
    """The ids of those that were put in: not of one whose key another waiting one has."""
    columns = [[getattr(job, name) for job in new] for name in NewJob.__struct_fields__]
    return {row[0] for row in await session.fetch(INSERT, *columns, max_attempts)}


async def hold_waiting(session: ShardSession, type_: str, dedupe_key: str) -> UUID | None:
    """The job that waits under a key, which no worker begins until this transaction ends."""
    found: UUID | None = await session.fetch_value(HOLD_WAITING, type_, dedupe_key)
    return found


async def insert_unless_recent(
    session: ShardSession, id_: UUID, type_: str, *, max_attempts: int, since: UUID
) -> bool:
    """Whether it was put in. Of callers at once only one does."""
    return await session.execute(INSERT_UNLESS_RECENT, id_, type_, max_attempts, since) > 0


async def delete_ended(
    session: ShardSession, *, older_than: float, sooner: float, types: Sequence[str]
) -> int:
    """`older_than`: seconds since they ended; `sooner` for those of `types`."""
    return await session.execute(DELETE_ENDED, older_than, sooner, types)


async def find_by_ids(session: ShardSession, ids: Sequence[UUID]) -> Sequence[Job]:
    """In no particular order."""
    return await session.fetch_rows(Job, FIND_BY_IDS, ids)


async def list_page(
    session: ShardSession,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
    state: str | None = None,
    type_: str | None = None,
) -> Sequence[Job]:
    return await session.fetch_rows(Job, PAGES[order].of(after), state, type_, first, *(after or ()))


async def count(session: ShardSession, *, state: str | None = None, type_: str | None = None) -> int:
    return int(await session.fetch_value(COUNT, state, type_))


async def places(session: ShardSession, ids: Sequence[UUID]) -> Sequence[Place]:
    """In no particular order, one for each id."""
    return await session.fetch_rows(Place, PLACES, ids, LONGEST_LINE)


async def cancel(session: ShardSession, id_: UUID, version: int | None) -> Job | None:
    """None: absent, over, being cancelled already, or of another version."""
    row = await session.fetch_row(CANCEL, id_, version)
    return None if row is None else Job(*row)


async def retry(session: ShardSession, id_: UUID, version: int | None, *, attempts: int) -> Job | None:
    """None: absent, not over, done, or of another version. Raise `UniqueError` (job_dedupe)."""
    row = await session.fetch_row(RETRY, id_, version, attempts)
    return None if row is None else Job(*row)
