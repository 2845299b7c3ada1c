import enum
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from harka.repositories.page import (
    CREATED,
    OLDEST_FIRST,
    Order,
    Position,
    pages,
)
from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class InvitationOrder(enum.StrEnum):
    CREATED_AT = "created_at"


class Invitation(msgspec.Struct, frozen=True):
    """`role`, `role_id`: as of a user. `invited_by`: None for a program. `user_id`: who came, None before.

    A `role` of `custom` without a `role_id` is one that was taken away since.
    """

    id: UUID
    email: str
    role: str
    role_id: UUID | None
    expires_at: datetime
    accepted_at: datetime | None
    revoked_at: datetime | None
    invited_by: UUID | None
    user_id: UUID | None
    created_at: datetime
    updated_at: datetime
    version: int


State = tuple[str, datetime]
"""What came of invitations until then: `open`, `accepted`, `revoked` or `expired`."""

_ANY: Final = (None, None)


class Accepted(msgspec.Struct, frozen=True):
    """`joined`, `managed`: groups that whoever came is in from now on, and manages."""

    invitation: Invitation
    joined: list[UUID]
    managed: list[UUID]


class InvitedTo(msgspec.Struct, frozen=True):
    """That who accepts an invitation will be in a group."""

    invitation_id: UUID
    group_id: UUID


# Invitations by id, of one inviter or of any.
FIND_BY_IDS = Statement(
    "invitation.find_by_ids",
    """SELECT id, email, role, role_id, expires_at, accepted_at, revoked_at, invited_by, user_id, created_at,
      updated_at, version
    FROM {schema}.invitation
    WHERE tenant_id = $1 AND id = ANY($2::uuid[]) AND ($3::uuid IS NULL OR invited_by = $3)""",
)

# As a CASE, see `repositories.user`. What came of an invitation: see `learning.invitation.state_of`.
_MATCHES: Final = """CASE WHEN $2::uuid IS NULL AND $3::text IS NULL AND $5::text IS NULL THEN true
      ELSE ($2 IS NULL OR invited_by = $2) AND ($5 IS NULL OR position(lower($5) IN lower(email)) > 0)
        AND ($3 IS NULL OR $3 = CASE
        WHEN accepted_at IS NOT NULL THEN 'accepted'
        WHEN revoked_at IS NOT NULL THEN 'revoked'
        WHEN expires_at <= $4::timestamptz THEN 'expired'
        ELSE 'open' END) END"""

# One page of invitations, of one inviter or of any, in each order.
PAGES = pages(
    "invitation.page",
    f"""SELECT id, email, role, role_id, expires_at, accepted_at, revoked_at, invited_by, user_id, created_at,
      updated_at, version
    FROM {{schema}}.invitation
    WHERE tenant_id = $1 AND {_MATCHES} {{after}} ORDER BY {{order}} LIMIT $6""",  # noqa: S608 - constants
    {InvitationOrder.CREATED_AT: CREATED},
    position=7,
)

# How many invitations there are, of one inviter or of any.
COUNT = Statement(
    "invitation.count",
    f"""SELECT count(*) FROM {{schema}}.invitation WHERE tenant_id = $1 AND {_MATCHES}""",  # noqa: S608 - constants
)

# The groups of many invitations, in the order of their ids.
GROUPS_OF = Statement(
    "invitation.groups_of",
    """SELECT invitation_id, group_id FROM {schema}.invitation_group
    WHERE tenant_id = $1 AND invitation_id = ANY($2::uuid[]) ORDER BY invitation_id, group_id""",
)

# Which of these groups are there.
GROUPS_PRESENT = Statement(
    "invitation.groups_present",
    """SELECT count(*) FROM {schema}.user_group WHERE tenant_id = $1 AND id = ANY($2::uuid[])""",
)

# Let the open invitation of an address, of one inviter or of any, be no more.
REPLACE = Statement(
    "invitation.replace",
    """UPDATE {schema}.invitation SET revoked_at = now(), updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND email_key = lower($2::text) AND accepted_at IS NULL AND revoked_at IS NULL
      AND ($3::uuid IS NULL OR invited_by = $3)
    RETURNING id""",
)

# A new invitation.
INSERT = Statement(
    "invitation.insert",
    """INSERT INTO {schema}.invitation
      (tenant_id, id, email, role, role_id, expires_at, accepted_at, revoked_at, invited_by, user_id,
       created_at, updated_at, version, token_hash, managed_group_ids)
    VALUES ($1, $2::uuid, $3::text, $4::text, $5::uuid, $6::timestamptz, $7::timestamptz, $8::timestamptz,
      $9::uuid, $10::uuid, $11::timestamptz, $12::timestamptz, $13::int, $14::bytea, $15::uuid[])""",
)

# The groups of a new invitation.
INSERT_GROUPS = Statement(
    "invitation.insert_groups",
    """INSERT INTO {schema}.invitation_group (tenant_id, invitation_id, group_id)
    SELECT $1::uuid, $2::uuid, * FROM unnest($3::uuid[])""",
)

# Hold the invitation of a token against every other writer.
LOCK_BY_TOKEN = Statement(
    "invitation.lock_by_token",
    """SELECT id, email, role, role_id, expires_at, accepted_at, revoked_at, invited_by, user_id, created_at,
      updated_at, version
    FROM {schema}.invitation WHERE tenant_id = $1 AND token_hash = $2::bytea FOR UPDATE""",
)

# Whose token it is, without holding it.
FIND_BY_TOKEN = Statement(
    "invitation.find_by_token",
    """SELECT id, email, role, role_id, expires_at, accepted_at, revoked_at, invited_by, user_id, created_at,
      updated_at, version
    FROM {schema}.invitation WHERE tenant_id = $1 AND token_hash = $2::bytea""",
)

# An invitation that is held was accepted; who shall manage groups is bound, to those that are still there.
ACCEPT = Statement(
    "invitation.accept",
    """WITH managed AS (
      SELECT unnest(managed_group_ids) AS group_id FROM {schema}.invitation
      WHERE tenant_id = $1 AND id = $2::uuid
    ), bound AS (
      UPDATE {schema}."user" SET is_bound = true
      WHERE tenant_id = $1 AND id = $3::uuid AND EXISTS (SELECT FROM managed)
    ), given AS (
      INSERT INTO {schema}.user_scope (tenant_id, user_id, group_id)
      SELECT $1::uuid, $3::uuid, g.id FROM {schema}.user_group g JOIN managed ON managed.group_id = g.id
      WHERE g.tenant_id = $1
      ON CONFLICT (tenant_id, user_id, group_id) DO NOTHING
      RETURNING group_id
    )
    UPDATE {schema}.invitation
    SET accepted_at = now(), user_id = $3::uuid, updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2::uuid
    RETURNING id, email, role, role_id, expires_at, accepted_at, revoked_at, invited_by, user_id, created_at,
      updated_at, version, ARRAY(SELECT group_id FROM given) AS managed""",
)

# Put somebody into the groups of their invitation that are still there; who is in one already stays.
JOIN_GROUPS = Statement(
    "invitation.join_groups",
    """INSERT INTO {schema}.user_group_member (tenant_id, group_id, user_id)
    SELECT $1::uuid, i.group_id, $3::uuid FROM {schema}.invitation_group i
    WHERE i.tenant_id = $1 AND i.invitation_id = $2::uuid
    ON CONFLICT (tenant_id, group_id, user_id) DO NOTHING
    RETURNING group_id""",
)

# Revoke an open invitation, of one inviter or of any; a version of NULL stands for any.
REVOKE = Statement(
    "invitation.revoke",
    """UPDATE {schema}.invitation SET revoked_at = now(), updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2::uuid AND ($3::int IS NULL OR version = $3)
      AND accepted_at IS NULL AND revoked_at IS NULL AND ($4::uuid IS NULL OR invited_by = $4)
    RETURNING id, email, role, role_id, expires_at, accepted_at, revoked_at, invited_by, user_id, created_at,
      updated_at, version""",
)


async def find_by_ids(
    session: ShardSession, ids: Sequence[UUID], *, inviter: UUID | None
) -> Sequence[Invitation]:
    """In no particular order. `inviter`: None for any, like everywhere here."""
    return await session.fetch_rows(Invitation, FIND_BY_IDS, ids, inviter)


async def list_page(
    session: ShardSession,
    *,
    after: Position | None,
    first: int,
    inviter: UUID | None,
    order: Order = OLDEST_FIRST,
    state: State | None = None,
    email: str | None = None,
) -> Sequence[Invitation]:
    """`email`: a part of it, in any case; None for any, here and below."""
    asked = (inviter, *(state or _ANY), email, first, *(after or ()))
    return await session.fetch_rows(Invitation, PAGES[order].of(after), *asked)


async def count(
    session: ShardSession, *, inviter: UUID | None, state: State | None = None, email: str | None = None
) -> int:
    return int(await session.fetch_value(COUNT, inviter, *(state or _ANY), email))


async def groups_of(session: ShardSession, ids: Sequence[UUID]) -> Sequence[InvitedTo]:
    return await session.fetch_rows(InvitedTo, GROUPS_OF, ids)


async def count_groups(session: ShardSession, ids: Sequence[UUID]) -> int:
    """How many of these groups are there."""
    return int(await session.fetch_value(GROUPS_PRESENT, ids))


async def replace(session: ShardSession, email: str, *, inviter: UUID | None) -> list[UUID]:
    """The open invitation of an address, if there is one, is revoked. Answers which."""
    return [row["id"] for row in await session.fetch(REPLACE, email, inviter)]


async def insert(
    session: ShardSession,
    invitation: Invitation,
    token_hash: bytes,
    group_ids: Sequence[UUID],
    managed: Sequence[UUID] = (),
) -> None:
    """`managed`: groups that who accepts will manage.

    Raise `UniqueError` (invitation_open) when the address has an open one.
    """
    await session.execute(INSERT, *msgspec.structs.astuple(invitation), token_hash, managed)
    if group_ids:
        await session.execute(INSERT_GROUPS, invitation.id, group_ids)


async def find_by_token(session: ShardSession, token_hash: bytes) -> Invitation | None:
    row = await session.fetch_row(FIND_BY_TOKEN, token_hash)
    return None if row is None else Invitation(*row)


async def lock_by_token(session: ShardSession, token_hash: bytes) -> Invitation | None:
    """Hold the invitation until this transaction ends."""
    row = await session.fetch_row(LOCK_BY_TOKEN, token_hash)
    return None if row is None else Invitation(*row)


async def accept(session: ShardSession, id_: UUID, user_id: UUID) -> Accepted:
    """Of an invitation that is held, with its groups."""
    joined = [row["group_id"] for row in await session.fetch(JOIN_GROUPS, id_, user_id)]
    row = await session.fetch_row(ACCEPT, id_, user_id)
    assert row is not None  # noqa: S101 - it is held
    *invitation, managed = row
    return Accepted(Invitation(*invitation), joined, managed)


async def revoke(
    session: ShardSession, id_: UUID, version: int | None, *, inviter: UUID | None
) -> Invitation | None:
    """None: absent, another's, not open any more, or of another version."""
    row = await session.fetch_row(REVOKE, id_, version, inviter)
    return None if row is None else Invitation(*row)
