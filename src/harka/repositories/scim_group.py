"""Groups as an organization's own directory knows them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from harka.repositories.group import Group
from harka.repositories.group_member import GroupMember
from harka.repositories.scim_condition import Column, Kind
from harka.repositories.scim_list import ScimList
from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class ScimGroup(msgspec.Struct, frozen=True):
    """A group with what a directory calls it."""

    id: UUID
    parent_id: UUID | None
    name: str
    created_at: datetime
    updated_at: datetime
    version: int
    external_id: str | None

    @property
    def group(self) -> Group:
        return Group(*msgspec.structs.astuple(self)[:6])


class Membership(msgspec.Struct, frozen=True):
    """How many are in a group, and a number that is another when others are."""

    members: int
    digest: int


_SHOWN: Final = "g.id, g.parent_id, g.name, g.created_at, g.updated_at, g.version, g.external_id"
_SOURCE: Final = "{schema}.user_group g WHERE g.tenant_id = $1"

# Groups by id.
FIND_BY_IDS = Statement(
    "scim_group.find_by_ids",
    f"SELECT {_SHOWN} FROM {_SOURCE} AND g.id = ANY($2::uuid[])",  # noqa: S608 - constants
)

# What a directory calls groups.
EXTERNAL_IDS = Statement(
    "scim_group.external_ids",
    """SELECT id, external_id FROM {schema}.user_group
    WHERE tenant_id = $1 AND id = ANY($2::uuid[])""",
)

# What a directory calls a group from now on.
NAME = Statement(
    "scim_group.name",
    """UPDATE {schema}.user_group SET external_id = $3::text, updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2::uuid""",
)

# Who is in groups, in the order of their ids.
MEMBERS = Statement(
    "scim_group.members",
    """SELECT group_id, user_id FROM {schema}.user_group_member
    WHERE tenant_id = $1 AND group_id = ANY($2::uuid[]) ORDER BY group_id, user_id LIMIT $3""",
)

# Which people are in a group, as one number.
MEMBERSHIP = Statement(
    "scim_group.membership",
    """SELECT count(*) AS members, coalesce(bit_xor(uuid_hash_extended(user_id, 0)), 0) AS digest
    FROM {schema}.user_group_member WHERE tenant_id = $1 AND group_id = $2::uuid""",
)

_HAS: Final = """g.id = ANY(ARRAY(
      SELECT m.group_id FROM {schema}.user_group_member m WHERE m.tenant_id = $1 AND m.user_id = {}))"""

COLUMNS: Final[Mapping[str, Column]] = {
    "id": Column(Kind.ID, "g.id"),
    "displayname": Column(Kind.TEXT, "g.name_key"),
    "externalid": Column(Kind.EXACT, "g.external_id"),
    "members.value": Column(Kind.MEMBER, equal=_HAS),
    "meta.created": Column(Kind.MOMENT, "g.created_at"),
    "meta.lastmodified": Column(Kind.MOMENT, "g.updated_at"),
}
"""By what groups are found. In lower case: so is an attribute's name compared."""

SORTED: Final[Mapping[str, str]] = {
    "id": "g.id",
    "displayname": "g.name_key",
    "meta.created": "g.created_at",
    "meta.lastmodified": "g.updated_at",
}
"""By what groups are ordered."""

LISTED: Final = ScimList(
    ScimGroup, name="scim_group", shown=_SHOWN, source=_SOURCE, key="g.id", columns=COLUMNS, sorted_by=SORTED
)


async def find_by_ids(session: ShardSession, ids: Sequence[UUID]) -> Sequence[ScimGroup]:
    """In no particular order; unknown ids are left out."""
    return await session.fetch_rows(ScimGroup, FIND_BY_IDS, ids)


async def name(session: ShardSession, id_: UUID, external_id: str | None) -> None:
    """Of a group that is held."""
    await session.execute(NAME, id_, external_id)


async def members(session: ShardSession, ids: Sequence[UUID], *, most: int) -> Sequence[GroupMember]:
    """Of all these groups, by group and then by id. `most`: of all of them together."""
    return await session.fetch_rows(GroupMember, MEMBERS, ids, most)


async def membership(session: ShardSession, id_: UUID) -> Membership:
    row = await session.fetch_row(MEMBERSHIP, id_)
    assert row is not None  # noqa: S101 - it counts
    return Membership(*row)


async def external_ids(session: ShardSession, ids: Sequence[UUID]) -> dict[UUID, str]:
    """Of those that have one."""
    rows = await session.fetch(EXTERNAL_IDS, ids)
    return {row["id"]: row["external_id"] for row in rows if row["external_id"] is not None}
