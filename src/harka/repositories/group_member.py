from collections.abc import Sequence
from uuid import UUID

import msgspec

from harka.repositories.scope import Scope, unless_beyond
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
    f"""SELECT m.group_id, m.user_id
    FROM unnest($2::uuid[]) AS parent (id) CROSS JOIN LATERAL (
      SELECT group_id, user_id FROM {{schema}}.user_group_member who
      WHERE who.tenant_id = $1 AND who.group_id = parent.id AND who.user_id > $3::uuid
        AND {unless_beyond("who.user_id", "$5")}
      ORDER BY user_id LIMIT $4) AS m
    ORDER BY m.user_id""",  # noqa: S608 - constants
)

# The next groups of each of many people, in the order of their ids.
NEXT_OF_USERS = Statement(
    "group_member.next_of_users",
    f"""SELECT m.group_id, m.user_id
    FROM unnest($2::uuid[]) AS parent (id) CROSS JOIN LATERAL (
      SELECT group_id, user_id FROM {{schema}}.user_group_member
      WHERE tenant_id = $1 AND user_id = parent.id AND group_id > $3::uuid
      ORDER BY group_id LIMIT $4) AS m
    WHERE {unless_beyond("parent.id", "$5")}
    ORDER BY m.group_id""",  # noqa: S608 - constants
)

# How many people are in each of many groups.
COUNT_OF_GROUPS = Statement(
    "group_member.count_of_groups",
    f"""SELECT who.group_id AS parent, count(*) AS members FROM {{schema}}.user_group_member who
    WHERE who.tenant_id = $1 AND who.group_id = ANY($2::uuid[]) AND {unless_beyond("who.user_id", "$3")}
    GROUP BY who.group_id""",  # noqa: S608 - constants
)

# In how many groups each of many people is.
COUNT_OF_USERS = Statement(
    "group_member.count_of_users",
    f"""SELECT who.user_id AS parent, count(*) AS members FROM {{schema}}.user_group_member who
    WHERE who.tenant_id = $1 AND who.user_id = ANY($2::uuid[]) AND {unless_beyond("who.user_id", "$3")}
    GROUP BY who.user_id""",  # noqa: S608 - constants
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

# Take somebody out of every group.
DELETE_OF_USER = Statement(
    "group_member.delete_of_user",
    """DELETE FROM {schema}.user_group_member WHERE tenant_id = $1 AND user_id = $2::uuid
    RETURNING group_id, user_id""",
)


async def next_of_groups(
    session: ShardSession, scope: Scope, group_ids: Sequence[UUID], *, after: UUID | None, first: int
) -> Sequence[GroupMember]:
    """Without people beyond a manager's groups."""
    position = after or NOBODY
    return await session.fetch_rows(GroupMember, NEXT_OF_GROUPS, group_ids, position, first, scope.manager)


async def next_of_users(
    session: ShardSession, scope: Scope, user_ids: Sequence[UUID], *, after: UUID | None, first: int
) -> Sequence[GroupMember]:
    """Without people beyond a manager's groups."""
    position = after or NOBODY
    return await session.fetch_rows(GroupMember, NEXT_OF_USERS, user_ids, position, first, scope.manager)


async def count_of_groups(session: ShardSession, scope: Scope, group_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Empty ones are left out, and people beyond a manager's groups not counted."""
    rows = await session.fetch(COUNT_OF_GROUPS, group_ids, scope.manager)
    return {row["parent"]: row["members"] for row in rows}


async def count_of_users(session: ShardSession, scope: Scope, user_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Who is in none, or beyond a manager's groups, is left out."""
    rows = await session.fetch(COUNT_OF_USERS, user_ids, scope.manager)
    return {row["parent"]: row["members"] for row in rows}


async def insert_many(
    session: ShardSession, group_id: UUID, user_ids: Sequence[UUID]
) -> Sequence[GroupMember]:
    """Who is new in it. `user_ids` differ, and exist."""
    return await session.fetch_rows(GroupMember, INSERT_MANY, group_id, user_ids)


async def delete_many(
    session: ShardSession, group_id: UUID, user_ids: Sequence[UUID]
) -> Sequence[GroupMember]:
    """Who was in it."""
    return await session.fetch_rows(GroupMember, DELETE_MANY, group_id, user_ids)


async def delete_of_user(session: ShardSession, user_id: UUID) -> Sequence[GroupMember]:
    """In which groups they were."""
    return await session.fetch_rows(GroupMember, DELETE_OF_USER, user_id)
