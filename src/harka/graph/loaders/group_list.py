"""Lists between groups and people, of many groups or people at once. Both ties ask alike."""

from collections.abc import Sequence
from typing import ClassVar
from uuid import UUID

from harka.graph.loaders.enrollment import by_asked
from harka.graph.loaders.loader import Loader
from harka.learning import group_list
from harka.repositories.group import Group, GroupFilter
from harka.repositories.group_list import PeopleFilter, Tie
from harka.repositories.page import Order
from harka.repositories.user import User

FirstPeopleOf = tuple[UUID, tuple[int, Order, PeopleFilter]]
"""A group, and which of its people are wanted."""

FirstGroupsOf = tuple[UUID, tuple[int, Order, GroupFilter]]
"""A person, and which of their groups are wanted."""


class _PeopleByGroupLoader(Loader[FirstPeopleOf, Sequence[User]]):
    several = True
    tie: ClassVar[Tie]

    async def fetch(self, keys: list[FirstPeopleOf]) -> Sequence[Sequence[User]]:
        found = {
            (first, order, only): await group_list.people_by_group(
                self.work, self.tie, groups, only, first=first, order=order
            )
            for (first, order, only), groups in by_asked(keys).items()
        }
        return [found[asked].get(group, []) for group, asked in keys]


class _PeopleCountByGroupLoader(Loader[tuple[UUID, PeopleFilter], int]):
    tie: ClassVar[Tie]

    async def fetch(self, keys: list[tuple[UUID, PeopleFilter]]) -> list[int]:
        found = {
            only: await group_list.count_by_group(self.work, self.tie, groups, only)
            for only, groups in by_asked(keys).items()
        }
        return [found[only].get(group, 0) for group, only in keys]


class _GroupsByUserLoader(Loader[FirstGroupsOf, Sequence[Group]]):
    several = True
    tie: ClassVar[Tie]

    async def fetch(self, keys: list[FirstGroupsOf]) -> Sequence[Sequence[Group]]:
        found = {
            (first, order, only): await group_list.groups_by_user(
                self.work, self.tie, users, only, first=first, order=order
            )
            for (first, order, only), users in by_asked(keys).items()
        }
        return [found[asked].get(user, []) for user, asked in keys]


class _GroupCountByUserLoader(Loader[tuple[UUID, GroupFilter], int]):
    tie: ClassVar[Tie]

    async def fetch(self, keys: list[tuple[UUID, GroupFilter]]) -> list[int]:
        found = {
            only: await group_list.count_by_user(self.work, self.tie, users, only)
            for only, users in by_asked(keys).items()
        }
        return [found[only].get(user, 0) for user, only in keys]


class MembersByGroupLoader(_PeopleByGroupLoader):
    tie = Tie.MEMBER


class MemberCountByGroupLoader(_PeopleCountByGroupLoader):
    tie = Tie.MEMBER


class ManagersByGroupLoader(_PeopleByGroupLoader):
    tie = Tie.MANAGER


class ManagerCountByGroupLoader(_PeopleCountByGroupLoader):
    tie = Tie.MANAGER


class GroupsByMemberLoader(_GroupsByUserLoader):
    tie = Tie.MEMBER


class GroupCountByMemberLoader(_GroupCountByUserLoader):
    tie = Tie.MEMBER


class GroupsByManagerLoader(_GroupsByUserLoader):
    tie = Tie.MANAGER


class GroupCountByManagerLoader(_GroupCountByUserLoader):
    tie = Tie.MANAGER
