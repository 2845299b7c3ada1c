"""Changes to very many people that a job makes in parts, and what became of each."""

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


class BulkKind(enum.StrEnum):
    ENROLL = "enroll"
    USERS = "users"


class BulkState(enum.StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    REJECTED = "rejected"
    FAILED = "failed"
    CANCELLED = "cancelled"


class BulkChangeOrder(enum.StrEnum):
    CREATED_AT = "created_at"


class NewBulkChange(msgspec.Struct, frozen=True, kw_only=True):
    """`course_id`: of a change that enrolls. `actor_id`: who asked, None for the platform's operator."""

    id: UUID
    kind: str
    course_id: UUID | None
    on_error: str
    dry_run: bool
    actor_id: UUID | None
    job_id: UUID
    total: int


class BulkChange(msgspec.Struct, frozen=True):
    """`state`: a `BulkState`. `done` of `total` entries are dealt with; `existing`: were so already.

    `error`: why it failed as a whole, or why its job did last.
    """

    id: UUID
    kind: str
    state: str
    course_id: UUID | None
    on_error: str
    dry_run: bool
    job_id: UUID
    total: int
    done: int
    created: int
    existing: int
    failed: int
    error: str | None
    finished_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int


class Standing(msgspec.Struct, frozen=True):
    """How far a change is. `outcome`: None while there is something left to do."""

    done: int
    total: int
    outcome: str | None


class NewBulkResult(msgspec.Struct, frozen=True, kw_only=True):
    """`number`: the entry's place, from 0. Without an `error_code` the entry was dealt with."""

    number: int
    user_id: UUID | None = None
    enrollment_id: UUID | None = None
    created: bool = False
    error_code: str | None = None
    error_message: str | None = None
    error_field: str | None = None


class BulkResult(msgspec.Struct, frozen=True):
    """What became of one entry. `id`: of its change, which with `number` names it."""

    id: UUID
    number: int
    user_id: UUID | None
    enrollment_id: UUID | None
    created: bool
    error_code: str | None
    error_message: str | None
    error_field: str | None


_STATE: Final = """CASE WHEN c.outcome IS NOT NULL THEN c.outcome WHEN j.state = 'dead' THEN 'failed'
        ELSE coalesce(j.state, 'cancelled') END"""
_COLUMNS: Final = f"""c.id, c.kind,
      {_STATE} AS state,
      c.course_id, c.on_error, c.dry_run, c.job_id, c.total, c.done, c.created, c.existing, c.failed,
      coalesce(c.error, CASE WHEN c.outcome IS NULL THEN j.error END) AS error,
      c.finished_at, c.created_at, c.updated_at, c.version"""
_WITH_JOB: Final = """{schema}.bulk_change c
    LEFT JOIN {schema}.job j ON j.tenant_id = $1 AND j.id = c.job_id"""

# A change that a job is to make.
INSERT = Statement(
    "bulk_change.insert",
    """INSERT INTO {schema}.bulk_change
      (tenant_id, id, kind, course_id, on_error, dry_run, actor_id, job_id, total)
    SELECT $1::uuid, $2::uuid, $3::text, $4::uuid, $5::text, $6::boolean, $7::uuid, $8::uuid, $9::int""",
)

# Changes by id, of one actor or of any.
FIND_BY_IDS = Statement(
    "bulk_change.find_by_ids",
    f"""SELECT {_COLUMNS} FROM {_WITH_JOB}
    WHERE c.tenant_id = $1 AND c.id = ANY($2::uuid[]) AND ($3::uuid IS NULL OR c.actor_id = $3)""",  # noqa: S608 - constants
)

_MATCHES: Final = narrowed(
    Condition("uuid", "c.actor_id = {}"),
    Condition("text", "c.kind = {}"),
    Condition("text", f"{_STATE} = {{}}"),
)

# One page of changes, of one actor or of any, in each order.
PAGES = pages(
    "bulk_change.page",
    f"""SELECT {_COLUMNS} FROM {_WITH_JOB}
    WHERE c.tenant_id = $1 AND {_MATCHES} {{after}} ORDER BY {{order}} LIMIT $5""",  # noqa: S608 - constants
    {BulkChangeOrder.CREATED_AT: Key("c.created_at", "timestamptz")},
    position=6,
    id_="c.id",
)

# How many changes there are, of one actor or of any.
COUNT = Statement(
    "bulk_change.count",
    f"SELECT count(*) FROM {_WITH_JOB} WHERE c.tenant_id = $1 AND {_MATCHES}",  # noqa: S608 - constants
)

# How many are under way or wait, counted no further than asked.
COUNT_OPEN = Statement(
    "bulk_change.count_open",
    """SELECT count(*) FROM
      (SELECT FROM {schema}.bulk_change c JOIN {schema}.job j ON j.tenant_id = $1 AND j.id = c.job_id
       WHERE c.tenant_id = $1 AND c.outcome IS NULL AND j.state IN ('queued', 'running')
       LIMIT $2::int) AS open""",
)

# Nobody else goes on with a change until this transaction ends.
LOCK = Statement(
    "bulk_change.lock",
    "SELECT done, total, outcome FROM {schema}.bulk_change WHERE tenant_id = $1 AND id = $2::uuid FOR UPDATE",
)

# What became of a part of the entries, in one statement however many.
INSERT_RESULTS = Statement(
    "bulk_change.insert_results",
    """INSERT INTO {schema}.bulk_result
      (tenant_id, change_id, number, user_id, enrollment_id, created, error_code, error_message, error_field)
    SELECT $1::uuid, $2::uuid, entry.*
    FROM unnest($3::int[], $4::uuid[], $5::uuid[], $6::boolean[], $7::text[], $8::text[], $9::text[])
      AS entry""",
)

# So many more entries are dealt with.
ADVANCE = Statement(
    "bulk_change.advance",
    """UPDATE {schema}.bulk_change
    SET done = done + $3::int, created = created + $4::int, existing = existing + $5::int,
      failed = failed + $6::int, outcome = $7::text, finished_at = CASE WHEN $7 IS NOT NULL THEN now() END,
      updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2::uuid""",
)

# It failed as a whole, and is not gone on with.
FAIL = Statement(
    "bulk_change.fail",
    """UPDATE {schema}.bulk_change
    SET outcome = 'failed', error = $3::text, finished_at = now(), updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2::uuid AND outcome IS NULL""",
)

# Whether the change is one of this actor, or of any.
_ASKED_BY: Final = """EXISTS (SELECT FROM {{schema}}.bulk_change AS c
      WHERE c.tenant_id = $1 AND c.id = $2::uuid AND ({0}::uuid IS NULL OR c.actor_id = {0}))"""

# One page of what became of the entries of a change, of all or of those that failed, in their order.
PAGE_OF_RESULTS = Statement(
    "bulk_change.page_of_results",
    f"""SELECT change_id AS id, number, user_id, enrollment_id, created,
      error_code, error_message, error_field
    FROM {{schema}}.bulk_result
    WHERE tenant_id = $1 AND change_id = $2::uuid AND {_ASKED_BY.format("$6")} AND number > $3::int
      AND (error_code IS NOT NULL OR NOT $5::boolean)
    ORDER BY number LIMIT $4""",  # noqa: S608 - constants
)

# How many results a change has, all or those that failed.
COUNT_RESULTS = Statement(
    "bulk_change.count_results",
    f"""SELECT count(*) FROM {{schema}}.bulk_result
    WHERE tenant_id = $1 AND change_id = $2::uuid AND {_ASKED_BY.format("$4")}
      AND (error_code IS NOT NULL OR NOT $3::boolean)""",  # noqa: S608 - constants
)

# Forget changes that nobody works at any more, with their results.
DELETE_OLD = Statement(
    "bulk_change.delete_old",
    """DELETE FROM {schema}.bulk_change
    WHERE tenant_id = $1 AND created_at < now() - make_interval(secs => $2::float8)""",
)


async def insert(session: ShardSession, new: NewBulkChange) -> None:
    await session.execute(INSERT, *msgspec.structs.astuple(new))


async def find_by_ids(
    session: ShardSession, ids: Sequence[UUID], *, actor: UUID | None
) -> Sequence[BulkChange]:
    """In no particular order. `actor`: None for anybody's."""
    return await session.fetch_rows(BulkChange, FIND_BY_IDS, ids, actor)


async def list_page(
    session: ShardSession,
    *,
    after: Position | None,
    first: int,
    actor: UUID | None,
    order: Order = OLDEST_FIRST,
    kind: str | None = None,
    state: str | None = None,
) -> Sequence[BulkChange]:
    """`kind`: a `BulkKind`. `state`: a `BulkState`. None for any, here and below."""
    asked = (actor, kind, state, first, *(after or ()))
    return await session.fetch_rows(BulkChange, PAGES[order].of(after), *asked)


async def count(
    session: ShardSession, *, actor: UUID | None, kind: str | None = None, state: str | None = None
) -> int:
    return int(await session.fetch_value(COUNT, actor, kind, state))


async def count_open(session: ShardSession, *, most: int) -> int:
    """How many wait or run; `most` when there are more."""
    return int(await session.fetch_value(COUNT_OPEN, most))


async def lock(session: ShardSession, id_: UUID) -> Standing | None:
    """Hold it until the transaction ends; None when it is gone."""
    row = await session.fetch_row(LOCK, id_)
    return None if row is None else Standing(*row)


async def insert_results(session: ShardSession, id_: UUID, results: Sequence[NewBulkResult]) -> None:
    columns = [[getattr(each, name) for each in results] for name in NewBulkResult.__struct_fields__]
    await session.execute(INSERT_RESULTS, id_, *columns)


async def advance(
    session: ShardSession,
    id_: UUID,
    *,
    done: int,
    created: int,
    existing: int,
    failed: int,
    outcome: str | None,
) -> None:
    """`done` more, of which so many were created, were so already and failed. `outcome`: when it is over."""
    await session.execute(ADVANCE, id_, done, created, existing, failed, outcome)


async def fail(session: ShardSession, id_: UUID, error: str) -> bool:
    """False when it is over already."""
    return await session.execute(FAIL, id_, error) > 0


async def list_results(
    session: ShardSession, id_: UUID, *, actor: UUID | None, after: int, first: int, only_failed: bool
) -> Sequence[BulkResult]:
    """`after`: the number of the last one seen, -1 for none. `actor`: as for `find_by_ids`."""
    return await session.fetch_rows(BulkResult, PAGE_OF_RESULTS, id_, after, first, only_failed, actor)


async def count_results(session: ShardSession, id_: UUID, *, actor: UUID | None, only_failed: bool) -> int:
    """`actor`: as for `find_by_ids`."""
    return int(await session.fetch_value(COUNT_RESULTS, id_, only_failed, actor))


async def delete_old(session: ShardSession, *, older_than: float) -> int:
    """`older_than`: seconds since they were asked for."""
    return await session.execute(DELETE_OLD, older_than)
