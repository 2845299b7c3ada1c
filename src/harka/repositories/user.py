import enum
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, TypedDict, Unpack
from uuid import UUID

import msgspec

from harka.repositories.page import CREATED, OLDEST_FIRST, Key, Order, Position, pages
from harka.repositories.scope import Scope, managed, people_in, people_of, unless_beyond
from harka.repositories.session import Proof
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

    `created_before` is the first moment that does not match. `group_id`: in this group, or in one below it.
    """

    role: str | None
    status: str | None
    starts_with: str | None
    created_from: datetime | None
    created_before: datetime | None
    role_id: UUID | None
    group_id: UUID | None


class User(msgspec.Struct, frozen=True):
    """`role`: an `auth.permissions.Role`. `locale`, `timezone`: None for the organization's.

    `role_id`: the organization's own role, of who has one; then `role` is `custom`.
    """

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
    role_id: UUID | None = None


class Acting(msgspec.Struct, frozen=True):
    """Who acts. `manages_groups`: they see nobody else than the people in these, if they have any left.

    `permissions`: of the organization's own role, None for a built-in one.
    """

    user: User
    permissions: Sequence[str] | None
    manages_groups: bool


# One user, what their role allows, and what bounds whom they may see. Who shows a session ($3; of a browser
# its token, too, $4) has it still.
FIND_ACTING = Statement(
    "user.find_acting",
    """SELECT u.id, u.email, u.name, u.role, u.status, u.locale, u.timezone, u.created_at, u.updated_at,
      u.version, u.role_id,
      (SELECT r.permissions FROM {schema}.custom_role r WHERE r.tenant_id = $1 AND r.id = u.role_id)
        AS permissions,
      u.is_bound OR EXISTS (SELECT FROM {schema}.user_scope managed
        WHERE managed.tenant_id = $1 AND managed.user_id = u.id) AS manages_groups
    FROM {schema}."user" u WHERE u.tenant_id = $1 AND u.id = $2::uuid
      AND ($3::uuid IS NULL OR EXISTS (SELECT FROM {schema}.session s
        WHERE s.tenant_id = $1 AND s.id = $3 AND s.user_id = u.id AND s.revoked_at IS NULL
          AND s.expires_at > now() AND ($4::bytea IS NULL OR s.token_hash = $4)))""",
)

# Users by id.
FIND_BY_IDS = Statement(
    "user.find_by_ids",
    """SELECT id, email, name, role, status, locale, timezone, created_at, updated_at, version,
      role_id
    FROM {schema}."user" WHERE tenant_id = $1 AND id = ANY($2::uuid[])""",
)

# Users by id that the reader may see.
FIND_VISIBLE = Statement(
    "user.find_visible",
    f"""SELECT id, email, name, role, status, locale, timezone, created_at, updated_at, version,
      role_id
    FROM {{schema}}."user"
    WHERE tenant_id = $1 AND id = ANY($4::uuid[])
      AND ($2::boolean OR id = $3::uuid OR {managed('"user".id', "$5")})""",  # noqa: S608 - constants
)

# Which of these users exist and are seen by a manager, and whether they may act.
STATUSES = Statement(
    "user.statuses",
    f"""SELECT id, status FROM {{schema}}."user"
    WHERE tenant_id = $1 AND id = ANY($2::uuid[]) AND {unless_beyond('"user".id', "$3")}""",  # noqa: S608 - constants
)

# Users by address, whatever its case.
FIND_BY_EMAILS = Statement(
    "user.find_by_emails",
    """SELECT id, email, name, role, status, locale, timezone, created_at, updated_at, version,
      role_id
    FROM {schema}."user"
    WHERE tenant_id = $1 AND email_key = ANY(ARRAY(SELECT lower(asked) FROM unnest($2::text[]) AS asked))""",
)

# As a CASE: the planner takes half of the rows to match, whatever is asked. Taking the conditions one by one
# it expects hardly any, and then reads and sorts all users instead of walking along the order's index.
MATCHES: Final = """CASE WHEN $2::text IS NULL AND $3::text IS NULL AND $4::text IS NULL
        AND $5::timestamptz IS NULL AND $6::timestamptz IS NULL AND $7::uuid IS NULL THEN true
      ELSE ($2 IS NULL OR role = $2) AND ($3 IS NULL OR status = $3)
        AND ($4 IS NULL OR starts_with(lower(name), lower($4)) OR starts_with(email_key, lower($4)))
        AND ($5 IS NULL OR created_at >= $5) AND ($6 IS NULL OR created_at < $6)
        AND ($7 IS NULL OR role_id = $7) END"""

KEYS: Final[Mapping[str, Key]] = {
    UserOrder.CREATED_AT: CREATED,
    UserOrder.NAME: Key("name", "text"),
    UserOrder.EMAIL: Key("email_key", "text", asked="lower({})"),
}

# One page of users, in each order.
PAGES = pages(
    "user.page",
    f"""SELECT id, email, name, role, status, locale, timezone, created_at, updated_at, version,
      role_id
    FROM {{schema}}."user"
    WHERE tenant_id = $1 AND {MATCHES} {{after}}
    ORDER BY {{order}} LIMIT $8""",  # noqa: S608 - constants
    KEYS,
    position=9,
)

# One page of the users a manager of groups sees, in each order.
PAGES_OF_MANAGER = pages(
    "user.page_of_manager",
    f"""SELECT id, email, name, role, status, locale, timezone, created_at, updated_at, version,
      role_id
    FROM {{schema}}."user"
    WHERE tenant_id = $1 AND id = ANY({people_of("$9")}) AND {MATCHES} {{after}}
    ORDER BY {{order}} LIMIT $8""",  # noqa: S608 - constants
    KEYS,
    position=10,
)

# One page of the people of a group, those whom a manager of groups sees, in each order.
PAGES_OF_GROUP = pages(
    "user.page_of_group",
    f"""SELECT id, email, name, role, status, locale, timezone, created_at, updated_at, version,
      role_id
    FROM {{schema}}."user"
    WHERE tenant_id = $1 AND id = ANY({people_in("$9")}) AND {unless_beyond('"user".id', "$10")}
      AND {MATCHES} {{after}}
    ORDER BY {{order}} LIMIT $8""",  # noqa: S608 - constants
    KEYS,
    position=11,
)

# One user, if they match; who is in no group that was asked for does not.
FIND_MATCHING = Statement(
    "user.find_matching",
    f"""SELECT id, email, name, role, status, locale, timezone, created_at, updated_at, version,
      role_id
    FROM {{schema}}."user" WHERE tenant_id = $1 AND {MATCHES} AND id = $8::uuid
      AND ($9::uuid IS NULL OR id = ANY({people_in("$9")}))""",  # noqa: S608 - constants
)

# How many users there are.
COUNT = Statement("user.count", """SELECT count(*) FROM {schema}."user" WHERE tenant_id = $1""")

# How many users match; apart, since of all of them the index alone can tell.
COUNT_OF_SOME = Statement(
    "user.count_of_some",
    f"""SELECT count(*) FROM {{schema}}."user" WHERE tenant_id = $1 AND {MATCHES}""",  # noqa: S608 - constants
)

# How many users match of those a manager of groups sees.
COUNT_OF_MANAGER = Statement(
    "user.count_of_manager",
    f"""SELECT count(*) FROM {{schema}}."user"
    WHERE tenant_id = $1 AND id = ANY({people_of("$8")}) AND {MATCHES}""",  # noqa: S608 - constants
)

# How many people of a group match, of those whom a manager of groups sees.
COUNT_OF_GROUP = Statement(
    "user.count_of_group",
    f"""SELECT count(*) FROM {{schema}}."user"
    WHERE tenant_id = $1 AND id = ANY({people_in("$8")}) AND {unless_beyond('"user".id', "$9")}
      AND {MATCHES}""",  # noqa: S608 - constants
)

# Hold a user, whom a manager sees, against every other writer.
LOCK = Statement(
    "user.lock",
    f"""SELECT id, email, name, role, status, locale, timezone, created_at, updated_at, version,
      role_id
    FROM {{schema}}."user"
    WHERE tenant_id = $1 AND id = $2::uuid AND {unless_beyond('"user".id', "$3")} FOR UPDATE""",  # noqa: S608 - constants
)

# Hold many users, whom a manager sees; in one order everywhere so that two writers cannot deadlock.
LOCK_MANY = Statement(
    "user.lock_many",
    f"""SELECT id, email, name, role, status, locale, timezone, created_at, updated_at, version,
      role_id
    FROM {{schema}}."user"
    WHERE tenant_id = $1 AND id = ANY($2::uuid[]) AND {unless_beyond('"user".id', "$3")}
    ORDER BY id FOR UPDATE""",  # noqa: S608 - constants
)

# Write all that can change of users who are held, in one statement however many.
UPDATE_MANY = Statement(
    "user.update_many",
    """UPDATE {schema}."user" u
    SET email = entry.email, name = entry.name, role = entry.role, locale = entry.locale,
      timezone = entry.timezone, role_id = entry.role_id, updated_at = now(), version = u.version + 1
    FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::uuid[])
      AS entry (id, email, name, role, locale, timezone, role_id)
    WHERE u.tenant_id = $1 AND u.id = entry.id
    RETURNING u.id, u.email, u.name, u.role, u.status, u.locale, u.timezone, u.created_at, u.updated_at,
      u.version, u.role_id""",
)

# Write all that can change of a user who is held.
UPDATE = Statement(
    "user.update",
    """UPDATE {schema}."user"
    SET email = $3::text, name = $4::text, role = $5::text, status = $6::text, locale = $7::text,
      timezone = $8::text, role_id = $9::uuid, updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2::uuid
    RETURNING id, email, name, role, status, locale, timezone, created_at, updated_at, version,
      role_id""",
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
      (tenant_id, id, email, name, role, status, locale, timezone, created_at, updated_at, version, role_id)
    SELECT $1::uuid, * FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
      $8::text[], $9::timestamptz[], $10::timestamptz[], $11::int[], $12::uuid[])""",
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


async def find_acting(session: ShardSession, id_: UUID, proof: Proof | None = None) -> Acting | None:
    """None: absent, or not signed in any more as `proof` says."""
    shown = (None, None) if proof is None else (proof.id, proof.token_hash)
    row = await session.fetch_row(FIND_ACTING, id_, *shown)
    return None if row is None else Acting(User(*row[:-2]), row["permissions"], row["manages_groups"])


async def find_by_ids(session: ShardSession, ids: Sequence[UUID]) -> Sequence[User]:
    """In no particular order; unknown ids are left out."""
    return await session.fetch_rows(User, FIND_BY_IDS, ids)


async def find_by_emails(session: ShardSession, emails: Sequence[str]) -> Sequence[User]:
    return await session.fetch_rows(User, FIND_BY_EMAILS, emails)


async def find_visible(session: ShardSession, scope: Scope, ids: Sequence[UUID]) -> Sequence[User]:
    """Like `find_by_ids`, without whom the reader may not see."""
    return await session.fetch_rows(User, FIND_VISIBLE, scope.everything, scope.user, ids, scope.manager)


async def statuses(session: ShardSession, scope: Scope, ids: Sequence[UUID]) -> dict[UUID, str]:
    """Unknown ids, and people beyond a manager's groups, are left out."""
    rows = await session.fetch(STATUSES, ids, scope.manager)
    return {row["id"]: row["status"] for row in rows}


async def list_page(
    session: ShardSession,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
    **only: Unpack[UserFilter],
) -> Sequence[User]:
    position = () if after is None else after
    if (group := only.get("group_id")) is not None:
        statement = PAGES_OF_GROUP[order].of(after)
        return await session.fetch_rows(User, statement, *_matches(only), first, group, None, *position)
    return await session.fetch_rows(User, PAGES[order].of(after), *_matches(only), first, *position)


async def page_of_manager(
    session: ShardSession,
    manager: UUID,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
    **only: Unpack[UserFilter],
) -> Sequence[User]:
    """Like `list_page`, of whom a manager of groups sees."""
    position = () if after is None else after
    if (group := only.get("group_id")) is not None:
        statement = PAGES_OF_GROUP[order].of(after)
        return await session.fetch_rows(User, statement, *_matches(only), first, group, manager, *position)
    statement = PAGES_OF_MANAGER[order].of(after)
    return await session.fetch_rows(User, statement, *_matches(only), first, manager, *position)


async def find_matching(session: ShardSession, id_: UUID, **only: Unpack[UserFilter]) -> Sequence[User]:
    """One or none."""
    return await session.fetch_rows(User, FIND_MATCHING, *_matches(only), id_, only.get("group_id"))


async def count(session: ShardSession, **only: Unpack[UserFilter]) -> int:
    matches = _matches(only)
    if (group := only.get("group_id")) is not None:
        return int(await session.fetch_value(COUNT_OF_GROUP, *matches, group, None))
    if any(value is not None for value in matches):
        return int(await session.fetch_value(COUNT_OF_SOME, *matches))
    return int(await session.fetch_value(COUNT))


async def count_of_manager(session: ShardSession, manager: UUID, **only: Unpack[UserFilter]) -> int:
    """Like `count`, of whom a manager of groups sees."""
    if (group := only.get("group_id")) is not None:
        return int(await session.fetch_value(COUNT_OF_GROUP, *_matches(only), group, manager))
    return int(await session.fetch_value(COUNT_OF_MANAGER, *_matches(only), manager))


async def insert(session: ShardSession, user: User) -> None:
    await insert_many(session, [user])


async def insert_many(session: ShardSession, users: Sequence[User]) -> None:
    """Raise `UniqueError` (user_email_unique) for an address that is taken."""
    columns = [list(column) for column in zip(*map(msgspec.structs.astuple, users), strict=True)]
    if columns:
        await session.execute(INSERT_MANY, *columns)


async def lock(session: ShardSession, scope: Scope, id_: UUID) -> User | None:
    """Hold a user until this transaction ends. None: absent, or beyond a manager's groups."""
    row = await session.fetch_row(LOCK, id_, scope.manager)
    return None if row is None else User(*row)


async def lock_many(session: ShardSession, scope: Scope, ids: Sequence[UUID]) -> list[User]:
    """Hold them until this transaction ends. Unknown ids, and whom a manager does not see, are left out."""
    return [User(*row) for row in await session.fetch(LOCK_MANY, ids, scope.manager)]


async def update_many(session: ShardSession, people: Sequence[User]) -> list[User]:
    """Write them, who are held, but not their status; answers the next versions. Raise `UniqueError`."""
    rows = [
        (each.id, each.email, each.name, each.role, each.locale, each.timezone, each.role_id)
        for each in people
    ]
    columns = [list(column) for column in zip(*rows, strict=True)]
    return [User(*row) for row in await session.fetch(UPDATE_MANY, *columns)] if columns else []


async def update(session: ShardSession, user: User) -> User:
    """Write `user`, who is held; answers the next version. Raise `UniqueError` for a taken address."""
    values = user.email, user.name, user.role, user.status, user.locale, user.timezone, user.role_id
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


def _matches(only: UserFilter) -> tuple[str | datetime | UUID | None, ...]:
    """The parameters of `MATCHES`."""
    return (
        only.get("role"),
        only.get("status"),
        only.get("starts_with"),
        only.get("created_from"),
        only.get("created_before"),
        only.get("role_id"),
    )
