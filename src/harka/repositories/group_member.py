from collections.abc import Sequence
from uuid import UUID

import msgspec

from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class GroupMember(msgspec.Struct, frozen=True):
    """That somebody is in a group."""

    group_id: UUID
    user_id: UUID


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
