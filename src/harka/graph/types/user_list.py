"""The organization's people as a list, and the filter and the orders of every list of people."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from harka.graph.context import Info, RequestContext
from harka.graph.enums import OrderDirection, Role, UserOrder, UserStatus
from harka.graph.field import graph_input, value
from harka.graph.loaders.user import UserByIdLoader
from harka.graph.pagination import After, First, Slice, ordered, paginate
from harka.ids import NodeKind
from harka.learning import user
from harka.learning.moment import accept_moment
from harka.learning.text import LONGEST_EMAIL, accept_part
from harka.repositories.page import Position
from harka.repositories.user import User as UserRow
from harka.repositories.user import UserFilter as Only


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


async def everybody(
    info: Info, first: First, after: After = None, matching: Matching = None, order_by: Ordered = None
) -> Slice:
    """A page of all that the caller may see."""
    context = info.context
    only, order = accepted(context, matching), ordered(order_by)

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


def accepted(context: RequestContext, matching: UserFilter | None) -> Only:
    """What is asked for. Raise `InvalidIdError` and `ValidationError` by the field."""
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
