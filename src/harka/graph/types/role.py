from collections.abc import Awaitable
from datetime import datetime
from typing import Annotated

import strawberry

from harka.graph.context import Info
from harka.graph.enums import OrderDirection
from harka.graph.field import field, graph_input, leaf, value
from harka.graph.loaders.role import CustomRoleByIdLoader
from harka.graph.node import Node, node_type
from harka.graph.order_enums import CustomRoleOrder
from harka.graph.pagination import After, Connection, First, Rules, Slice, ordered, paginate_by
from harka.ids import NodeKind
from harka.learning import role
from harka.learning.text import LONGEST_NAME, accept_part
from harka.repositories.role import CustomRole as RoleRow
from harka.repositories.user import User as UserRow
from harka.tenancy.permission import Permission


def role_of(root: UserRow, info: Info) -> Awaitable[RoleRow | None] | None:
    """The role of the organization's own that a person holds."""
    if root.role_id is None:
        return None
    return info.context.loaders.of(CustomRoleByIdLoader).want(root.role_id)


@node_type(RoleRow, NodeKind.CUSTOM_ROLE, CustomRoleByIdLoader)
class CustomRole(Node):
    """A role of the organization's own, beside the five that every organization has."""

    name: str = leaf("What the role is called; unique within the organization, whatever its case.")
    permissions: list[str] = leaf("What whoever holds it may do, in alphabetical order.")
    created_at: datetime = leaf("When the role was created.")
    updated_at: datetime = leaf("When the role last changed.")
    version: int = leaf("Grows with every change.")


@graph_input
class CustomRoleFilter:
    """Which roles; what is omitted leaves out none."""

    name: str | None = value("Only roles with this in their name, whatever its case.", default=None)
    permission: str | None = value("Only roles that have this permission, by its name.", default=None)


@graph_input
class CustomRoleOrderBy:
    """How roles are ordered."""

    field: CustomRoleOrder = value("By what.")
    direction: OrderDirection = value("Which end comes first.", default=OrderDirection.ASC)


Matching = Annotated[
    CustomRoleFilter | None,
    strawberry.argument(name="filter", description="Which roles; omit it for all."),
]
Ordered = Annotated[
    CustomRoleOrderBy | None,
    strawberry.argument(description="Omit it for the oldest first."),
]


_LISTED = Rules(role.list_page, role.count, CustomRoleByIdLoader)


async def _roles(
    info: Info,
    first: First,
    after: After = None,
    matching: Matching = None,
    order_by: Ordered = None,
) -> Slice:
    given = matching or CustomRoleFilter()
    return await paginate_by(
        _LISTED,
        info.context,
        "customRoles",
        only={
            "name": accept_part(given.name, "filter.name", longest=LONGEST_NAME),
            "permission": accept_part(given.permission, "filter.permission", longest=LONGEST_NAME),
        },
        order=ordered(order_by),
        first=first,
        after=after,
    )


def _role(
    info: Info,
    id_: Annotated[strawberry.ID, strawberry.argument(name="id", description="The id of the role.")],
) -> Awaitable[RoleRow | None]:
    context = info.context
    return context.loaders.of(CustomRoleByIdLoader).want(context.open_id(NodeKind.CUSTOM_ROLE, id_))


@strawberry.type
class RoleQuery:
    custom_roles: Connection[CustomRole] | None = field(
        _roles, "The roles of the organization's own.", requires=Permission.USER_READ
    )
    custom_role: CustomRole | None = field(
        _role, "One role of the organization's own; null when there is none.", requires=Permission.USER_READ
    )
