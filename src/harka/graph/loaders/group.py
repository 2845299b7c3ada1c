from collections.abc import Sequence
from uuid import UUID

from harka.graph.loaders.enrollment import by_asked
from harka.graph.loaders.loader import Loader
from harka.learning import group
from harka.repositories.group import Group, GroupFilter
from harka.repositories.page import Order

FirstMatchingOf = tuple[UUID, tuple[int, Order, GroupFilter]]
"""A group, and which of those directly below it are wanted."""


class GroupByIdLoader(Loader[UUID, Group | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[Group | None]:
        return (await group.find_many(self.work, keys)).aligned(keys)


class GroupsByParentLoader(Loader[FirstMatchingOf, Sequence[Group]]):
    async def fetch(self, keys: list[FirstMatchingOf]) -> Sequence[Sequence[Group]]:
        found = {
            (first, order, only): await group.pages_by_parent(
                self.work, parents, only, first=first, order=order
            )
            for (first, order, only), parents in by_asked(keys).items()
        }
        return [found[asked].get(parent, []) for parent, asked in keys]


class GroupCountByParentLoader(Loader[tuple[UUID, GroupFilter], int]):
    async def fetch(self, keys: list[tuple[UUID, GroupFilter]]) -> list[int]:
        found = {
            only: await group.count_by_parent(self.work, parents, only)
            for only, parents in by_asked(keys).items()
        }
        return [found[only].get(parent, 0) for parent, only in keys]
