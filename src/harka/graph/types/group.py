from collections.abc import Awaitable
from datetime import datetime
from typing import Annotated

import strawberry

from harka.graph.context import Info
from harka.graph.field import field, leaf
from harka.graph.loaders.external_id import ExternalIdByGroupLoader
from harka.graph.loaders.group import GroupByIdLoader
from harka.graph.node import Node, node_type
from harka.graph.pagination import Connection
from harka.graph.types import later
from harka.graph.types.group_list import all_groups, children_of, managers_of, members_of
from harka.ids import NodeKind
from harka.repositories.group import Group as GroupRow
from harka.tenancy.permission import Permission


def _parent(root: GroupRow, info: Info) -> Awaitable[GroupRow | None] | None:
    if root.parent_id is None:
        return None
    return info.context.loaders.of(GroupByIdLoader).want(root.parent_id)


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
        children_of, "The groups directly below it.", requires=Permission.USER_READ
    )
    members: Connection[later.User] | None = field(
        members_of,
        "Who is in the group itself, not only in one below it.",
        requires=Permission.USER_READ,
        several=True,
    )
    managers: Connection[later.User] | None = field(
        managers_of,
        "Who manages the group itself, not one above it.",
        requires=Permission.USER_READ,
        several=True,
    )
    created_at: datetime = leaf("When the group was created.")
    updated_at: datetime = leaf("When the group last changed; not by who is in it.")
    version: int = leaf("Grows with every change of the name or the place.")


def _group(
    info: Info,
    id_: Annotated[strawberry.ID, strawberry.argument(name="id", description="The id of the group.")],
) -> Awaitable[GroupRow | None]:
    context = info.context
    return context.loaders.of(GroupByIdLoader).want(context.open_id(NodeKind.GROUP, id_))


@strawberry.type
class GroupQuery:
    groups: Connection[Group] | None = field(
        all_groups, "The groups of the organization, of every level.", requires=Permission.USER_READ
    )
    group: Group | None = field(_group, "One group; null when there is none.", requires=Permission.USER_READ)
