import enum
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from harka.repositories.page import BEGINNING, Position
from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class UserStatus(enum.StrEnum):
    ACTIVE = "active"
    INACTIVE = "inactive"


class User(msgspec.Struct, frozen=True):
    """`role`: an `auth.permissions.Role`. `locale`, `timezone`: None for the organization's."""

    id: UUID
    email: str
    name: str
    role: str
    status: str
    locale: str | None
    timezone: str | None
    created_at: datetime
    updated_at: datetime
    version: int


# Users by id.
FIND_BY_IDS = Statement(
    "user.find_by_ids",
    """SELECT id, email, name, role, status, locale, timezone, created_at, updated_at, version
    FROM {schema}."user" WHERE tenant_id = $1 AND id = ANY($2::uuid[])""",
)

# Which of these users exist, and whether they may act.
STATUSES = Statement(
    "user.statuses",
    """SELECT id, status FROM {schema}."user" WHERE tenant_id = $1 AND id = ANY($2::uuid[])""",
)

# Users by address, whatever its case.
FIND_BY_EMAILS = Statement(
    "user.find_by_emails",
    """SELECT id, email, name, role, status, locale, timezone, created_at, updated_at, version
    FROM {schema}."user"
    WHERE tenant_id = $1 AND email_key = ANY(ARRAY(SELECT lower(asked) FROM unnest($2::text[]) AS asked))""",
)

# One page of users, oldest first.
PAGE = Statement(
    "user.page",
    """SELECT id, email, name, role, status, locale, timezone, created_at, updated_at, version
    FROM {schema}."user"
    WHERE tenant_id = $1 AND (created_at, id) > ($2::timestamptz, $3::uuid)
      AND ($5::text IS NULL OR role = $5) AND ($6::text IS NULL OR status = $6)
    ORDER BY created_at, id LIMIT $4""",
)

# How many users there are.
COUNT = Statement("user.count", """SELECT count(*) FROM {schema}."user" WHERE tenant_id = $1""")

# How many users of a role, a status, or both; apart, since of all of them the index alone can tell.
COUNT_OF_SOME = Statement(
    "user.count_of_some",
    """SELECT count(*) FROM {schema}."user"
    WHERE tenant_id = $1 AND ($2::text IS NULL OR role = $2) AND ($3::text IS NULL OR status = $3)""",
)

# Hold a user against every other writer.
LOCK = Statement(
    "user.lock",
    """SELECT id, email, name, role, status, locale, timezone, created_at, updated_at, version
    FROM {schema}."user" WHERE tenant_id = $1 AND id = $2::uuid FOR UPDATE""",
)

# Write all that can change of a user who is held.
UPDATE = Statement(
    "user.update",
    """UPDATE {schema}."user"
    SET email = $3::text, name = $4::text, role = $5::text, status = $6::text, locale = $7::text,
      timezone = $8::text, updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2::uuid
    RETURNING id, email, name, role, status, locale, timezone, created_at, updated_at, version""",
)

# How many other users of a role may sign in.
COUNT_OTHERS = Statement(
    "user.count_others",
    """SELECT count(*) FROM {schema}."user"
    WHERE tenant_id = $1 AND role = $2::text AND status = 'active' AND id <> $3::uuid""",
)

# New users, in one statement however many.
INSERT_MANY = Statement(
    "user.insert_many",
    """INSERT INTO {schema}."user"
      (tenant_id, id, email, name, role, status, locale, timezone, created_at, updated_at, version)
    SELECT $1::uuid, * FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
      $8::text[], $9::timestamptz[], $10::timestamptz[], $11::int[])""",
)

# Seats and owners are counted by one writer at a time, so that two cannot both take the last one.
LOCK_SEATS = Statement(
    "user.lock_seats",
    """SELECT pg_advisory_xact_lock(hashtextextended('seats of {schema}."user" ' || $1::uuid, 0))""",
)

# Seats taken: users who may sign in.
COUNT_SEATS = Statement(
    "user.count_seats",
    """SELECT count(*) FROM {schema}."user" WHERE tenant_id = $1 AND status = 'active'""",
)


async def find_by_ids(session: ShardSession, ids: Sequence[UUID]) -> Sequence[User]:
    """In no particular order; unknown ids are left out."""
    return await session.fetch_rows(User, FIND_BY_IDS, ids)


async def find_by_emails(session: ShardSession, emails: Sequence[str]) -> Sequence[User]:
    return await session.fetch_rows(User, FIND_BY_EMAILS, emails)


async def statuses(session: ShardSession, ids: Sequence[UUID]) -> dict[UUID, str]:
    """Unknown ids are left out."""
    return {row["id"]: row["status"] for row in await session.fetch(STATUSES, ids)}


async def list_page(
    session: ShardSession,
    *,
    after: Position | None,
    first: int,
    role: str | None = None,
    status: str | None = None,
) -> Sequence[User]:
    return await session.fetch_rows(User, PAGE, *(after or BEGINNING), first, role, status)


async def count(session: ShardSession, *, role: str | None = None, status: str | None = None) -> int:
    if role is not None or status is not None:
        return int(await session.fetch_value(COUNT_OF_SOME, role, status))
    return int(await session.fetch_value(COUNT))


async def insert(session: ShardSession, user: User) -> None:
    await insert_many(session, [user])


async def insert_many(session: ShardSession, users: Sequence[User]) -> None:
    """Raise `UniqueError` (user_email_unique) for an address that is taken."""
    columns = [list(column) for column in zip(*map(msgspec.structs.astuple, users), strict=True)]
    if columns:
        await session.execute(INSERT_MANY, *columns)


async def lock(session: ShardSession, id_: UUID) -> User | None:
    """Hold a user until this transaction ends."""
    row = await session.fetch_row(LOCK, id_)
    return None if row is None else User(*row)


async def update(session: ShardSession, user: User) -> User:
    """Write `user`, who is held; answers the next version. Raise `UniqueError` for a taken address."""
    values = user.email, user.name, user.role, user.status, user.locale, user.timezone
    row = await session.fetch_row(UPDATE, user.id, *values)
    assert row is not None  # noqa: S101 - it is held
    return User(*row)


async def count_others_locked(session: ShardSession, role: str, id_: UUID) -> int:
    """Active users of a role besides one; nobody else gets an answer until this transaction ends."""
    await session.fetch_value(LOCK_SEATS)
    return int(await session.fetch_value(COUNT_OTHERS, role, id_))


async def count_seats_locked(session: ShardSession) -> int:
    """Active users; nobody else gets an answer until this transaction ends."""
    await session.fetch_value(LOCK_SEATS)
    return int(await session.fetch_value(COUNT_SEATS))
