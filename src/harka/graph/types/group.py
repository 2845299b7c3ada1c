from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import Annotated

import strawberry

from harka.graph.context import Info
from harka.graph.enums import OrderDirection
from harka.graph.field import field, graph_input, leaf, value
from harka.graph.loaders.external_id import ExternalIdByGroupLoader
from harka.graph.loaders.group import (
    GroupByIdLoader,
    GroupCountByParentLoader,
    GroupCountByUserLoader,
    GroupsByParentLoader,
    GroupsByUserLoader,
    UserCountByGroupLoader,
    UsersByGroupLoader,
)
from harka.graph.node import Node, node_type
from harka.graph.order_enums import GroupOrder
from harka.graph.pagination import (
    After,
    Below,
    Connection,
    First,
    Rules,
    Slice,
    ordered,
    paginate_below,
    paginate_by,
)
from harka.graph.types import later
from harka.graph.types.group_manager import managers_of
from harka.ids import NodeKind
from harka.learning import group, group_member
from harka.learning.text import LONGEST_NAME, accept_part
from harka.repositories.group import Group as GroupRow
from harka.repositories.page import Position
from harka.repositories.user import User as UserRow
from harka.tenancy.permission import Permission


def _parent(root: GroupRow, info: Info) -> Awaitable[GroupRow | None] | None:
    if root.parent_id is None:
        return None
    return info.context.loaders.of(GroupByIdLoader).want(root.parent_id)


def _children(root: GroupRow, info: Info, first: First, after: After = None) -> Awaitable[Slice]:
    async def rest(position: Position, limit: int) -> Sequence[GroupRow]:
        found = await group.pages_by_parent(info.context.work, [root.id], first=limit, after=position)
        return found.get(root.id, [])

    below = Below(
        name="group.children", parent=root.id, rows=GroupsByParentLoader, counts=GroupCountByParentLoader
    )
    return paginate_below(info.context, below, first=first, after=after, rest=rest)


def _members(root: GroupRow, info: Info, first: First, after: After = None) -> Awaitable[Slice]:
    async def rest(position: Position, limit: int) -> Sequence[UserRow]:
        found = await group_member.users_by_group(
            info.context.work, [root.id], first=limit, after=position[1]
        )
        return found.get(root.id, [])

    below = Below(
        name="group.members", parent=root.id, rows=UsersByGroupLoader, counts=UserCountByGroupLoader
    )
    return paginate_below(info.context, below, first=first, after=after, rest=rest)


def groups_of(root: UserRow, info: Info, first: First, after: After = None) -> Awaitable[Slice]:
    """A page of the groups a person is in."""

    async def rest(position: Position, limit: int) -> Sequence[GroupRow]:
        found = await group_member.groups_by_user(
            info.context.work, [root.id], first=limit, after=position[1]
        )
        return found.get(root.id, [])

    below = Below(name="user.groups", parent=root.id, rows=GroupsByUserLoader, counts=GroupCountByUserLoader)
    return paginate_below(info.context, below, first=first, after=after, rest=rest)


def _external_id(root: GroupRow, info: Info) -> Awaitable[str | None]:
    return info.context.loaders.of(ExternalIdByGroupLoader).want(root.id)


@node_type(GroupRow, NodeKind.GROUP, GroupByIdLoader)
class Group(Node):
    """People who belong together: a branch, a department, a team. Groups form a tree of at most 10 levels."""

    name: str = leaf("What the group is called.")
    parent: later.Group | None = field(
        _parent, "The group it is directly below; null at the top, and where the caller may not see it."
    )
    external_id: str | None = field(
        _external_id,
        "What the organization's own directory calls it, where it keeps it here by SCIM.",
        requires=Permission.USER_READ,
    )
    children: Connection[later.Group] | None = field(
        _children, "The groups directly below it.", requires=Permission.USER_READ
    )
    members: Connection[later.User] | None = field(
        _members,
        "Who is in the group itself, not only in one below it; in the order of their ids.",
        requires=Permission.USER_READ,
        several=True,
    )
    managers: Connection[later.User] | None = field(
        managers_of,
        "Who manages the group itself, not one above it; in the order of their ids.",
        requires=Permission.USER_READ,
        several=True,
    )
    created_at: datetime = leaf("When the group was created.")
    updated_at: datetime = leaf("When the group last changed; not by who is in it.")
    version: int = leaf("Grows with every change of the name or the place.")


@graph_input
class GroupFilter:
    """Which groups; what is omitted leaves out none."""

    name: str | None = value("Only groups with this in their name, whatever its case.", default=None)
    is_top: bool | None = value("Only groups that are below none, or only those below one.", default=None)


@graph_input
class GroupOrderBy:
    """How groups are ordered."""

    field: GroupOrder = value("By what.")
    direction: OrderDirection = value("Which end comes first.", default=OrderDirection.ASC)


Matching = Annotated[
    GroupFilter | None,
    strawberry.argument(name="filter", description="Which groups; omit it for all."),
]
Ordered = Annotated[
    GroupOrderBy | None,
    strawberry.argument(description="Omit it for the oldest first."),
]


_LISTED = Rules(group.list_page, group.count, GroupByIdLoader)


async def _groups(
    info: Info,
    first: First,
    after: After = None,
    matching: Matching = None,
    order_by: Ordered = None,
) -> Slice:
    given = matching or GroupFilter()
    return await paginate_by(
        _LISTED,
        info.context,
        "groups",
        only={"name": accept_part(given.name, "filter.name", longest=LONGEST_NAME), "is_top": given.is_top},
        order=ordered(order_by),
        first=first,
        after=after,
    )


def _group(
    info: Info,
    id_: Annotated[strawberry.ID, strawberry.argument(name="id", description="The id of the group.")],
) -> Awaitable[GroupRow | None]:
    context = info.context
    return context.loaders.of(GroupByIdLoader).want(context.open_id(NodeKind.GROUP, id_))


@strawberry.type
class GroupQuery:
    groups: Connection[Group] | None = field(
        _groups, "The groups of the organization, of every level.", requires=Permission.USER_READ
    )
    group: Group | None = field(_group, "One group; null when there is none.", requires=Permission.USER_READ)
