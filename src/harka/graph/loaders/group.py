from collections.abc import Sequence
from uuid import UUID

from harka.graph.loaders.loader import Loader
from harka.learning import group, group_member
from harka.repositories.group import Group
from harka.repositories.user import User

FirstOf = tuple[UUID, int]
"""A parent, and how many of its first rows are wanted."""


class GroupByIdLoader(Loader[UUID, Group | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[Group | None]:
        return (await group.find_many(self.work, keys)).aligned(keys)


class GroupsByParentLoader(Loader[FirstOf, Sequence[Group]]):
    async def fetch(self, keys: list[FirstOf]) -> Sequence[Sequence[Group]]:
        found = {
            first: await group.pages_by_parent(self.work, parents, first=first)
            for first, parents in _by_asked(keys).items()
        }
        return [found[first].get(parent, []) for parent, first in keys]


class GroupCountByParentLoader(Loader[UUID, int]):
    async def fetch(self, keys: list[UUID]) -> list[int]:
        found = await group.count_by_parent(self.work, keys)
        return [found.get(key, 0) for key in keys]


class GroupsByUserLoader(Loader[FirstOf, Sequence[Group]]):
    several = True

    async def fetch(self, keys: list[FirstOf]) -> Sequence[Sequence[Group]]:
        found = {
            first: await group_member.groups_by_user(self.work, users, first=first)
            for first, users in _by_asked(keys).items()
        }
        return [found[first].get(user, []) for user, first in keys]


class GroupCountByUserLoader(Loader[UUID, int]):
    async def fetch(self, keys: list[UUID]) -> list[int]:
        found = await group_member.count_by_user(self.work, keys)
        return [found.get(key, 0) for key in keys]


class UsersByGroupLoader(Loader[FirstOf, Sequence[User]]):
    several = True

    async def fetch(self, keys: list[FirstOf]) -> Sequence[Sequence[User]]:
        found = {
            first: await group_member.users_by_group(self.work, groups, first=first)
            for first, groups in _by_asked(keys).items()
        }
        return [found[first].get(group_id, []) for group_id, first in keys]


class UserCountByGroupLoader(Loader[UUID, int]):
    async def fetch(self, keys: list[UUID]) -> list[int]:
        found = await group_member.count_by_group(self.work, keys)
        return [found.get(key, 0) for key in keys]


def _by_asked(keys: list[FirstOf]) -> dict[int, list[UUID]]:
    """Parents by the size of their page: as many statements as the document has different sizes."""
    parents: dict[int, list[UUID]] = {}
    for parent, first in keys:
        parents.setdefault(first, []).append(parent)
    return parents
