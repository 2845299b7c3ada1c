"""Queries that a job runs over all that a list has, and how far each is."""

import enum
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from harka.repositories.page import (
    OLDEST_FIRST,
    Condition,
    Key,
    Order,
    Position,
    narrowed,
    pages,
)
from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class BulkOperationState(enum.StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class BulkOperationOrder(enum.StrEnum):
    CREATED_AT = "created_at"


class NewBulkOperation(msgspec.Struct, frozen=True, kw_only=True):
    """`sealed`: what is asked for. `actor_id`: None for the operator.

    `scopes`: what the actor might do, by its names, with spaces between.
    """

    id: UUID
    sealed: bytes
    scopes: str
    actor_id: UUID | None
    job_id: UUID


class BulkOperation(msgspec.Struct, frozen=True):
    """`state`: a `BulkOperationState`. `objects`, `bytes`: what was written so far.

    `error_code`, `error`: why it failed; the latter also why its job did last. `sealed`: what is asked for;
    None of an older one, of which that is in the clear in `query`, `variables` and `document`.
    """

    id: UUID
    sealed: bytes | None
    query: str | None
    variables: str | None
    document: str | None
    scopes: str
    actor_id: UUID | None
    state: str
    job_id: UUID
    objects: int
    bytes: int
    error_code: str | None
    error: str | None
    finished_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int


class Progress(msgspec.Struct, frozen=True):
    """How far it is: see the migrations. `outcome`: None while there is something left to do.

    `sealed` to `document`: what is asked for, as of `BulkOperation`.
    """

    id: UUID
    sealed: bytes | None
    query: str | None
    variables: str | None
    document: str | None
    cursor: str | None
    all_read: bool
    parts: list[str]
    objects: int
    bytes: int
    outcome: str | None


class NewPart(msgspec.Struct, frozen=True, kw_only=True):
    """What was written to the file store as `name`, and where it ended."""

    name: str
    objects: int
    bytes: int
    cursor: str | None
    all_read: bool


_STATE: Final = """CASE WHEN o.outcome IS NOT NULL THEN o.outcome WHEN j.state = 'dead' THEN 'failed'
        ELSE coalesce(j.state, 'cancelled') END"""
_COLUMNS: Final = f"""o.id, o.sealed, o.query, o.variables, o.document, o.scopes, o.actor_id,
      {_STATE} AS state,
      o.job_id, o.objects, o.bytes, o.error_code,
      coalesce(o.error, CASE WHEN o.outcome IS NULL THEN j.error END) AS error,
      o.finished_at, o.created_at, o.updated_at, o.version"""
_WITH_JOB: Final = """{schema}.bulk_operation o
    LEFT JOIN {schema}.job j ON j.tenant_id = $1 AND j.id = o.job_id"""

# An operation that a job is to run.
INSERT = Statement(
    "bulk_operation.insert",
    """INSERT INTO {schema}.bulk_operation
      (tenant_id, id, sealed, scopes, actor_id, job_id)
    SELECT $1::uuid, $2::uuid, $3::bytea, $4::text, $5::uuid, $6::uuid""",
)

# Operations by id.
FIND_BY_IDS = Statement(
    "bulk_operation.find_by_ids",
    f"""SELECT {_COLUMNS} FROM {_WITH_JOB}
    WHERE o.tenant_id = $1 AND o.id = ANY($2::uuid[])""",  # noqa: S608 - constants
)

_MATCHES: Final = narrowed(Condition("text", f"{_STATE} = {{}}"))

# One page of operations, in each order.
PAGES = pages(
    "bulk_operation.page",
    f"""SELECT {_COLUMNS} FROM {_WITH_JOB}
    WHERE o.tenant_id = $1 AND {_MATCHES} {{after}} ORDER BY {{order}} LIMIT $3""",  # noqa: S608 - constants
    {BulkOperationOrder.CREATED_AT: Key("o.created_at", "timestamptz")},
    position=4,
    id_="o.id",
)

# How many operations match.
COUNT = Statement(
    "bulk_operation.count",
    f"SELECT count(*) FROM {_WITH_JOB} WHERE o.tenant_id = $1 AND {_MATCHES}",  # noqa: S608 - constants
)

# How many there are, and how many of them wait or run.
COUNT_ALL = Statement(
    "bulk_operation.count_all",
    """SELECT count(*) AS kept,
      count(*) FILTER (WHERE o.outcome IS NULL AND j.state IN ('queued', 'running')) AS open
    FROM {schema}.bulk_operation o LEFT JOIN {schema}.job j ON j.tenant_id = $1 AND j.id = o.job_id
    WHERE o.tenant_id = $1""",
)

# How far an operation is.
PROGRESS = Statement(
    "bulk_operation.progress",
    """SELECT id, sealed, query, variables, document, cursor, all_read, parts, objects, bytes, outcome
    FROM {schema}.bulk_operation WHERE tenant_id = $1 AND id = $2::uuid""",
)

# One part more; nothing for whoever went on from where somebody else has gone on, and once it is over.
ADD_PART = Statement(
    "bulk_operation.add_part",
    """UPDATE {schema}.bulk_operation
    SET parts = parts || $4::text, objects = objects + $5::int, bytes = bytes + $6::int, cursor = $7::text,
      all_read = $8::boolean, updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2::uuid AND cardinality(parts) = $3::int AND NOT all_read
      AND outcome IS NULL""",
)

# It is over, unless it was before.
END = Statement(
    "bulk_operation.end",
    """UPDATE {schema}.bulk_operation
    SET outcome = $3::text, error_code = $4::text, error = $5::text,
      room = CASE WHEN $3 = 'done' THEN bytes ELSE 0 END,
      finished_at = now(), updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2::uuid AND outcome IS NULL AND ($6::int IS NULL OR version = $6)""",
)

# End those, so many of them, whose job has been over for a while, or is gone: nobody goes on with them.
END_LEFT = Statement(
    "bulk_operation.end_left",
    """UPDATE {schema}.bulk_operation o
    SET outcome = CASE WHEN left_over.state = 'dead' THEN 'failed' ELSE 'cancelled' END,
      error = left_over.error, finished_at = now(), updated_at = now(), version = o.version + 1
    FROM (
      SELECT o.id, j.state, left(j.error, 500) AS error
      FROM {schema}.bulk_operation o LEFT JOIN {schema}.job j ON j.tenant_id = $1 AND j.id = o.job_id
      WHERE o.tenant_id = $1 AND o.outcome IS NULL AND (j.id IS NULL OR (j.state IN ('dead', 'cancelled')
        AND j.finished_at < now() - make_interval(secs => $2::float8)))
      ORDER BY o.created_at, o.id LIMIT $3::int FOR UPDATE OF o SKIP LOCKED
    ) AS left_over
    WHERE o.tenant_id = $1 AND o.id = left_over.id
    RETURNING o.id""",
)

# Forget the oldest of those whose time is over, so many of them, and give their room back.
DELETE_OLD = Statement(
    "bulk_operation.delete_old",
    """WITH due AS (
      SELECT o.id FROM {schema}.bulk_operation o
      WHERE o.tenant_id = $1 AND o.created_at < now() - make_interval(secs => $2::float8)
      ORDER BY o.created_at, o.id LIMIT $3 FOR UPDATE SKIP LOCKED
    ), gone AS (
      DELETE FROM {schema}.bulk_operation o USING due WHERE o.tenant_id = $1 AND o.id = due.id
      RETURNING o.id, o.room
    ), freed AS (
      UPDATE {schema}.file_ledger l SET bytes = l.bytes - (SELECT sum(room) FROM gone)
      WHERE l.tenant_id = $1 AND EXISTS (SELECT FROM gone WHERE room > 0)
    )
    SELECT id FROM gone""",
)


async def insert(session: ShardSession, new: NewBulkOperation) -> None:
    await session.execute(INSERT, *msgspec.structs.astuple(new))


async def find_by_ids(session: ShardSession, ids: Sequence[UUID]) -> Sequence[BulkOperation]:
    """In no particular order."""
    return await session.fetch_rows(BulkOperation, FIND_BY_IDS, ids)


async def list_page(
    session: ShardSession,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
    state: str | None = None,
) -> Sequence[BulkOperation]:
    """`state`: a `BulkOperationState`, None for any, here and below."""
    return await session.fetch_rows(BulkOperation, PAGES[order].of(after), state, first, *(after or ()))


async def count(session: ShardSession, *, state: str | None = None) -> int:
    return int(await session.fetch_value(COUNT, state))


async def count_all(session: ShardSession) -> tuple[int, int]:
    """How many are kept, and how many of them wait or run."""
    (row,) = await session.fetch(COUNT_ALL)
    return int(row[0]), int(row[1])


async def progress(session: ShardSession, id_: UUID) -> Progress | None:
    """None when it is gone."""
    row = await session.fetch_row(PROGRESS, id_)
    return None if row is None else Progress(*row)


async def add_part(session: ShardSession, id_: UUID, part: NewPart, *, after: int) -> bool:
    """Whether it is the one `after` so many parts: not when another has gone on meanwhile, or it is over."""
    return await session.execute(ADD_PART, id_, after, *msgspec.structs.astuple(part)) > 0


async def end(
    session: ShardSession,
    id_: UUID,
    outcome: BulkOperationState,
    *,
    code: str | None = None,
    error: str | None = None,
    version: int | None = None,
) -> bool:
    """False when it is over already, gone, or of another version."""
    return await session.execute(END, id_, str(outcome), code, error, version) > 0


async def end_left(session: ShardSession, *, over_for: float, most: int) -> list[UUID]:
    """Which. `over_for`: seconds since their jobs ended."""
    return [row[0] for row in await session.fetch(END_LEFT, over_for, most)]


async def delete_old(session: ShardSession, *, older_than: float, most: int) -> list[UUID]:
    """Which. `older_than`: seconds since they were asked for."""
    return [row[0] for row in await session.fetch(DELETE_OLD, older_than, most)]
