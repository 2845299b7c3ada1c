"""Where a tenant has its events told: the receivers, how far each has read, and how well it answers."""

import enum
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
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

LAST_ID: Final = UUID(int=2**128 - 1)
"""After every event of its transaction."""


class WebhookPauseReason(enum.StrEnum):
    """Why nothing is sent. The values are stored: never rename one."""

    ASKED = "asked"
    FAILING = "failing"
    GONE = "gone"
    NOT_ALLOWED = "not_allowed"
    DOCUMENT_INVALID = "document_invalid"


class WebhookEndpointOrder(enum.StrEnum):
    CREATED_AT = "created_at"


class WebhookEndpoint(msgspec.Struct, frozen=True):
    """`types`: of the events it is told, none for all. `document`: what is asked of each.

    `actor_kind`, `actor_id`, `actor_name`, `user_id`, `scopes`: as of an `auth.delegation.Delegate`.
    `old_secret_until`: the secret before signs, too, until then. `failures`: in a row, `failing_since` then.
    `rest_until`: nothing is sent before. `events_lost_at`: since when something it was to be told is gone.
    """

    id: UUID
    url: str
    description: str
    types: list[str]
    document: str
    actor_kind: str
    actor_id: UUID | None
    actor_name: str
    user_id: UUID | None
    scopes: list[str]
    old_secret_until: datetime | None
    paused_at: datetime | None
    pause_reason: str | None
    failures: int
    failing_since: datetime | None
    rest_until: datetime | None
    last_delivered_at: datetime | None
    last_failed_at: datetime | None
    events_lost_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int


class Secrets(msgspec.Struct, frozen=True):
    """Sealed. `old`: the one before, None once it signs no more."""

    current: bytes
    old: bytes | None


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """What an endpoint is after some were sent.

    `rest`: seconds, None for none. `pause`: a `WebhookPauseReason`, or None.
    """

    delivered: bool
    failed: bool
    rest: float | None = None
    pause: str | None = None


_COLUMNS: Final = """id, url, description, types, document, actor_kind, actor_id, actor_name, user_id, scopes,
      old_secret_until, paused_at, pause_reason, failures, failing_since, rest_until, last_delivered_at,
      last_failed_at, events_lost_at, created_at, updated_at, version"""
_NOW_SETTLED: Final = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1"

# Endpoints by id.
FIND_BY_IDS = Statement(
    "webhook_endpoint.find_by_ids",
    f"SELECT {_COLUMNS} FROM {{schema}}.webhook_endpoint WHERE tenant_id = $1 AND id = ANY($2::uuid[])",  # noqa: S608 - constants
)

_MATCHES: Final = narrowed(Condition("boolean", "(paused_at IS NOT NULL) = {}"))

# One page of endpoints, in each order.
PAGES = pages(
    "webhook_endpoint.page",
    f"""SELECT {_COLUMNS} FROM {{schema}}.webhook_endpoint
    WHERE tenant_id = $1 AND {_MATCHES} {{after}} ORDER BY {{order}} LIMIT $3""",  # noqa: S608 - constants
    {WebhookEndpointOrder.CREATED_AT: CREATED},
    position=4,
)

# How many match.
COUNT = Statement(
    "webhook_endpoint.count",
    f"SELECT count(*) FROM {{schema}}.webhook_endpoint WHERE tenant_id = $1 AND {_MATCHES}",  # noqa: S608 - constants
)

# How many there are that something is sent to.
COUNT_ACTIVE = Statement(
    "webhook_endpoint.count_active",
    "SELECT count(*) FROM {schema}.webhook_endpoint WHERE tenant_id = $1 AND paused_at IS NULL",
)

# The tenant's endpoints are counted by one writer at a time.
LOCK_COUNT = Statement(
    "webhook_endpoint.lock_count",
    "SELECT pg_advisory_xact_lock(hashtextextended('count of {schema}.webhook_endpoint ' || $1::uuid, 0))",
)

# A new endpoint, which is told what is not settled yet and what comes after.
INSERT = Statement(
    "webhook_endpoint.insert",
    f"""INSERT INTO {{schema}}.webhook_endpoint
      (tenant_id, id, url, description, types, document, actor_kind, actor_id, actor_name, user_id, scopes,
       secret, cursor_xid, cursor_id)
    VALUES ($1, $2::uuid, $3::text, $4::text, $5::text[], $6::text, $7::text, $8::uuid, $9::text, $10::uuid,
      $11::text[], $12::bytea, {_NOW_SETTLED}, $13::uuid)
    RETURNING {_COLUMNS}""",  # noqa: S608 - constants
)

# Hold an endpoint against every other writer, and against who sends for it.
LOCK = Statement(
    "webhook_endpoint.lock",
    f"""SELECT {_COLUMNS} FROM {{schema}}.webhook_endpoint
    WHERE tenant_id = $1 AND id = $2::uuid FOR NO KEY UPDATE""",  # noqa: S608 - constants
)

# Hold where all endpoints are in the stream.
LOCK_ALL = Statement(
    "webhook_endpoint.lock_all",
    "SELECT id FROM {schema}.webhook_endpoint WHERE tenant_id = $1 ORDER BY id FOR NO KEY UPDATE",
)

# An endpoint that is held gets other values. One that is no more paused begins with a clean slate.
UPDATE = Statement(
    "webhook_endpoint.update",
    f"""UPDATE {{schema}}.webhook_endpoint
    SET url = $3::text, description = $4::text, types = $5::text[], document = $6::text,
      actor_kind = $7::text, actor_id = $8::uuid, actor_name = $9::text, user_id = $10::uuid,
      scopes = $11::text[], pause_reason = $12::text,
      paused_at = CASE WHEN $12::text IS NOT NULL THEN coalesce(paused_at, now()) END,
      failures = CASE WHEN $13::boolean THEN 0 ELSE failures END,
      failing_since = CASE WHEN $13 THEN NULL ELSE failing_since END,
      rest_until = CASE WHEN $13 THEN NULL ELSE rest_until END,
      updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2::uuid
    RETURNING {_COLUMNS}""",  # noqa: S608 - constants
)

# Take an endpoint away, with its deliveries.
DELETE = Statement(
    "webhook_endpoint.delete",
    """DELETE FROM {schema}.webhook_endpoint
    WHERE tenant_id = $1 AND id = $2::uuid AND ($3::int IS NULL OR version = $3)""",
)

# Another secret; the one before signs for some seconds more.
ROTATE = Statement(
    "webhook_endpoint.rotate",
    f"""UPDATE {{schema}}.webhook_endpoint
    SET secret = $4::bytea, old_secret = secret, old_secret_until = now() + make_interval(secs => $5::float8),
      updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2::uuid AND ($3::int IS NULL OR version = $3)
    RETURNING {_COLUMNS}""",  # noqa: S608 - constants
)

# The secrets of an endpoint that sign now.
FIND_SECRETS = Statement(
    "webhook_endpoint.find_secrets",
    """SELECT secret AS current, CASE WHEN old_secret_until > now() THEN old_secret END AS old
    FROM {schema}.webhook_endpoint WHERE tenant_id = $1 AND id = $2::uuid""",
)

# Read the events again from a place on: those of later ones that were told already are told again.
MOVE = Statement(
    "webhook_endpoint.move",
    f"""UPDATE {{schema}}.webhook_endpoint
    SET cursor_xid = $3::bigint, cursor_id = $4::uuid, events_lost_at = NULL,
      updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2::uuid
    RETURNING {_COLUMNS}""",  # noqa: S608 - constants
)

# What came of sending, of an endpoint that still sends.
NOTE = Statement(
    "webhook_endpoint.note",
    """UPDATE {schema}.webhook_endpoint
    SET failures = CASE WHEN $3::boolean THEN 0 WHEN $4::boolean THEN failures + 1 ELSE failures END,
      failing_since = CASE WHEN $3 THEN NULL WHEN $4 THEN coalesce(failing_since, now())
        ELSE failing_since END,
      rest_until = now() + make_interval(secs => $5::float8),
      last_delivered_at = CASE WHEN $3 THEN now() ELSE last_delivered_at END,
      last_failed_at = CASE WHEN $4 THEN now() ELSE last_failed_at END,
      pause_reason = $6::text, paused_at = CASE WHEN $6::text IS NOT NULL THEN now() END,
      updated_at = now(), version = version + CASE WHEN $6::text IS NULL THEN 0 ELSE 1 END
    WHERE tenant_id = $1 AND id = $2::uuid AND paused_at IS NULL""",
)


async def find_by_ids(session: ShardSession, ids: Sequence[UUID]) -> Sequence[WebhookEndpoint]:
    """In no particular order."""
    return await session.fetch_rows(WebhookEndpoint, FIND_BY_IDS, ids)


async def list_page(
    session: ShardSession,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
    is_paused: bool | None = None,
) -> Sequence[WebhookEndpoint]:
    """`is_paused`: None for any, here and below."""
    asked = (is_paused, first, *(after or ()))
    return await session.fetch_rows(WebhookEndpoint, PAGES[order].of(after), *asked)


async def count(session: ShardSession, *, is_paused: bool | None = None) -> int:
    return int(await session.fetch_value(COUNT, is_paused))


async def count_active(session: ShardSession) -> int:
    return int(await session.fetch_value(COUNT_ACTIVE))


async def lock_count(session: ShardSession) -> None:
    """Hold the tenant's number of endpoints until this transaction ends."""
    await session.execute(LOCK_COUNT)


async def insert(session: ShardSession, new: WebhookEndpoint, secret: bytes) -> WebhookEndpoint:
    """It is told what happens from now on. `secret`: sealed."""
    row = await session.fetch_row(INSERT, *_values(new), secret, LAST_ID)
    assert row is not None  # noqa: S101 - an INSERT of one row answers it
    return WebhookEndpoint(*row)


async def lock(session: ShardSession, id_: UUID) -> WebhookEndpoint | None:
    """Hold it until this transaction ends."""
    row = await session.fetch_row(LOCK, id_)
    return None if row is None else WebhookEndpoint(*row)


async def lock_all(session: ShardSession) -> None:
    """Hold every endpoint of the tenant until this transaction ends."""
    await session.execute(LOCK_ALL)


async def update(session: ShardSession, changed: WebhookEndpoint, *, resumes: bool) -> WebhookEndpoint:
    """Of one that is held. `resumes`: it is paused no more, and its failures are forgotten."""
    row = await session.fetch_row(UPDATE, *_values(changed), changed.pause_reason, resumes)
    assert row is not None  # noqa: S101 - it is held
    return WebhookEndpoint(*row)


async def delete(session: ShardSession, id_: UUID, version: int | None) -> bool:
    """Whether it was there, in this version or in any."""
    return await session.execute(DELETE, id_, version) > 0


async def rotate(
    session: ShardSession, id_: UUID, version: int | None, secret: bytes, *, overlap: float
) -> WebhookEndpoint | None:
    """`secret`: sealed. `overlap`: seconds. None: absent, or of another version."""
    row = await session.fetch_row(ROTATE, id_, version, secret, overlap)
    return None if row is None else WebhookEndpoint(*row)


async def find_secrets(session: ShardSession, id_: UUID) -> Secrets | None:
    row = await session.fetch_row(FIND_SECRETS, id_)
    return None if row is None else Secrets(*row)


async def move(session: ShardSession, id_: UUID, xid: int, event: UUID) -> WebhookEndpoint | None:
    """To go on after (`xid`, `event`). None: absent."""
    row = await session.fetch_row(MOVE, id_, xid, event)
    return None if row is None else WebhookEndpoint(*row)


async def note(session: ShardSession, id_: UUID, health: Health) -> None:
    await session.execute(NOTE, id_, health.delivered, health.failed, health.rest, health.pause)


def _values(endpoint: WebhookEndpoint) -> list[Any]:
    names = WebhookEndpoint.__struct_fields__
    return [getattr(endpoint, name) for name in names[: names.index("old_secret_until")]]
