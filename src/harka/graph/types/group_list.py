"""Lists of groups, and of who is in them or manages them; each with the filter and orders of its nodes."""

from collections.abc import Awaitable, Sequence
from typing import Annotated, NamedTuple

import msgspec
import strawberry

from harka.graph.context import Info, RequestContext
from harka.graph.enums import OrderDirection
from harka.graph.field import graph_input, value
from harka.graph.loaders.group import GroupByIdLoader, GroupCountByParentLoader, GroupsByParentLoader
from harka.graph.loaders.group_list import (
    GroupCountByManagerLoader,
    GroupCountByMemberLoader,
    GroupsByManagerLoader,
    GroupsByMemberLoader,
    ManagerCountByGroupLoader,
    ManagersByGroupLoader,
    MemberCountByGroupLoader,
    MembersByGroupLoader,
)
from harka.graph.order_enums import GroupOrder
from harka.graph.pagination import (
    After,
    Below,
    First,
    Rules,
    Slice,
    ordered,
    paginate_below,
    paginate_by,
)
from harka.graph.types.user_list import Matching as MatchingPeople
from harka.graph.types.user_list import UserFilter, UserOrderBy, accepted
from harka.learning import group, group_list
from harka.learning.text import LONGEST_NAME, accept_part
from harka.repositories.group import ALL, Group
from harka.repositories.group import GroupFilter as Only
from harka.repositories.group_list import EVERYBODY, PeopleFilter, Tie
from harka.repositories.page import BY_ID, Order, Position
from harka.repositories.user import User


@graph_input
class GroupFilter:
    """Which groups; what is omitted leaves out none."""

    name: str | None = value("Only groups with this in their name, whatever its case.", default=None)
    is_top: bool | None = value(
        "Only groups that are below none, or only those below one; for callers with `user:read`.",
        default=None,
    )


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
OrderedById = Annotated[
    GroupOrderBy | None,
    strawberry.argument(description="Omit it for the order of their ids."),
]
PeopleById = Annotated[
    UserOrderBy | None,
    strawberry.argument(description="Omit it for the order of their ids."),
]
_LISTED = Rules(group.list_page, group.count, GroupByIdLoader)


async def all_groups(
    info: Info,
    first: First,
    after: After = None,
    matching: Matching = None,
    order_by: Ordered = None,
) -> Slice:
    """A page of those of every level."""
    return await paginate_by(
        _LISTED,
        info.context,
        "groups",
        only=msgspec.structs.asdict(_accepted(matching)),
        order=ordered(order_by),
        first=first,
        after=after,
    )


def children_of(
    root: Group,
    info: Info,
    first: First,
    after: After = None,
    matching: Matching = None,
    order_by: Ordered = None,
) -> Awaitable[Slice]:
    """A page of the groups directly below one."""
    only, order = _accepted(matching), ordered(order_by)

    async def rest(position: Position, limit: int) -> Sequence[Group]:
        return await group.page_of_parent(
            info.context.work, root.id, only, after=position, first=limit, order=order
        )

    below = Below(
        name="group.children",
        parent=root.id,
        rows=GroupsByParentLoader,
        counts=GroupCountByParentLoader,
        asked=(order, only),
        bound=() if only == ALL else msgspec.structs.astuple(only),
    )
    return paginate_below(info.context, below, order=order, first=first, after=after, rest=rest)


def members_of(
    root: Group,
    info: Info,
    first: First,
    after: After = None,
    matching: MatchingPeople = None,
    order_by: PeopleById = None,
) -> Awaitable[Slice]:
    """A page of who is in a group."""
    page = _Page(first, after, ordered(order_by, BY_ID))
    return _people_of(root, info.context, Tie.MEMBER, _people(info.context, matching), page)


def managers_of(
    root: Group,
    info: Info,
    first: First,
    after: After = None,
    matching: MatchingPeople = None,
    order_by: PeopleById = None,
) -> Awaitable[Slice]:
    """A page of who manages a group."""
    page = _Page(first, after, ordered(order_by, BY_ID))
    return _people_of(root, info.context, Tie.MANAGER, _people(info.context, matching), page)


def groups_of(
    root: User,
    info: Info,
    first: First,
    after: After = None,
    matching: Matching = None,
    order_by: OrderedById = None,
) -> Awaitable[Slice]:
    """A page of the groups a person is in."""
    page = _Page(first, after, ordered(order_by, BY_ID))
    return _groups_of(root, info.context, Tie.MEMBER, _accepted(matching), page)


def managed_by(
    root: User,
    info: Info,
    first: First,
    after: After = None,
    matching: Matching = None,
    order_by: OrderedById = None,
) -> Awaitable[Slice]:
    """A page of the groups a person manages."""
    page = _Page(first, after, ordered(order_by, BY_ID))
    return _groups_of(root, info.context, Tie.MANAGER, _accepted(matching), page)


class _Page(NamedTuple):
    first: int
    after: str | None
    order: Order


def _people_of(
    root: Group, context: RequestContext, tie: Tie, only: PeopleFilter, page: _Page
) -> Awaitable[Slice]:
    async def rest(position: Position, limit: int) -> Sequence[User]:
        return await group_list.page_of_group(
            context.work, tie, root.id, only, after=position, first=limit, order=page.order
        )

    is_member = tie == Tie.MEMBER
    below = Below(
        name="group.members" if is_member else "group.managers",
        parent=root.id,
        rows=MembersByGroupLoader if is_member else ManagersByGroupLoader,
        counts=MemberCountByGroupLoader if is_member else ManagerCountByGroupLoader,
        asked=(page.order, only),
        bound=() if only == EVERYBODY else msgspec.structs.astuple(only),
    )
    return paginate_below(context, below, order=page.order, first=page.first, after=page.after, rest=rest)


def _groups_of(root: User, context: RequestContext, tie: Tie, only: Only, page: _Page) -> Awaitable[Slice]:
    async def rest(position: Position, limit: int) -> Sequence[Group]:
        return await group_list.page_of_user(
            context.work, tie, root.id, only, after=position, first=limit, order=page.order
        )

    is_member = tie == Tie.MEMBER
    below = Below(
        name="user.groups" if is_member else "user.managedGroups",
        parent=root.id,
        rows=GroupsByMemberLoader if is_member else GroupsByManagerLoader,
        counts=GroupCountByMemberLoader if is_member else GroupCountByManagerLoader,
        asked=(page.order, only),
        bound=() if only == ALL else msgspec.structs.astuple(only),
    )
    return paginate_below(context, below, order=page.order, first=page.first, after=page.after, rest=rest)


def _accepted(given: GroupFilter | None) -> Only:
    if given is None:
        return ALL
    return Only(name=accept_part(given.name, "filter.name", longest=LONGEST_NAME), is_top=given.is_top)


def _people(context: RequestContext, given: UserFilter | None) -> PeopleFilter:
    return PeopleFilter(**accepted(context, given))
