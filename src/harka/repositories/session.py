import enum
from collections.abc import Mapping, Sequence
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
from harka.repositories.scope import Scope, unless_beyond
from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class SessionKind(enum.StrEnum):
    BROWSER = "browser"
    APP = "app"


class SessionOrder(enum.StrEnum):
    CREATED_AT = "created_at"


class Session(msgspec.Struct, frozen=True):
    """Where somebody is signed in. `last_used_at`: to the minute. `expires_at`: unless it is used before.

    `ends_at`: however much it is used. `user_agent`, `address`: of who signed in, as far as they said.
    """

    id: UUID
    user_id: UUID
    kind: str
    user_agent: str
    address: str
    last_used_at: datetime
    expires_at: datetime
    ends_at: datetime
    revoked_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int


class Proof(msgspec.Struct, frozen=True):
    """That somebody is signed in still, to be asked with who they are. `token_hash`: None for an app's."""

    id: UUID
    token_hash: bytes | None = None


class Held(msgspec.Struct, frozen=True):
    """A live session of an app, which nobody else refreshes meanwhile."""

    id: UUID
    user_id: UUID
    refreshes: int
    status: str


class Live(msgspec.Struct, frozen=True):
    """Whose session it is, and the status of that person."""

    user_id: UUID
    status: str


IS_LIVE: Final = "s.revoked_at IS NULL AND s.expires_at > now()"
_KIND: Final = Condition("text", "s.kind = {}")
_MATCHES: Final = f"{IS_LIVE} AND {unless_beyond('s.user_id', '$3')} AND {narrowed(_KIND, begin=4)}"

# Sessions by id that are somebody's own, or of whom a reader of everybody sees; dead ones included.
FIND_BY_IDS = Statement(
    "session.find_by_ids",
    f"""SELECT s.id, s.user_id, s.kind, s.user_agent, s.address, s.last_used_at, s.expires_at, s.ends_at,
      s.revoked_at, s.created_at, s.updated_at, s.version
    FROM {{schema}}.session s
    WHERE s.tenant_id = $1 AND s.id = ANY($2::uuid[])
      AND (s.user_id = $3::uuid OR ($4::boolean AND {unless_beyond("s.user_id", "$5")}))""",  # noqa: S608 - constants
)

# One page of the live sessions of a person whom the reader sees, in each order.
PAGES = pages(
    "session.page",
    f"""SELECT s.id, s.user_id, s.kind, s.user_agent, s.address, s.last_used_at, s.expires_at, s.ends_at,
      s.revoked_at, s.created_at, s.updated_at, s.version
    FROM {{schema}}.session s
    WHERE s.tenant_id = $1 AND s.user_id = $2::uuid AND {_MATCHES} {{after}}
    ORDER BY {{order}} LIMIT $5""",  # noqa: S608 - constants
    {SessionOrder.CREATED_AT: Key("s.created_at", "timestamptz")},
    position=6,
    id_="s.id",
)

# How many live sessions a person has whom the reader sees.
COUNT = Statement(
    "session.count",
    f"""SELECT count(*) FROM {{schema}}.session s
    WHERE s.tenant_id = $1 AND s.user_id = $2::uuid AND {_MATCHES}""",  # noqa: S608 - constants
)

# A new session.
INSERT = Statement(
    "session.insert",
    """INSERT INTO {schema}.session
      (tenant_id, id, user_id, kind, user_agent, address, last_used_at, expires_at, ends_at, revoked_at,
       created_at, updated_at, version, token_hash)
    VALUES ($1, $2::uuid, $3::uuid, $4::text, $5::text, $6::text, $7::timestamptz, $8::timestamptz,
      $9::timestamptz, $10::timestamptz, $11::timestamptz, $12::timestamptz, $13::int, $14::bytea)""",
)

# Revoke a session that is not revoked yet; a version of NULL stands for any.
REVOKE = Statement(
    "session.revoke",
    """UPDATE {schema}.session SET revoked_at = now(), updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2::uuid AND ($3::int IS NULL OR version = $3) AND revoked_at IS NULL
    RETURNING id, user_id, kind, user_agent, address, last_used_at, expires_at, ends_at, revoked_at,
      created_at, updated_at, version""",
)

# Revoke all sessions of a person but one; NULL stands for none.
REVOKE_OTHERS = Statement(
    "session.revoke_others",
    """UPDATE {schema}.session SET revoked_at = now(), updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND user_id = $2::uuid AND revoked_at IS NULL AND ($3::uuid IS NULL OR id <> $3)""",
)

# Hold a live session of an app against every other refresh.
HOLD = Statement(
    "session.hold",
    f"""SELECT s.id, s.user_id, s.refreshes, u.status
    FROM {{schema}}.session s
    JOIN {{schema}}."user" u ON u.tenant_id = $1 AND u.id = s.user_id
    WHERE s.tenant_id = $1 AND s.id = $2::uuid AND s.kind = 'app' AND {IS_LIVE} FOR UPDATE OF s""",  # noqa: S608 - constants
)

# A refresh token of a session that is held was spent; it lives some seconds longer.
REFRESHED = Statement(
    "session.refreshed",
    """UPDATE {schema}.session
    SET refreshes = refreshes + 1, last_used_at = now(), updated_at = now(),
      expires_at = least(ends_at, now() + make_interval(secs => $3::float8))
    WHERE tenant_id = $1 AND id = $2::uuid""",
)

# Which of these sessions are live.
LIVE = Statement(
    "session.live",
    f"""SELECT s.id FROM {{schema}}.session s
    WHERE s.tenant_id = $1 AND s.id = ANY($2::uuid[]) AND {IS_LIVE}""",  # noqa: S608 - constants
)

# When sessions were last used, many at once; those of browsers live some seconds longer from then on. The
# rows are locked in the order of ids.
TOUCH = Statement(
    "session.touch",
    f"""WITH locked AS (
      SELECT s.id, used.at
      FROM unnest($2::uuid[], $3::timestamptz[]) AS used (id, at)
      JOIN {{schema}}.session s ON s.tenant_id = $1 AND s.id = used.id
      WHERE s.last_used_at < used.at AND {IS_LIVE}
      ORDER BY s.id FOR NO KEY UPDATE OF s)
    UPDATE {{schema}}.session s
    SET last_used_at = locked.at,
      expires_at = CASE WHEN s.kind = 'browser'
        THEN least(s.ends_at, locked.at + make_interval(secs => $4::float8)) ELSE s.expires_at END
    FROM locked WHERE s.tenant_id = $1 AND s.id = locked.id""",  # noqa: S608 - constants
)

# Sessions that were over some seconds ago; many at a time are left for the next time.
DELETE_OLD = Statement(
    "session.delete_old",
    """DELETE FROM {schema}.session
    WHERE tenant_id = $1 AND id = ANY(ARRAY(SELECT id FROM {schema}.session
      WHERE tenant_id = $1 AND expires_at < now() - make_interval(secs => $2::float8)
      ORDER BY expires_at LIMIT 1000))""",
)

# Whose session it is, of whatever kind.
FIND_LIVE = Statement(
    "session.find_live",
    f"""SELECT s.user_id, u.status FROM {{schema}}.session s
    JOIN {{schema}}."user" u ON u.tenant_id = $1 AND u.id = s.user_id
    WHERE s.tenant_id = $1 AND s.id = $2::uuid AND {IS_LIVE} FOR SHARE OF s""",  # noqa: S608 - constants
)


async def find_by_ids(
    session: ShardSession, scope: Scope, ids: Sequence[UUID], *, own: UUID | None
) -> Sequence[Session]:
    """In no particular order. `own`: whose are found in any case; those of others where `scope` is of all."""
    return await session.fetch_rows(Session, FIND_BY_IDS, ids, own, scope.everything, scope.manager)


async def page(
    session: ShardSession,
    scope: Scope,
    person: UUID,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
    kind: str | None = None,
) -> Sequence[Session]:
    """`kind`: a `SessionKind`, None for any, here and below."""
    asked = (person, scope.manager, kind, first, *(after or ()))
    return await session.fetch_rows(Session, PAGES[order].of(after), *asked)


async def count(session: ShardSession, scope: Scope, person: UUID, *, kind: str | None = None) -> int:
    return int(await session.fetch_value(COUNT, person, scope.manager, kind))


async def insert(session: ShardSession, made: Session, token_hash: bytes | None) -> None:
    """`token_hash`: of a browser's cookie, None for an app's."""
    await session.execute(INSERT, *msgspec.structs.astuple(made), token_hash)


async def revoke(session: ShardSession, id_: UUID, version: int | None) -> Session | None:
    """None: absent, of another version, or revoked already."""
    row = await session.fetch_row(REVOKE, id_, version)
    return None if row is None else Session(*row)


async def revoke_others(session: ShardSession, person: UUID, kept: UUID | None) -> int:
    """How many."""
    return await session.execute(REVOKE_OTHERS, person, kept)


async def find_live(session: ShardSession, id_: UUID) -> Live | None:
    """Until this transaction ends it stays so. None: absent, or dead."""
    row = await session.fetch_row(FIND_LIVE, id_)
    return None if row is None else Live(*row)


async def hold(session: ShardSession, id_: UUID) -> Held | None:
    """Until this transaction ends. None: absent, a browser's, or dead."""
    row = await session.fetch_row(HOLD, id_)
    return None if row is None else Held(*row)


async def refreshed(session: ShardSession, id_: UUID, *, idle: float) -> None:
    """`idle`: seconds it may be unused from now on."""
    await session.execute(REFRESHED, id_, idle)


async def live(session: ShardSession, ids: Sequence[UUID]) -> set[UUID]:
    return {row["id"] for row in await session.fetch(LIVE, ids)}


async def touch(session: ShardSession, uses: Mapping[UUID, datetime], *, idle: float) -> None:
    """`uses`: last use by id. `idle`: seconds a browser's may be unused from then on."""
    await session.execute(TOUCH, list(uses), list(uses.values()), idle)


async def delete_old(session: ShardSession, *, older_than: float) -> int:
    """How many. `older_than`: seconds since they were over."""
    return await session.execute(DELETE_OLD, older_than)
