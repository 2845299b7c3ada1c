"""What is to be told to an endpoint, and what became of it: made from the events, sent, tried again, kept."""

import enum
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from harka.repositories.page import (
    CREATED,
    OLDEST_FIRST,
    Condition,
    Order,
    Position,
    narrowed,
    pages,
)
from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class WebhookDeliveryState(enum.StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


class WebhookDeliveryOrder(enum.StrEnum):
    CREATED_AT = "created_at"


class WebhookDelivery(msgspec.Struct, frozen=True):
    """`state`: a `WebhookDeliveryState`. `event_id`, `subject_id`: None for a test.

    `error`: why the last attempt failed. `next_attempt_at`: of one that is pending. `give_up_at`: then the
    last attempt.
    """

    id: UUID
    endpoint_id: UUID
    event_id: UUID | None
    event_type: str
    subject_id: UUID | None
    happened_at: datetime
    state: str
    attempts: int
    response_code: int | None
    error: str | None
    next_attempt_at: datetime
    give_up_at: datetime
    last_attempt_at: datetime | None
    finished_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int


class Dispatched(msgspec.Struct, frozen=True):
    """`scanned`: events that were read. `unsettled`: some are to come whose turn it is not yet."""

    scanned: int
    unsettled: bool


class Due(msgspec.Struct, frozen=True):
    """`seconds`: until something is to be sent to the endpoint; not above 0 for now."""

    endpoint_id: UUID
    seconds: float


class Outcome(msgspec.Struct, frozen=True):
    """Of an attempt, by its number. `state`: what it is now. `delay`: seconds until the next attempt."""

    id: UUID
    attempt: int
    state: str
    response_code: int | None
    error: str | None
    delay: float


_COLUMNS: Final = """id, endpoint_id, event_id, event_type, subject_id, happened_at, state, attempts,
      response_code, error, next_attempt_at, give_up_at, last_attempt_at, finished_at, created_at, updated_at,
      version"""
_MATCHES: Final = narrowed(Condition("text", "state = {}"), begin=3)
_FREE: Final = "(leased_until IS NULL OR leased_until <= now())"

# Deliveries by id.
FIND_BY_IDS = Statement(
    "webhook_delivery.find_by_ids",
    f"SELECT {_COLUMNS} FROM {{schema}}.webhook_delivery WHERE tenant_id = $1 AND id = ANY($2::uuid[])",  # noqa: S608 - constants
)

# One page of the deliveries of an endpoint, of one state or of any, in each order.
PAGES = pages(
    "webhook_delivery.page",
    f"""SELECT {_COLUMNS} FROM {{schema}}.webhook_delivery
    WHERE tenant_id = $1 AND endpoint_id = $2::uuid AND {_MATCHES} {{after}}
    ORDER BY {{order}} LIMIT $4""",  # noqa: S608 - constants
    {WebhookDeliveryOrder.CREATED_AT: CREATED},
    position=5,
)

# How many deliveries of one state or of any an endpoint has.
COUNT = Statement(
    "webhook_delivery.count",
    f"""SELECT count(*) FROM {{schema}}.webhook_delivery
    WHERE tenant_id = $1 AND endpoint_id = $2::uuid AND {_MATCHES}""",  # noqa: S608 - constants
)

# Make deliveries of the next events of every endpoint that is not paused and has few enough waiting, and move
# its place in the stream: in one statement, so that neither is without the other. Events are settled first,
# see `repositories.event`. Who is being served by another worker is left to it.
DISPATCH = Statement(
    "webhook_delivery.dispatch",
    """WITH endpoint AS MATERIALIZED (
      SELECT id, types, cursor_xid, cursor_id FROM {schema}.webhook_endpoint e
      WHERE tenant_id = $1 AND paused_at IS NULL AND (SELECT count(*) FROM
        (SELECT FROM {schema}.webhook_delivery d WHERE d.tenant_id = $1 AND d.endpoint_id = e.id
          AND d.state = 'pending' LIMIT $3::int) AS waiting) < $3
      FOR NO KEY UPDATE SKIP LOCKED
    ), scanned AS MATERIALIZED (
      SELECT endpoint.id AS endpoint_id, endpoint.types, next.id, next.xid, next.type, next.subject_id,
        next.created_at
      FROM endpoint CROSS JOIN LATERAL (
        SELECT id, xid, type, subject_id, created_at FROM {schema}.event
        WHERE tenant_id = $1 AND xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
          AND (xid, id) > (endpoint.cursor_xid, endpoint.cursor_id)
        ORDER BY xid, id LIMIT $2::int
      ) AS next
    ), made AS (
      INSERT INTO {schema}.webhook_delivery
        (tenant_id, id, endpoint_id, event_id, event_type, subject_id, happened_at, give_up_at)
      SELECT $1::uuid, uuidv7(), endpoint_id, id, type, subject_id, created_at,
        now() + make_interval(secs => $4::float8)
      FROM scanned WHERE types = '{}' OR type = ANY(types)
      ORDER BY xid, id
    ), moved AS (
      UPDATE {schema}.webhook_endpoint e SET cursor_xid = last.xid, cursor_id = last.id
      FROM (SELECT DISTINCT ON (endpoint_id) endpoint_id, xid, id FROM scanned
        ORDER BY endpoint_id, xid DESC, id DESC) AS last
      WHERE e.tenant_id = $1 AND e.id = last.endpoint_id
    )
    SELECT (SELECT count(*) FROM scanned)::int AS scanned,
      EXISTS (SELECT FROM {schema}.event WHERE tenant_id = $1
        AND xid >= pg_snapshot_xmin(pg_current_snapshot())::text::bigint) AS unsettled""",
)

# When something is to be sent to each endpoint next, of those that something is to be sent to.
DUE = Statement(
    "webhook_delivery.due",
    f"""SELECT e.id AS endpoint_id, extract(epoch FROM
        greatest(next.at, e.rest_until) - clock_timestamp())::float8 AS seconds
    FROM {{schema}}.webhook_endpoint e CROSS JOIN LATERAL (
      SELECT d.next_attempt_at AS at FROM {{schema}}.webhook_delivery d
      WHERE d.tenant_id = $1 AND d.endpoint_id = e.id AND d.state = 'pending' AND {_FREE}
      ORDER BY d.next_attempt_at, d.id LIMIT 1
    ) AS next
    WHERE e.tenant_id = $1 AND e.paused_at IS NULL ORDER BY 2, 1""",  # noqa: S608 - constants
)

# How many of an endpoint are being sent.
COUNT_LEASED = Statement(
    "webhook_delivery.count_leased",
    """SELECT count(*) FROM {schema}.webhook_delivery
    WHERE tenant_id = $1 AND endpoint_id = $2::uuid AND leased_until > now()""",
)

# Take some that are due, to be sent within the lease: that is an attempt, whatever becomes of who makes it.
TAKE = Statement(
    "webhook_delivery.take",
    f"""UPDATE {{schema}}.webhook_delivery
    SET attempts = attempts + 1, last_attempt_at = now(), updated_at = now(), version = version + 1,
      leased_until = now() + make_interval(secs => $4::float8)
    WHERE tenant_id = $1 AND id = ANY(ARRAY(
      SELECT id FROM {{schema}}.webhook_delivery
      WHERE tenant_id = $1 AND endpoint_id = $2::uuid AND state = 'pending' AND next_attempt_at <= now()
        AND {_FREE}
      ORDER BY next_attempt_at, id LIMIT $3::int FOR UPDATE SKIP LOCKED))
    RETURNING {_COLUMNS}""",  # noqa: S608 - constants
)

# What became of attempts, of those that are still the last ones of their deliveries.
NOTE = Statement(
    "webhook_delivery.note",
    """UPDATE {schema}.webhook_delivery d
    SET state = said.state, response_code = said.code, error = said.error, leased_until = NULL,
      next_attempt_at = now() + make_interval(secs => said.delay),
      finished_at = CASE WHEN said.state <> 'pending' THEN now() END,
      updated_at = now(), version = d.version + 1
    FROM unnest($2::uuid[], $3::int[], $4::text[], $5::int[], $6::text[], $7::float8[])
      AS said (id, attempt, state, code, error, delay)
    WHERE d.tenant_id = $1 AND d.id = said.id AND d.attempts = said.attempt AND d.state = 'pending'""",
)

# Give back some that were taken and not tried after all, for a while.
RELEASE = Statement(
    "webhook_delivery.release",
    """UPDATE {schema}.webhook_delivery d
    SET leased_until = NULL, attempts = d.attempts - 1, updated_at = now(),
      next_attempt_at = now() + make_interval(secs => $4::float8)
    FROM unnest($2::uuid[], $3::int[]) AS taken (id, attempt)
    WHERE d.tenant_id = $1 AND d.id = taken.id AND d.attempts = taken.attempt AND d.state = 'pending'""",
)

# A delivery made for one event, or for a test.
INSERT = Statement(
    "webhook_delivery.insert",
    f"""INSERT INTO {{schema}}.webhook_delivery
      (tenant_id, id, endpoint_id, event_id, event_type, subject_id, happened_at, give_up_at)
    VALUES ($1, $2::uuid, $3::uuid, $4::uuid, $5::text, $6::uuid, $7::timestamptz,
      now() + make_interval(secs => $8::float8))
    RETURNING {_COLUMNS}""",  # noqa: S608 - constants
)

# One that was given up is tried anew.
RETRY = Statement(
    "webhook_delivery.retry",
    f"""UPDATE {{schema}}.webhook_delivery
    SET state = 'pending', next_attempt_at = now(), finished_at = NULL,
      give_up_at = now() + make_interval(secs => $4::float8), updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2::uuid AND ($3::int IS NULL OR version = $3) AND state = 'dead'
    RETURNING {_COLUMNS}""",  # noqa: S608 - constants
)

# Those of an endpoint that were given up by then, of what happened from a moment on, are tried anew: so many
# at a time, the oldest first.
RETRY_MANY = Statement(
    "webhook_delivery.retry_many",
    """UPDATE {schema}.webhook_delivery
    SET state = 'pending', next_attempt_at = now(), finished_at = NULL,
      give_up_at = now() + make_interval(secs => $6::float8), updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = ANY(ARRAY(
      SELECT id FROM {schema}.webhook_delivery
      WHERE tenant_id = $1 AND endpoint_id = $2::uuid AND state = 'dead' AND finished_at <= $3::timestamptz
        AND ($4::timestamptz IS NULL OR happened_at >= $4)
      ORDER BY finished_at, id LIMIT $5::int FOR UPDATE SKIP LOCKED))""",
)

# Those of an endpoint that waited while it was paused have all the time again.
RENEW = Statement(
    "webhook_delivery.renew",
    """UPDATE {schema}.webhook_delivery
    SET next_attempt_at = now(), give_up_at = now() + make_interval(secs => $3::float8), updated_at = now(),
      version = version + 1
    WHERE tenant_id = $1 AND endpoint_id = $2::uuid AND state = 'pending'""",
)

# Forget those that ended a while ago, dead ones later, so many at a time.
DELETE_OLD = Statement(
    "webhook_delivery.delete_old",
    """DELETE FROM {schema}.webhook_delivery WHERE tenant_id = $1 AND id = ANY(ARRAY(
      SELECT id FROM {schema}.webhook_delivery
      WHERE tenant_id = $1 AND state <> 'pending'
        AND finished_at < now() - make_interval(secs => $2::float8)
        AND (state = 'delivered' OR finished_at < now() - make_interval(secs => $3::float8))
      ORDER BY finished_at LIMIT $4::int))""",
)


async def find_by_ids(session: ShardSession, ids: Sequence[UUID]) -> Sequence[WebhookDelivery]:
    """In no particular order."""
    return await session.fetch_rows(WebhookDelivery, FIND_BY_IDS, ids)


async def list_page(
    session: ShardSession,
    endpoint_id: UUID,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
    state: str | None,
) -> Sequence[WebhookDelivery]:
    """`state`: None for any, like below."""
    asked = (endpoint_id, state, first, *(after or ()))
    return await session.fetch_rows(WebhookDelivery, PAGES[order].of(after), *asked)


async def count(session: ShardSession, endpoint_id: UUID, *, state: str | None) -> int:
    return int(await session.fetch_value(COUNT, endpoint_id, state))


async def dispatch(session: ShardSession, *, most: int, waiting: int, seconds: float) -> Dispatched:
    """Up to `most` events for each endpoint that has less than `waiting` to send.

    `seconds`: from now, in which they are to be sent.
    """
    row = await session.fetch_row(DISPATCH, most, waiting, seconds)
    assert row is not None  # noqa: S101 - it answers one row
    return Dispatched(*row)


async def due(session: ShardSession) -> list[Due]:
    """The most urgent first."""
    return [Due(*row) for row in await session.fetch(DUE)]


async def count_leased(session: ShardSession, endpoint_id: UUID) -> int:
    return int(await session.fetch_value(COUNT_LEASED, endpoint_id))


async def take(
    session: ShardSession, endpoint_id: UUID, *, most: int, lease: float
) -> Sequence[WebhookDelivery]:
    """Of an endpoint that is held. `lease`: seconds from now, after which another may take them."""
    return await session.fetch_rows(WebhookDelivery, TAKE, endpoint_id, most, lease)


async def note(session: ShardSession, outcomes: Sequence[Outcome]) -> None:
    columns = [[getattr(each, name) for each in outcomes] for name in Outcome.__struct_fields__]
    await session.execute(NOTE, *columns)


async def release(session: ShardSession, taken: Sequence[WebhookDelivery], *, delay: float) -> None:
    """`delay`: seconds until they may be taken again."""
    await session.execute(RELEASE, [each.id for each in taken], [each.attempts for each in taken], delay)


async def insert(session: ShardSession, new: WebhookDelivery, *, seconds: float) -> WebhookDelivery:
    """To be sent within `seconds` from now."""
    row = await session.fetch_row(
        INSERT,
        *(new.id, new.endpoint_id, new.event_id, new.event_type, new.subject_id, new.happened_at),
        seconds,
    )
    assert row is not None  # noqa: S101 - an INSERT of one row answers it
    return WebhookDelivery(*row)


async def retry(
    session: ShardSession, id_: UUID, version: int | None, *, seconds: float
) -> WebhookDelivery | None:
    """None: absent, not dead, or of another version."""
    row = await session.fetch_row(RETRY, id_, version, seconds)
    return None if row is None else WebhookDelivery(*row)


async def retry_many(
    session: ShardSession,
    endpoint_id: UUID,
    *,
    dead_by: datetime,
    since: datetime | None,
    most: int,
    seconds: float,
) -> int:
    """How many are tried anew."""
    return await session.execute(RETRY_MANY, endpoint_id, dead_by, since, most, seconds)


async def renew(session: ShardSession, endpoint_id: UUID, *, seconds: float) -> None:
    await session.execute(RENEW, endpoint_id, seconds)


async def delete_old(session: ShardSession, *, delivered: float, dead: float, most: int) -> int:
    """`delivered`, `dead`: seconds since they ended; how many are gone."""
    return await session.execute(DELETE_OLD, delivered, dead, most)
