from collections.abc import Sequence
from uuid import UUID

import msgspec

from harka.storage.session import ShardSession
from harka.storage.statement import Statement

NOBODY = UUID(int=0)
"""Sorts before every id."""


class GroupMember(msgspec.Struct, frozen=True):
    """That somebody is in a group."""

    group_id: UUID
    user_id: UUID


# The next people of each of many groups, in the order of their ids.
NEXT_OF_GROUPS = Statement(
    "group_member.next_of_groups",
    """SELECT m.group_id, m.user_id
    FROM unnest($2::uuid[]) AS parent (id) CROSS JOIN LATERAL (
      SELECT group_id, user_id FROM {schema}.user_group_member
      WHERE tenant_id = $1 AND group_id = parent.id AND user_id > $3::uuid
      ORDER BY user_id LIMIT $4) AS m
    ORDER BY m.user_id""",
)

# The next groups of each of many people, in the order of their ids.
NEXT_OF_USERS = Statement(
    "group_member.next_of_users",
    """SELECT m.group_id, m.user_id
    FROM unnest($2::uuid[]) AS parent (id) CROSS JOIN LATERAL (
      SELECT group_id, user_id FROM {schema}.user_group_member
      WHERE tenant_id = $1 AND user_id = parent.id AND group_id > $3::uuid
      ORDER BY group_id LIMIT $4) AS m
    ORDER BY m.group_id""",
)

# How many people are in each of many groups.
COUNT_OF_GROUPS = Statement(
    "group_member.count_of_groups",
    """SELECT group_id AS parent, count(*) AS members FROM {schema}.user_group_member
    WHERE tenant_id = $1 AND group_id = ANY($2::uuid[]) GROUP BY group_id""",
)

# In how many groups each of many people is.
COUNT_OF_USERS = Statement(
    "group_member.count_of_users",
    """SELECT user_id AS parent, count(*) AS members FROM {schema}.user_group_member
    WHERE tenant_id = $1 AND user_id = ANY($2::uuid[]) GROUP BY user_id""",
)

# Put people into a group; who is in it already stays.
INSERT_MANY = Statement(
    "group_member.insert_many",
    """INSERT INTO {schema}.user_group_member (tenant_id, group_id, user_id)
    SELECT $1::uuid, $2::uuid, * FROM unnest($3::uuid[])
    ON CONFLICT (tenant_id, group_id, user_id) DO NOTHING
    RETURNING group_id, user_id""",
)

# Take people out of a group.
DELETE_MANY = Statement(
    "group_member.delete_many",
    """DELETE FROM {schema}.user_group_member
    WHERE tenant_id = $1 AND group_id = $2::uuid AND user_id = ANY($3::uuid[])
    RETURNING group_id, user_id""",
)


async def next_of_groups(
    session: ShardSession, group_ids: Sequence[UUID], *, after: UUID | None, first: int
) -> Sequence[GroupMember]:
    return await session.fetch_rows(GroupMember, NEXT_OF_GROUPS, group_ids, after or NOBODY, first)


async def next_of_users(
    session: ShardSession, user_ids: Sequence[UUID], *, after: UUID | None, first: int
) -> Sequence[GroupMember]:
    return await session.fetch_rows(GroupMember, NEXT_OF_USERS, user_ids, after or NOBODY, first)


async def count_of_groups(session: ShardSession, group_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Empty ones are left out."""
    return {row["parent"]: row["members"] for row in await session.fetch(COUNT_OF_GROUPS, group_ids)}


async def count_of_users(session: ShardSession, user_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Who is in none is left out."""
    return {row["parent"]: row["members"] for row in await session.fetch(COUNT_OF_USERS, user_ids)}


async def insert_many(session: ShardSession, group_id: UUID, user_ids: Sequence[UUID]) -> int:
    """How many are new in it. `user_ids` differ, and exist."""
    return len(await session.fetch(INSERT_MANY, group_id, user_ids))


async def delete_many(session: ShardSession, group_id: UUID, user_ids: Sequence[UUID]) -> int:
    """How many were in it."""
    return len(await session.fetch(DELETE_MANY, group_id, user_ids))
