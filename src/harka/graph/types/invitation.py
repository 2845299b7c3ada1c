from collections.abc import Awaitable
from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from harka.graph.context import Info
from harka.graph.enums import InvitationState, OrderDirection, Role
from harka.graph.field import field, graph_input, leaf, related, value
from harka.graph.loaders.invitation import GroupsByInvitationLoader, InvitationByIdLoader
from harka.graph.loaders.role import CustomRoleByIdLoader
from harka.graph.loaders.user import UserByIdLoader
from harka.graph.node import Node, node_type
from harka.graph.order_enums import InvitationOrder
from harka.graph.pagination import After, Connection, First, Rules, Slice, ordered, paginate_by
from harka.graph.types import later
from harka.graph.types.role import CustomRole
from harka.ids import NodeKind
from harka.learning import invitation
from harka.learning.text import LONGEST_EMAIL, accept_part
from harka.repositories.invitation import Invitation as InvitationRow
from harka.repositories.role import CustomRole as RoleRow
from harka.repositories.user import User as UserRow
from harka.tenancy.permission import Permission


def _state(root: InvitationRow) -> str:
    return invitation.state_of(root)


def _role(root: InvitationRow, info: Info) -> Awaitable[RoleRow | None] | None:
    if root.role_id is None:
        return None
    return info.context.loaders.of(CustomRoleByIdLoader).want(root.role_id)


def _inviter(root: InvitationRow, info: Info) -> Awaitable[UserRow | None] | None:
    return _person(info, root.invited_by)


def _user(root: InvitationRow, info: Info) -> Awaitable[UserRow | None] | None:
    return _person(info, root.user_id)


def _person(info: Info, id_: UUID | None) -> Awaitable[UserRow | None] | None:
    return None if id_ is None else info.context.loaders.of(UserByIdLoader).want(id_)


@node_type(InvitationRow, NodeKind.INVITATION, InvitationByIdLoader)
class Invitation(Node):
    """That somebody may come in, once, who has the token that was shown when it was made."""

    email: str = leaf("Who is invited.")
    role: Role = leaf("What they will be.")
    custom_role: CustomRole | None = field(
        _role, "The organization's own role, where `role` is CUSTOM; null when it was taken away since."
    )
    groups: list[later.Group] = related(
        GroupsByInvitationLoader, "id", "The groups they will be in, in the order of their ids."
    )
    state: InvitationState = field(_state, "Whether it may still be accepted.")
    expires_at: datetime = leaf("When it ends.")
    accepted_at: datetime | None = leaf("When it was accepted; null unless it was.")
    revoked_at: datetime | None = leaf("When it was revoked, or another took its place; null unless it was.")
    inviter: later.User | None = field(
        _inviter, "Who invited; null for a program, and where the caller may not see them."
    )
    user: later.User | None = field(_user, "Who came in; null before, and where the caller may not see them.")
    created_at: datetime = leaf("When the invitation was made.")
    updated_at: datetime = leaf("When the invitation last changed.")
    version: int = leaf("Grows with every change.")


@graph_input
class InvitationFilter:
    """Which invitations; what is omitted leaves out none."""

    state: InvitationState | None = value("Only those of which this has become.", default=None)
    email: str | None = value("Only those of addresses with this in them, whatever its case.", default=None)


@graph_input
class InvitationOrderBy:
    """How invitations are ordered."""

    field: InvitationOrder = value("By what.")
    direction: OrderDirection = value("Which end comes first.", default=OrderDirection.ASC)


Matching = Annotated[
    InvitationFilter | None,
    strawberry.argument(name="filter", description="Which invitations; omit it for all."),
]
Ordered = Annotated[
    InvitationOrderBy | None,
    strawberry.argument(description="Omit it for the oldest first."),
]


_LISTED = Rules(invitation.list_page, invitation.count, InvitationByIdLoader)


async def _invitations(
    info: Info,
    first: First,
    after: After = None,
    matching: Matching = None,
    order_by: Ordered = None,
) -> Slice:
    given = matching or InvitationFilter()
    return await paginate_by(
        _LISTED,
        info.context,
        "invitations",
        only={"state": given.state, "email": accept_part(given.email, "filter.email", longest=LONGEST_EMAIL)},
        order=ordered(order_by),
        first=first,
        after=after,
    )


def _invitation(
    info: Info,
    id_: Annotated[strawberry.ID, strawberry.argument(name="id", description="The id of the invitation.")],
) -> Awaitable[InvitationRow | None]:
    context = info.context
    return context.loaders.of(InvitationByIdLoader).want(context.open_id(NodeKind.INVITATION, id_))


@strawberry.type
class InvitationQuery:
    invitations: Connection[Invitation] | None = field(
        _invitations,
        "Who was invited, whatever became of it. Who manages some groups only sees those that they made.",
        requires=Permission.USER_WRITE,
    )
    invitation: Invitation | None = field(
        _invitation, "One invitation; null when there is none.", requires=Permission.USER_WRITE
    )
