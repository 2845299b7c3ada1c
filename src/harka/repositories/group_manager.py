from collections.abc import Sequence
from uuid import UUID

import msgspec

from harka.repositories.group_member import NOBODY
from harka.repositories.scope import Scope, unless_beyond
from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class GroupManager(msgspec.Struct, frozen=True):
    """That somebody manages a group, with all below it, and sees nobody else."""

    group_id: UUID
    user_id: UUID


# The next managers of each of many groups, in the order of their ids.
NEXT_OF_GROUPS = Statement(
    "group_manager.next_of_groups",
    f"""SELECT m.group_id, m.user_id
    FROM unnest($2::uuid[]) AS parent (id) CROSS JOIN LATERAL (
      SELECT group_id, user_id FROM {{schema}}.user_scope who
      WHERE who.tenant_id = $1 AND who.group_id = parent.id AND who.user_id > $3::uuid
        AND {unless_beyond("who.user_id", "$5")}
      ORDER BY user_id LIMIT $4) AS m
    ORDER BY m.user_id""",  # noqa: S608 - constants
)

# The next groups that each of many people manages, in the order of their ids.
NEXT_OF_USERS = Statement(
    "group_manager.next_of_users",
    f"""SELECT m.group_id, m.user_id
    FROM unnest($2::uuid[]) AS parent (id) CROSS JOIN LATERAL (
      SELECT group_id, user_id FROM {{schema}}.user_scope
      WHERE tenant_id = $1 AND user_id = parent.id AND group_id > $3::uuid
      ORDER BY group_id LIMIT $4) AS m
    WHERE {unless_beyond("parent.id", "$5")}
    ORDER BY m.group_id""",  # noqa: S608 - constants
)

# How many people manage each of many groups.
COUNT_OF_GROUPS = Statement(
    "group_manager.count_of_groups",
    f"""SELECT who.group_id AS parent, count(*) AS managers FROM {{schema}}.user_scope who
    WHERE who.tenant_id = $1 AND who.group_id = ANY($2::uuid[]) AND {unless_beyond("who.user_id", "$3")}
    GROUP BY who.group_id""",  # noqa: S608 - constants
)

# How many groups each of many people manages.
COUNT_OF_USERS = Statement(
    "group_manager.count_of_users",
    f"""SELECT who.user_id AS parent, count(*) AS managers FROM {{schema}}.user_scope who
    WHERE who.tenant_id = $1 AND who.user_id = ANY($2::uuid[]) AND {unless_beyond("who.user_id", "$3")}
    GROUP BY who.user_id""",  # noqa: S608 - constants
)

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


async def next_of_groups(
    session: ShardSession, scope: Scope, group_ids: Sequence[UUID], *, after: UUID | None, first: int
) -> Sequence[GroupManager]:
    """Without people beyond a manager's groups."""
    position = after or NOBODY
    return await session.fetch_rows(GroupManager, NEXT_OF_GROUPS, group_ids, position, first, scope.manager)


async def next_of_users(
    session: ShardSession, scope: Scope, user_ids: Sequence[UUID], *, after: UUID | None, first: int
) -> Sequence[GroupManager]:
    """Without people beyond a manager's groups."""
    position = after or NOBODY
    return await session.fetch_rows(GroupManager, NEXT_OF_USERS, user_ids, position, first, scope.manager)


async def count_of_groups(session: ShardSession, scope: Scope, group_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Groups that nobody manages are left out, and people beyond a manager's groups not counted."""
    rows = await session.fetch(COUNT_OF_GROUPS, group_ids, scope.manager)
    return {row["parent"]: row["managers"] for row in rows}


async def count_of_users(session: ShardSession, scope: Scope, user_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Who manages none, or is beyond a manager's groups, is left out."""
    rows = await session.fetch(COUNT_OF_USERS, user_ids, scope.manager)
    return {row["parent"]: row["managers"] for row in rows}


async def insert(session: ShardSession, group_id: UUID, user_id: UUID) -> bool:
    """Whether it is new. Both exist."""
    return bool(await session.fetch(INSERT, group_id, user_id))


async def insert_many(session: ShardSession, user_id: UUID, group_ids: Sequence[UUID]) -> None:
    """Of a new person. `group_ids` differ. Raise `ForeignKeyError` for an unknown one."""
    await session.execute(INSERT_MANY, user_id, group_ids)


async def delete(session: ShardSession, group_id: UUID, user_id: UUID, *, frees: bool) -> bool:
    """Whether they had it. `frees`: nothing bounds them any more once they have none."""
    return bool(await session.fetch(DELETE, group_id, user_id, frees))
