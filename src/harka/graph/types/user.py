from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from harka.graph.context import Info, RequestContext
from harka.graph.enums import OrderDirection, Role, UserOrder, UserStatus
from harka.graph.field import field, graph_input, leaf, value
from harka.graph.loaders.certificate import CertificateCountByUserLoader, CertificatesByUserLoader
from harka.graph.loaders.external_id import ExternalIdByUserLoader
from harka.graph.loaders.user import UserByIdLoader
from harka.graph.node import Node, node_type
from harka.graph.pagination import After, Below, Connection, First, Slice, ordered, paginate, paginate_below
from harka.graph.permission import Access
from harka.graph.types import later
from harka.graph.types.enrollment_list import of_user
from harka.graph.types.group import groups_of
from harka.graph.types.group_manager import managed_by
from harka.graph.types.path_enrollment_list import paths_of_user
from harka.graph.types.role import CustomRole, role_of
from harka.ids import NodeKind
from harka.learning import certificate, user
from harka.learning.moment import accept_moment
from harka.learning.text import LONGEST_EMAIL, accept_part
from harka.repositories.certificate import Certificate as CertificateRow
from harka.repositories.page import Position
from harka.repositories.user import User as UserRow
from harka.repositories.user import UserFilter as Only
from harka.tenancy.permission import Permission


def _certificates(root: UserRow, info: Info, first: First, after: After = None) -> Awaitable[Slice]:
    async def rest(position: Position, limit: int) -> Sequence[CertificateRow]:
        return await certificate.page_of_user(info.context.work, root.id, after=position, first=limit)

    below = Below(
        name="user.certificates",
        parent=root.id,
        rows=CertificatesByUserLoader,
        counts=CertificateCountByUserLoader,
    )
    return paginate_below(info.context, below, first=first, after=after, rest=rest)


def _external_id(root: UserRow, info: Info) -> Awaitable[str | None]:
    return info.context.loaders.of(ExternalIdByUserLoader).want(root.id)


@node_type(UserRow, NodeKind.USER, UserByIdLoader)
class User(Node):
    """A person in one organization. The same person in two organizations is two users who share nothing."""

    email: str = leaf("Where they are reached; unique within the organization, whatever its case.")
    name: str = leaf("What they are called.")
    role: Role = leaf("What they may do.")
    custom_role: CustomRole | None = field(
        role_of, "The organization's own role, of who has one: then `role` is CUSTOM."
    )
    status: UserStatus = leaf("Whether they may sign in.")
    locale: str | None = leaf("Their language, as a BCP 47 tag; null for the organization's.")
    timezone: str | None = leaf("Their time zone, as an IANA name; null for the organization's.")
    external_id: str | None = field(
        _external_id,
        "What the organization's own directory calls them, where it keeps them here by SCIM.",
        requires=Permission.USER_READ,
    )
    enrollments: Connection[later.Enrollment] | None = field(
        of_user,
        "What they take part in. Callers without `enrollment:read` see their own enrollments only.",
        requires=Access.SIGNED_IN,
    )
    learning_path_enrollments: Connection[later.LearningPathEnrollment] | None = field(
        paths_of_user,
        "The learning paths they are on, oldest first. Callers without `enrollment:read` see their own only.",
        requires=Access.SIGNED_IN,
    )
    groups: Connection[later.Group] | None = field(
        groups_of,
        "The groups they are in, in the order of their ids; not those above. Callers without `user:read` see "
        "their own only.",
        requires=Access.SIGNED_IN,
        several=True,
    )
    managed_groups: Connection[later.Group] | None = field(
        managed_by,
        "The groups they manage, in the order of their ids: they see nobody beyond these and those below "
        "them. Without any they see everybody whom their role lets them see.",
        requires=Permission.USER_READ,
        several=True,
    )
    certificates: Connection[later.Certificate] | None = field(
        _certificates,
        "What proves their completions. Callers without `enrollment:read` see their own only.",
        requires=Access.SIGNED_IN,
    )
    created_at: datetime = leaf("When the user was created.")
    updated_at: datetime = leaf("When the user last changed.")
    version: int = leaf("Grows with every change.")


@graph_input
class UserFilter:
    """Which people; what is omitted leaves out nobody."""

    role: Role | None = value("Only people of this role.", default=None)
    role_id: strawberry.ID | None = value("Only people of this role of the organization's own.", default=None)
    status: UserStatus | None = value("Only people in this state.", default=None)
    starts_with: str | None = value(
        "Only people whose name or address begins with this, whatever its case.", default=None
    )
    created_from: datetime | None = value("Only who was created then or later.", default=None)
    created_before: datetime | None = value("Only who was created before then.", default=None)
    group_id: strawberry.ID | None = value("Only people in this group, or in one below it.", default=None)


@graph_input
class UserOrderBy:
    """How people are ordered."""

    field: UserOrder = value("By what.")
    direction: OrderDirection = value("Which end comes first.", default=OrderDirection.ASC)


Matching = Annotated[
    UserFilter | None, strawberry.argument(name="filter", description="Which people; omit it for all.")
]
Ordered = Annotated[UserOrderBy | None, strawberry.argument(description="Omit it for the oldest first.")]


async def _users(
    info: Info, first: First, after: After = None, matching: Matching = None, order_by: Ordered = None
) -> Slice:
    context = info.context
    only, order = _accepted(context, matching), ordered(order_by)

    async def fetch(position: Position | None, limit: int) -> Sequence[UserRow]:
        rows = await user.list_page(context.work, after=position, first=limit, order=order, **only)
        context.loaders.of(UserByIdLoader).prime(rows)
        return rows

    return await paginate(
        context,
        "users",
        filters=(
            only.get("role"),
            only.get("status"),
            only.get("starts_with"),
            only.get("created_from"),
            only.get("created_before"),
            _bytes(only.get("group_id")),
            _bytes(only.get("role_id")),
        ),
        order=order,
        first=first,
        after=after,
        fetch=fetch,
        count=lambda: user.count(context.work, **only),
    )


def _accepted(context: RequestContext, matching: UserFilter | None) -> Only:
    if matching is None:
        return {}
    return {
        "role": matching.role,
        "status": matching.status,
        "starts_with": accept_part(matching.starts_with, "startsWith", longest=LONGEST_EMAIL),
        **narrowed(
            context, matching.role_id, matching.group_id, matching.created_from, matching.created_before
        ),
    }


def narrowed(
    context: RequestContext,
    role_id: str | None,
    group_id: str | None,
    created_from: datetime | None,
    created_before: datetime | None,
) -> Only:
    """What filters of people have in common. Raise `InvalidIdError` and `ValidationError` by their field."""
    return {
        "role_id": None
        if role_id is None
        else context.open_id(NodeKind.CUSTOM_ROLE, role_id, "filter.roleId"),
        "group_id": None if group_id is None else context.open_id(NodeKind.GROUP, group_id, "filter.groupId"),
        "created_from": None if created_from is None else accept_moment(created_from, "filter.createdFrom"),
        "created_before": None
        if created_before is None
        else accept_moment(created_before, "filter.createdBefore"),
    }


def _bytes(id_: UUID | None) -> bytes | None:
    return None if id_ is None else id_.bytes


def _user(
    info: Info,
    id_: Annotated[strawberry.ID, strawberry.argument(name="id", description="The id of the user.")],
) -> Awaitable[UserRow | None]:
    context = info.context
    return context.loaders.of(UserByIdLoader).want(context.open_id(NodeKind.USER, id_))


@strawberry.type
class UserQuery:
    users: Connection[User] | None = field(
        _users, "The people of the organization.", requires=Permission.USER_READ
    )
    user: User | None = field(
        _user,
        "One person; null when there is none. Callers without `user:read` see themselves only.",
        requires=Access.SIGNED_IN,
    )
