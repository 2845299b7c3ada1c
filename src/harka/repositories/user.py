import enum
from collections.abc import Sequence
from datetime import datetime
from typing import Final, TypedDict, Unpack
from uuid import UUID

import msgspec

from harka.repositories.page import CREATED, OLDEST_FIRST, Key, Order, Position, pages
from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class UserStatus(enum.StrEnum):
    ACTIVE = "active"
    INACTIVE = "inactive"


class UserOrder(enum.StrEnum):
    """By which attribute."""

    CREATED_AT = "created_at"
    NAME = "name"
    EMAIL = "email"


class UserFilter(TypedDict, total=False):
    """What is absent or None leaves out nobody. `starts_with`: of the name or the address, in any case.

    `created_before` is the first moment that does not match.
    """

    role: str | None
    status: str | None
    starts_with: str | None
    created_from: datetime | None
    created_before: datetime | None


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

# As a CASE: the planner takes half of the rows to match, whatever is asked. Taking the conditions one by one
# it expects hardly any, and then reads and sorts all users instead of walking along the order's index.
_MATCHES: Final = """CASE WHEN $2::text IS NULL AND $3::text IS NULL AND $4::text IS NULL
        AND $5::timestamptz IS NULL AND $6::timestamptz IS NULL THEN true
      ELSE ($2 IS NULL OR role = $2) AND ($3 IS NULL OR status = $3)
        AND ($4 IS NULL OR starts_with(lower(name), lower($4)) OR starts_with(email_key, lower($4)))
        AND ($5 IS NULL OR created_at >= $5) AND ($6 IS NULL OR created_at < $6) END"""

# One page of users, in each order.
PAGES = pages(
    "user.page",
    f"""SELECT id, email, name, role, status, locale, timezone, created_at, updated_at, version
    FROM {{schema}}."user"
    WHERE tenant_id = $1 AND {_MATCHES} {{after}}
    ORDER BY {{order}} LIMIT $7""",  # noqa: S608 - constants
    {
        UserOrder.CREATED_AT: CREATED,
        UserOrder.NAME: Key("name", "text"),
        UserOrder.EMAIL: Key("email_key", "text", asked="lower({})"),
    },
    position=8,
)

# One user, if they match.
FIND_MATCHING = Statement(
    "user.find_matching",
    f"""SELECT id, email, name, role, status, locale, timezone, created_at, updated_at, version
    FROM {{schema}}."user" WHERE tenant_id = $1 AND {_MATCHES} AND id = $7::uuid""",  # noqa: S608 - constants
)

# How many users there are.
COUNT = Statement("user.count", """SELECT count(*) FROM {schema}."user" WHERE tenant_id = $1""")

# How many users match; apart, since of all of them the index alone can tell.
COUNT_OF_SOME = Statement(
    "user.count_of_some",
    f"""SELECT count(*) FROM {{schema}}."user" WHERE tenant_id = $1 AND {_MATCHES}""",  # noqa: S608 - constants
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
    order: Order = OLDEST_FIRST,
    **only: Unpack[UserFilter],
) -> Sequence[User]:
    return await session.fetch_rows(
        User, PAGES[order].of(after), *_matches(only), first, *(() if after is None else after)
    )


async def find_matching(session: ShardSession, id_: UUID, **only: Unpack[UserFilter]) -> Sequence[User]:
    """One or none."""
    return await session.fetch_rows(User, FIND_MATCHING, *_matches(only), id_)


async def count(session: ShardSession, **only: Unpack[UserFilter]) -> int:
    matches = _matches(only)
    if any(value is not None for value in matches):
        return int(await session.fetch_value(COUNT_OF_SOME, *matches))
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


def _matches(only: UserFilter) -> tuple[str | datetime | None, ...]:
    """The parameters of `_MATCHES`."""
    return (
        only.get("role"),
        only.get("status"),
        only.get("starts_with"),
        only.get("created_from"),
        only.get("created_before"),
    )
