"""The lists between people and the groups they manage; the fields stand with `User` and `Group`."""

from collections.abc import Awaitable, Sequence

from harka.graph.context import Info
from harka.graph.loaders.group_manager import (
    GroupCountByManagerLoader,
    GroupsByManagerLoader,
    ManagerCountByGroupLoader,
    ManagersByGroupLoader,
)
from harka.graph.pagination import After, Below, First, Slice, paginate_below
from harka.learning import group_manager
from harka.repositories.group import Group as GroupRow
from harka.repositories.page import Position
from harka.repositories.user import User as UserRow


def managers_of(root: GroupRow, info: Info, first: First, after: After = None) -> Awaitable[Slice]:
    """A page of who manages a group."""

    async def rest(position: Position, limit: int) -> Sequence[UserRow]:
        found = await group_manager.users_by_group(
            info.context.work, [root.id], first=limit, after=position[1]
        )
        return found.get(root.id, [])

    below = Below(
        name="group.managers", parent=root.id, rows=ManagersByGroupLoader, counts=ManagerCountByGroupLoader
    )
    return paginate_below(info.context, below, first=first, after=after, rest=rest)


def managed_by(root: UserRow, info: Info, first: First, after: After = None) -> Awaitable[Slice]:
    """A page of the groups that a person manages."""

    async def rest(position: Position, limit: int) -> Sequence[GroupRow]:
        found = await group_manager.groups_by_user(
            info.context.work, [root.id], first=limit, after=position[1]
        )
        return found.get(root.id, [])

    below = Below(
        name="user.managedGroups",
        parent=root.id,
        rows=GroupsByManagerLoader,
        counts=GroupCountByManagerLoader,
    )
    return paginate_below(info.context, below, first=first, after=after, rest=rest)
