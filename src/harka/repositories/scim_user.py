"""People as an organization's own directory knows them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from harka.repositories.scim_condition import Column, Kind
from harka.repositories.scim_list import ScimList
from harka.repositories.user import User
from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class Known(msgspec.Struct, frozen=True):
    """What a directory says of a user beside what a user has. `user_name`: None for their address.

    `attributes`: JSON. `email_type`: of the address.
    """

    user_id: UUID
    user_name: str | None
    external_id: str | None
    email_type: str
    attributes: str


class ScimUser(msgspec.Struct, frozen=True):
    """A user with what a directory says of them; of whom it has said nothing yet all of that is None."""

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
    role_id: UUID | None
    user_name: str | None
    external_id: str | None
    email_type: str | None
    attributes: str | None

    @property
    def user(self) -> User:
        return User(*msgspec.structs.astuple(self)[:11])


class Membership(msgspec.Struct, frozen=True):
    """In which group somebody is."""

    user_id: UUID
    group_id: UUID
    name: str


class Taker(msgspec.Struct, frozen=True):
    """Who has the name or the address asked for at `place`, from 1. `removed`: taken away."""

    place: int
    id: UUID
    removed: bool


_SHOWN: Final = """u.id, u.email, u.name, u.role, u.status, u.locale, u.timezone, u.created_at, u.updated_at,
      u.version, u.role_id, s.user_name, s.external_id, s.email_type, s.attributes::text AS attributes"""
_SOURCE: Final = """{schema}."user" u
    LEFT JOIN {schema}.scim_user s ON s.tenant_id = $1 AND s.user_id = u.id
    WHERE u.tenant_id = $1 AND s.removed_version IS DISTINCT FROM u.version"""

# People by id, whom the directory did not take away.
FIND_BY_IDS = Statement(
    "scim_user.find_by_ids",
    f"SELECT {_SHOWN} FROM {_SOURCE} AND u.id = ANY($2::uuid[])",  # noqa: S608 - constants
)

# Whether a directory calls a person so, whom it has not taken away.
IS_CALLED = Statement(
    "scim_user.is_called",
    """SELECT EXISTS (SELECT FROM {schema}.scim_user s
        JOIN {schema}."user" u ON u.tenant_id = $1 AND u.id = s.user_id
        WHERE s.tenant_id = $1 AND s.user_id = $2::uuid AND s.removed_version IS DISTINCT FROM u.version
          AND (s.external_id = $3::text OR s.user_name_key = lower($3::text))) AS is_called""",
)

# Which roles those have whom a directory calls something.
ROLES_OF_CALLED = Statement(
    "scim_user.roles_of_called",
    """SELECT DISTINCT u.role FROM {schema}.scim_user s
    JOIN {schema}."user" u ON u.tenant_id = $1 AND u.id = s.user_id
    WHERE s.tenant_id = $1 AND s.removed_version IS DISTINCT FROM u.version""",
)

# What a directory calls people.
EXTERNAL_IDS = Statement(
    "scim_user.external_ids",
    """SELECT user_id, external_id FROM {schema}.scim_user
    WHERE tenant_id = $1 AND user_id = ANY($2::uuid[])""",
)

# Who has one of these names or addresses. Whoever has no name of their own is called by their address.
TAKERS = Statement(
    "scim_user.takers",
    """SELECT asked.place::int AS place, u.id, s.removed_version IS NOT DISTINCT FROM u.version AS removed
    FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS asked (user_name, email, place)
    CROSS JOIN LATERAL (
      SELECT a.id FROM {schema}."user" a WHERE a.tenant_id = $1 AND a.email_key = lower(asked.email)
      UNION SELECT n.user_id FROM {schema}.scim_user n
        WHERE n.tenant_id = $1 AND n.user_name_key = lower(asked.user_name)
      UNION SELECT b.id FROM {schema}."user" b
        LEFT JOIN {schema}.scim_user c ON c.tenant_id = $1 AND c.user_id = b.id
        WHERE b.tenant_id = $1 AND b.email_key = lower(asked.user_name) AND c.user_name IS NULL) AS found
    JOIN {schema}."user" u ON u.tenant_id = $1 AND u.id = found.id
    LEFT JOIN {schema}.scim_user s ON s.tenant_id = $1 AND s.user_id = u.id""",
)

# What a directory says of people, in one statement however many; nobody of them is taken away any more.
WRITE_MANY = Statement(
    "scim_user.write_many",
    """INSERT INTO {schema}.scim_user
      (tenant_id, user_id, user_name, external_id, email_type, attributes)
    SELECT $1::uuid, e.user_id, e.user_name, e.external_id, e.email_type, e.attributes::jsonb
    FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[])
      AS e (user_id, user_name, external_id, email_type, attributes)
    ON CONFLICT (tenant_id, user_id) DO UPDATE
      SET user_name = EXCLUDED.user_name, external_id = EXCLUDED.external_id,
        email_type = EXCLUDED.email_type, attributes = EXCLUDED.attributes, removed_version = NULL""",
)

# The directory takes somebody away, who is of this version now.
REMOVE = Statement(
    "scim_user.remove",
    """INSERT INTO {schema}.scim_user (tenant_id, user_id, removed_version)
    VALUES ($1, $2::uuid, $3::int)
    ON CONFLICT (tenant_id, user_id) DO UPDATE SET removed_version = EXCLUDED.removed_version""",
)

# In which groups people are, so many of each.
GROUPS_OF = Statement(
    "scim_user.groups_of",
    """SELECT m.user_id, m.group_id, g.name
    FROM unnest($2::uuid[]) AS asked (id) CROSS JOIN LATERAL (
      SELECT who.user_id, who.group_id FROM {schema}.user_group_member who
      WHERE who.tenant_id = $1 AND who.user_id = asked.id ORDER BY who.group_id LIMIT $3) AS m
    JOIN {schema}.user_group g ON g.tenant_id = $1 AND g.id = m.group_id
    ORDER BY m.user_id, m.group_id""",
)

_NAMED: Final = """u.id = ANY(ARRAY(
      SELECT n.user_id FROM {schema}.scim_user n WHERE n.tenant_id = $1 AND n.user_name_key = {}
      UNION ALL SELECT b.id FROM {schema}."user" b
        LEFT JOIN {schema}.scim_user c ON c.tenant_id = $1 AND c.user_id = b.id
        WHERE b.tenant_id = $1 AND b.email_key = {} AND c.user_name IS NULL))"""
_EXTERNAL: Final = """u.id = ANY(ARRAY(
      SELECT n.user_id FROM {schema}.scim_user n WHERE n.tenant_id = $1 AND n.external_id = {}))"""
_IN_GROUP: Final = """u.id = ANY(ARRAY(
      SELECT m.user_id FROM {schema}.user_group_member m WHERE m.tenant_id = $1 AND m.group_id = {}))"""

COLUMNS: Final[Mapping[str, Column]] = {
    "id": Column(Kind.ID, "u.id"),
    "username": Column(Kind.TEXT, "coalesce(s.user_name_key, u.email_key)", _NAMED),
    "externalid": Column(Kind.EXACT, "s.external_id", _EXTERNAL),
    "displayname": Column(Kind.TEXT, "lower(u.name)"),
    "name.formatted": Column(Kind.TEXT, "lower(u.name)"),
    "emails.value": Column(Kind.TEXT, "u.email_key"),
    "emails.type": Column(Kind.TEXT, "lower(coalesce(s.email_type, 'work'))"),
    "emails.primary": Column(Kind.BOOLEAN, "true"),
    "active": Column(Kind.BOOLEAN, "(u.status = 'active')"),
    "roles.value": Column(Kind.TEXT, "u.role"),
    "groups.value": Column(Kind.MEMBER, equal=_IN_GROUP),
    "meta.created": Column(Kind.MOMENT, "u.created_at"),
    "meta.lastmodified": Column(Kind.MOMENT, "u.updated_at"),
}
"""By what people are found. In lower case: so is an attribute's name compared."""

SORTED: Final[Mapping[str, str]] = {
    "id": "u.id",
    "username": "coalesce(s.user_name_key, u.email_key)",
    "displayname": "lower(u.name)",
    "name.formatted": "lower(u.name)",
    "emails.value": "u.email_key",
    "emails": "u.email_key",
    "meta.created": "u.created_at",
    "meta.lastmodified": "u.updated_at",
}
"""By what people are ordered."""

LISTED: Final = ScimList(
    ScimUser, name="scim_user", shown=_SHOWN, source=_SOURCE, key="u.id", columns=COLUMNS, sorted_by=SORTED
)


async def find_by_ids(session: ShardSession, ids: Sequence[UUID]) -> Sequence[ScimUser]:
    """In no particular order; unknown ids, and whom the directory took away, are left out."""
    return await session.fetch_rows(ScimUser, FIND_BY_IDS, ids)


async def takers(session: ShardSession, asked: Sequence[tuple[str, str]]) -> Sequence[Taker]:
    """Who has one of these pairs of a name and an address."""
    columns = [list(column) for column in zip(*asked, strict=True)]
    return await session.fetch_rows(Taker, TAKERS, *columns) if columns else []


async def write_many(session: ShardSession, known: Sequence[Known]) -> None:
    """Raise `UniqueError` (scim_user_name_unique) for a name that is taken."""
    columns = [list(column) for column in zip(*map(msgspec.structs.astuple, known), strict=True)]
    if columns:
        await session.execute(WRITE_MANY, *columns)


async def remove(session: ShardSession, user: User) -> None:
    """Until something else happens to them they are found no more."""
    await session.execute(REMOVE, user.id, user.version)


async def groups_of(session: ShardSession, ids: Sequence[UUID], *, most: int) -> Sequence[Membership]:
    """`most`: of each person."""
    return await session.fetch_rows(Membership, GROUPS_OF, ids, most)


async def is_called(session: ShardSession, user: UUID, name: str) -> bool:
    """`name`: an external id, or a name of theirs other than their address."""
    return bool(await session.fetch_value(IS_CALLED, user, name))


async def roles_of_called(session: ShardSession) -> set[str]:
    """Of everybody whom a directory has not taken away."""
    return {row["role"] for row in await session.fetch(ROLES_OF_CALLED)}


async def external_ids(session: ShardSession, ids: Sequence[UUID]) -> dict[UUID, str]:
    """Of those who have one."""
    rows = await session.fetch(EXTERNAL_IDS, ids)
    return {row["user_id"]: row["external_id"] for row in rows if row["external_id"] is not None}
