import enum
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from harka.repositories.page import (
    CREATED,
    NAME,
    NAMED,
    OLDEST_FIRST,
    Condition,
    Key,
    Order,
    Position,
    beginnings,
    narrowed,
    pages,
)
from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class GroupOrder(enum.StrEnum):
    CREATED_AT = "created_at"
    NAME = "name"


class Group(msgspec.Struct, frozen=True):
    """A branch of the organization; `parent_id`: None at the top."""

    id: UUID
    parent_id: UUID | None
    name: str
    created_at: datetime
    updated_at: datetime
    version: int


class GroupFilter(msgspec.Struct, frozen=True, kw_only=True):
    """`name`: a part, in any case. `is_top`: below none, or below one. None for any."""

    name: str | None = None
    is_top: bool | None = None


ALL: Final = GroupFilter()


class Place(msgspec.Struct, frozen=True):
    """Of a parent and of what shall be below it.

    `level`: how many groups lead from the top to the parent, itself included, 0 when it does not exist.
    `height`: how many levels are below what shall move. `is_below`: the parent is below it, or is it.
    """

    level: int
    height: int
    is_below: bool


# Groups by id; of a member, only those that they are in.
FIND_BY_IDS = Statement(
    "group.find_by_ids",
    """SELECT id, parent_id, name, created_at, updated_at, version
    FROM {schema}.user_group
    WHERE tenant_id = $1 AND id = ANY($2::uuid[]) AND ($3::uuid IS NULL OR EXISTS (
      SELECT FROM {schema}.user_group_member who
      WHERE who.tenant_id = $1 AND who.group_id = user_group.id AND who.user_id = $3))""",
)

# The parameters are the fields of the filter.
MATCHES: Final = narrowed(NAMED, Condition("boolean", "(parent_id IS NULL) = {}"))

KEYS: Final[Mapping[str, Key]] = {GroupOrder.CREATED_AT: CREATED, GroupOrder.NAME: NAME}

# One page of groups of every level, in each order.
PAGES = pages(
    "group.page",
    f"""SELECT id, parent_id, name, created_at, updated_at, version
    FROM {{schema}}.user_group
    WHERE tenant_id = $1 AND {MATCHES} {{after}} ORDER BY {{order}} LIMIT $4""",  # noqa: S608 - constants
    KEYS,
    position=5,
)

# How many groups match.
COUNT = Statement(
    "group.count",
    f"""SELECT count(*) FROM {{schema}}.user_group WHERE tenant_id = $1 AND {MATCHES}""",  # noqa: S608 - constants
)

# The first matching groups directly below each of many.
FIRST_OF_PARENTS = beginnings(
    "group.first_of_parents",
    f"""SELECT g.id, g.parent_id, g.name, g.created_at, g.updated_at, g.version
    FROM unnest($4::uuid[]) AS parent (of_id) CROSS JOIN LATERAL (
      SELECT * FROM {{schema}}.user_group WHERE tenant_id = $1 AND parent_id = of_id AND {MATCHES}
      ORDER BY {{order}} LIMIT $5) AS g
    ORDER BY {{order}}""",  # noqa: S608 - constants
    KEYS,
)

# One page of the matching groups directly below one.
PAGES_OF_PARENT = pages(
    "group.page_of_parent",
    f"""SELECT id, parent_id, name, created_at, updated_at, version
    FROM {{schema}}.user_group
    WHERE tenant_id = $1 AND parent_id = $4::uuid AND {MATCHES} {{after}}
    ORDER BY {{order}} LIMIT $5""",  # noqa: S608 - constants
    KEYS,
    position=6,
)

# How many matching groups are directly below each of many.
COUNT_OF_PARENTS = Statement(
    "group.count_of_parents",
    f"""SELECT parent_id AS parent, count(*) AS groups FROM {{schema}}.user_group
    WHERE tenant_id = $1 AND parent_id = ANY($4::uuid[]) AND {MATCHES}
    GROUP BY parent_id""",  # noqa: S608 - constants
)

# The tree is changed by one writer at a time, so that two moves cannot make a cycle of each other.
LOCK_TREE = Statement(
    "group.lock_tree",
    """SELECT pg_advisory_xact_lock(hashtextextended('tree of {schema}.user_group ' || $1::uuid, 0))""",
)

# Which of these groups a manager manages: they are theirs, or below theirs.
MANAGED = Statement(
    "group.managed",
    """SELECT DISTINCT path.descendant_id AS id FROM {schema}.user_scope managed
    JOIN {schema}.user_group_path path ON path.tenant_id = $1 AND path.ancestor_id = managed.group_id
    WHERE managed.tenant_id = $1 AND managed.user_id = $2::uuid
      AND path.descendant_id = ANY($3::uuid[])""",
)

# Hold a group against every other writer.
LOCK = Statement(
    "group.lock",
    """SELECT id, parent_id, name, created_at, updated_at, version
    FROM {schema}.user_group WHERE tenant_id = $1 AND id = $2::uuid FOR UPDATE""",
)

# Where a group would come to lie below a parent.
PLACE = Statement(
    "group.place",
    """SELECT
      (SELECT count(*) FROM {schema}.user_group_path p
        WHERE p.tenant_id = $1 AND p.descendant_id = $2::uuid) AS level,
      (SELECT coalesce(max(q.distance), 0) FROM {schema}.user_group_path q
        WHERE q.tenant_id = $1 AND q.ancestor_id = $3::uuid) AS height,
      EXISTS (SELECT FROM {schema}.user_group_path r
        WHERE r.tenant_id = $1 AND r.ancestor_id = $3::uuid AND r.descendant_id = $2::uuid) AS is_below""",
)

# A new group.
INSERT = Statement(
    "group.insert",
    """INSERT INTO {schema}.user_group (tenant_id, id, parent_id, name, created_at, updated_at, version)
    VALUES ($1, $2::uuid, $3::uuid, $4::text, $5::timestamptz, $6::timestamptz, $7::int)""",
)

# Write all that can change of a group that is held.
UPDATE = Statement(
    "group.update",
    """UPDATE {schema}.user_group
    SET parent_id = $3::uuid, name = $4::text, updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2::uuid
    RETURNING id, parent_id, name, created_at, updated_at, version""",
)

# Take a group away, with who is in it.
DELETE = Statement("group.delete", "DELETE FROM {schema}.user_group WHERE tenant_id = $1 AND id = $2::uuid")

# A new group's way to itself.
INSERT_OWN_PATH = Statement(
    "group.insert_own_path",
    """INSERT INTO {schema}.user_group_path (tenant_id, ancestor_id, descendant_id, distance)
    SELECT $1::uuid, $2::uuid, $2::uuid, 0""",
)

# Cut a group, with all below it, from all above it.
DETACH = Statement(
    "group.detach",
    """DELETE FROM {schema}.user_group_path p WHERE p.tenant_id = $1
      AND p.descendant_id IN (SELECT b.descendant_id FROM {schema}.user_group_path b
        WHERE b.tenant_id = $1 AND b.ancestor_id = $2::uuid)
      AND p.ancestor_id IN (SELECT a.ancestor_id FROM {schema}.user_group_path a
        WHERE a.tenant_id = $1 AND a.descendant_id = $2::uuid AND a.distance > 0)""",
)

# Put a group, with all below it, below a parent and all above that.
ATTACH = Statement(
    "group.attach",
    """INSERT INTO {schema}.user_group_path (tenant_id, ancestor_id, descendant_id, distance)
    SELECT $1::uuid, a.ancestor_id, b.descendant_id, a.distance + b.distance + 1
    FROM {schema}.user_group_path a
    JOIN {schema}.user_group_path b ON b.tenant_id = $1 AND b.ancestor_id = $2::uuid
    WHERE a.tenant_id = $1 AND a.descendant_id = $3::uuid""",
)


async def find_by_ids(
    session: ShardSession, ids: Sequence[UUID], *, member: UUID | None = None
) -> Sequence[Group]:
    """In no particular order; unknown ids are left out. `member`: only groups they are in; None for any."""
    return await session.fetch_rows(Group, FIND_BY_IDS, ids, member)


async def list_page(
    session: ShardSession,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
    name: str | None = None,
    is_top: bool | None = None,
) -> Sequence[Group]:
    """`name`: a part, in any case. `is_top`: below none, or below one. None for any, here and below."""
    asked = (name, is_top, first, *(after or ()))
    return await session.fetch_rows(Group, PAGES[order].of(after), *asked)


async def count(session: ShardSession, *, name: str | None = None, is_top: bool | None = None) -> int:
    return int(await session.fetch_value(COUNT, name, is_top))


async def first_of_parents(
    session: ShardSession,
    parent_ids: Sequence[UUID],
    only: GroupFilter = ALL,
    *,
    first: int,
    order: Order = OLDEST_FIRST,
) -> Sequence[Group]:
    """The first `first` directly below each, in the order."""
    matches = msgspec.structs.astuple(only)
    return await session.fetch_rows(Group, FIRST_OF_PARENTS[order], *matches, parent_ids, first)


async def page_of_parent(
    session: ShardSession,
    parent_id: UUID,
    only: GroupFilter = ALL,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
) -> Sequence[Group]:
    """The next `first` directly below it, in the order."""
    asked = (*msgspec.structs.astuple(only), parent_id, first, *(after or ()))
    return await session.fetch_rows(Group, PAGES_OF_PARENT[order].of(after), *asked)


async def count_of_parents(
    session: ShardSession, parent_ids: Sequence[UUID], only: GroupFilter = ALL
) -> dict[UUID, int]:
    """Those with none below them are left out."""
    rows = await session.fetch(COUNT_OF_PARENTS, *msgspec.structs.astuple(only), parent_ids)
    return {row["parent"]: row["groups"] for row in rows}


async def managed(session: ShardSession, manager: UUID, ids: Sequence[UUID]) -> set[UUID]:
    """Those of `ids` that `manager` manages, or a group above them."""
    return {row["id"] for row in await session.fetch(MANAGED, manager, ids)}


async def lock_tree(session: ShardSession) -> None:
    """Nobody else moves, makes or deletes a group until this transaction ends."""
    await session.fetch_value(LOCK_TREE)


async def lock(session: ShardSession, id_: UUID) -> Group | None:
    """Hold a group until this transaction ends."""
    row = await session.fetch_row(LOCK, id_)
    return None if row is None else Group(*row)


async def place_below(session: ShardSession, parent_id: UUID, id_: UUID) -> Place:
    """Where `id_`, which need not exist yet, would come to lie. True only while the tree is held."""
    row = await session.fetch_row(PLACE, parent_id, id_)
    assert row is not None  # noqa: S101 - it answers one row whatever there is
    return Place(*row)


async def insert(session: ShardSession, group: Group) -> None:
    """With its place in the tree, which is held."""
    await session.execute(INSERT, *msgspec.structs.astuple(group))
    await session.execute(INSERT_OWN_PATH, group.id)
    if group.parent_id is not None:
        await session.execute(ATTACH, group.id, group.parent_id)


async def update(session: ShardSession, group: Group) -> Group:
    """Write `group`, which is held, but not its place; answers the next version."""
    row = await session.fetch_row(UPDATE, group.id, group.parent_id, group.name)
    assert row is not None  # noqa: S101 - it is held
    return Group(*row)


async def move(session: ShardSession, id_: UUID, parent_id: UUID | None) -> None:
    """Take all that is below `id_` along, in the tree, which is held."""
    await session.execute(DETACH, id_)
    if parent_id is not None:
        await session.execute(ATTACH, id_, parent_id)


async def delete(session: ShardSession, id_: UUID) -> None:
    await session.execute(DELETE, id_)
