from collections.abc import Sequence
from uuid import UUID

from harka.graph.loaders.enrollment import FirstOf, by_asked
from harka.graph.loaders.loader import Loader
from harka.learning import group_manager
from harka.repositories.group import Group
from harka.repositories.user import User


class ManagersByGroupLoader(Loader[FirstOf, Sequence[User]]):
    several = True

    async def fetch(self, keys: list[FirstOf]) -> Sequence[Sequence[User]]:
        found = {
            first: await group_manager.users_by_group(self.work, groups, first=first)
            for first, groups in by_asked(keys).items()
        }
        return [found[first].get(group_id, []) for group_id, first in keys]


class ManagerCountByGroupLoader(Loader[UUID, int]):
    async def fetch(self, keys: list[UUID]) -> list[int]:
        found = await group_manager.count_by_group(self.work, keys)
        return [found.get(key, 0) for key in keys]


class GroupsByManagerLoader(Loader[FirstOf, Sequence[Group]]):
    several = True

    async def fetch(self, keys: list[FirstOf]) -> Sequence[Sequence[Group]]:
        found = {
            first: await group_manager.groups_by_user(self.work, users, first=first)
            for first, users in by_asked(keys).items()
        }
        return [found[first].get(user_id, []) for user_id, first in keys]


class GroupCountByManagerLoader(Loader[UUID, int]):
    async def fetch(self, keys: list[UUID]) -> list[int]:
        found = await group_manager.count_by_user(self.work, keys)
        return [found.get(key, 0) for key in keys]
