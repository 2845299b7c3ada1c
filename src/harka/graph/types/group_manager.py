"""The lists between people and the groups they manage; the fields stand with `User` and `Group`."""

from collections.abc import Sequence

from harka.graph.context import Info
from harka.graph.loaders.group_manager import (
    GroupCountByManagerLoader,
    GroupsByManagerLoader,
    ManagerCountByGroupLoader,
    ManagersByGroupLoader,
)
from harka.graph.pagination import After, First, Slice, paginate
from harka.learning import group_manager
from harka.repositories.group import Group as GroupRow
from harka.repositories.page import Position
from harka.repositories.user import User as UserRow


async def managers_of(root: GroupRow, info: Info, first: First, after: After = None) -> Slice:
    """A page of who manages a group."""
    context = info.context

    async def fetch(position: Position | None, limit: int) -> Sequence[UserRow]:
        if position is None:
            return await context.loaders.of(ManagersByGroupLoader).load((root.id, limit))
        found = await group_manager.users_by_group(context.work, [root.id], first=limit, after=position[1])
        return found.get(root.id, [])

    return await paginate(
        context,
        "group.managers",
        filters=(root.id.bytes,),
        first=first,
        after=after,
        fetch=fetch,
        count=lambda: context.loaders.of(ManagerCountByGroupLoader).load(root.id),
    )


async def managed_by(root: UserRow, info: Info, first: First, after: After = None) -> Slice:
    """A page of the groups that a person manages."""
    context = info.context

    async def fetch(position: Position | None, limit: int) -> Sequence[GroupRow]:
        if position is None:
            return await context.loaders.of(GroupsByManagerLoader).load((root.id, limit))
        found = await group_manager.groups_by_user(context.work, [root.id], first=limit, after=position[1])
        return found.get(root.id, [])

    return await paginate(
        context,
        "user.managedGroups",
        filters=(root.id.bytes,),
        first=first,
        after=after,
        fetch=fetch,
        count=lambda: context.loaders.of(GroupCountByManagerLoader).load(root.id),
    )
