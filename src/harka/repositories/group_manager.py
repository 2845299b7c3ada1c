"""Who manages a group, with all below it, and sees nobody else; lists of them are in `group_list`."""

from collections.abc import Sequence
from uuid import UUID

from harka.storage.session import ShardSession
from harka.storage.statement import Statement

# Give somebody a group to manage, unless they have it.
INSERT = Statement(
    "group_manager.insert",
    """INSERT INTO {schema}.user_scope (tenant_id, group_id, user_id)
    SELECT $1::uuid, $2::uuid, $3::uuid
    ON CONFLICT (tenant_id, user_id, group_id) DO NOTHING
    RETURNING group_id, user_id""",
)

# Give somebody groups to manage who has none yet.
INSERT_MANY = Statement(
    "group_manager.insert_many",
    """INSERT INTO {schema}.user_scope (tenant_id, user_id, group_id)
    SELECT $1::uuid, $2::uuid, * FROM unnest($3::uuid[])""",
)

# Take a group from its manager, who stays bound to what is left, if that is nothing too; unless freed ($4).
DELETE = Statement(
    "group_manager.delete",
    """WITH taken AS (
      DELETE FROM {schema}.user_scope
      WHERE tenant_id = $1 AND group_id = $2::uuid AND user_id = $3::uuid
      RETURNING group_id, user_id
    ), kept AS (
      UPDATE {schema}."user" SET is_bound = NOT $4::boolean
      WHERE tenant_id = $1 AND id = $3::uuid AND is_bound = $4::boolean
        AND ($4::boolean OR EXISTS (SELECT FROM taken))
    )
    SELECT group_id, user_id FROM taken""",
)


async def insert(session: ShardSession, group_id: UUID, user_id: UUID) -> bool:
    """Whether it is new. Both exist."""
    return bool(await session.fetch(INSERT, group_id, user_id))


async def insert_many(session: ShardSession, user_id: UUID, group_ids: Sequence[UUID]) -> None:
    """Of a new person. `group_ids` differ. Raise `ForeignKeyError` for an unknown one."""
    await session.execute(INSERT_MANY, user_id, group_ids)


async def delete(session: ShardSession, group_id: UUID, user_id: UUID, *, frees: bool) -> bool:
    """Whether they had it. `frees`: nothing bounds them any more once they have none."""
    return bool(await session.fetch(DELETE, group_id, user_id, frees))
