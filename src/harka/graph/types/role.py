from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import Annotated

import strawberry

from harka.graph.context import Info
from harka.graph.field import field, leaf
from harka.graph.loaders.role import CustomRoleByIdLoader
from harka.graph.node import Node, node_type
from harka.graph.pagination import After, Connection, First, Slice, paginate
from harka.ids import NodeKind
from harka.learning import role
from harka.repositories.page import Position
from harka.repositories.role import CustomRole as RoleRow
from harka.repositories.user import User as UserRow
from harka.tenancy.permission import Permission


async def role_of(root: UserRow, info: Info) -> RoleRow | None:
    """The role of the organization's own that a person holds."""
    if root.role_id is None:
        return None
    return await info.context.loaders.of(CustomRoleByIdLoader).load(root.role_id)


@node_type(RoleRow, NodeKind.CUSTOM_ROLE, CustomRoleByIdLoader)
class CustomRole(Node):
    """A role of the organization's own, beside the five that every organization has."""

    name: str = leaf("What the role is called; unique within the organization, whatever its case.")
    permissions: list[str] = leaf("What whoever holds it may do, in alphabetical order.")
    created_at: datetime = leaf("When the role was created.")
    updated_at: datetime = leaf("When the role last changed.")
    version: int = leaf("Grows with every change.")


async def _roles(info: Info, first: First, after: After = None) -> Slice:
    context = info.context

    async def fetch(position: Position | None, limit: int) -> Sequence[RoleRow]:
        rows = await role.list_page(context.work, after=position, first=limit)
        context.loaders.of(CustomRoleByIdLoader).prime(rows)
        return rows

    return await paginate(
        context, "customRoles", first=first, after=after, fetch=fetch, count=lambda: role.count(context.work)
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
