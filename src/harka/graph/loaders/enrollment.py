from collections.abc import Hashable, Sequence
from typing import TypeVar
from uuid import UUID

from harka.graph.loaders.loader import Loader
from harka.learning import enrollment
from harka.repositories.enrollment import Enrollment
from harka.repositories.enrollment_list import EnrollmentFilter
from harka.repositories.page import Order

FirstOf = tuple[UUID, int]
"""A parent, and how many of its first rows are wanted."""

FirstMatchingOf = tuple[UUID, tuple[int, Order, EnrollmentFilter]]
"""A parent, and which of its rows are wanted."""

MatchingOf = tuple[UUID, EnrollmentFilter]

Asked = TypeVar("Asked", bound=Hashable)


class EnrollmentByIdLoader(Loader[UUID, Enrollment | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[Enrollment | None]:
        return (await enrollment.find_many(self.work, keys)).aligned(keys)


class EnrollmentsByUserLoader(Loader[FirstMatchingOf, Sequence[Enrollment]]):
    async def fetch(self, keys: list[FirstMatchingOf]) -> Sequence[Sequence[Enrollment]]:
        found = {
            (first, order, only): await enrollment.pages_by_user(
                self.work, users, only, first=first, order=order
            )
            for (first, order, only), users in by_asked(keys).items()
        }
        return [found[asked].get(user, []) for user, asked in keys]


class EnrollmentsByCourseLoader(Loader[FirstMatchingOf, Sequence[Enrollment]]):
    async def fetch(self, keys: list[FirstMatchingOf]) -> Sequence[Sequence[Enrollment]]:
        found = {
            (first, order, only): await enrollment.pages_by_course(
                self.work, courses, only, first=first, order=order
            )
            for (first, order, only), courses in by_asked(keys).items()
        }
        return [found[asked].get(course, []) for course, asked in keys]


class EnrollmentCountByUserLoader(Loader[MatchingOf, int]):
    async def fetch(self, keys: list[MatchingOf]) -> list[int]:
        found = {
            only: await enrollment.count_by_user(self.work, users, only)
            for only, users in by_asked(keys).items()
        }
        return [found[only].get(user, 0) for user, only in keys]


class EnrollmentCountByCourseLoader(Loader[MatchingOf, int]):
    async def fetch(self, keys: list[MatchingOf]) -> list[int]:
        found = {
            only: await enrollment.count_by_course(self.work, courses, only)
            for only, courses in by_asked(keys).items()
        }
        return [found[only].get(course, 0) for course, only in keys]


def by_asked(keys: Sequence[tuple[UUID, Asked]]) -> dict[Asked, list[UUID]]:
    """Parents by what is wanted of them: as many statements as the document asks for different things."""
    parents: dict[Asked, list[UUID]] = {}
    for parent, asked in keys:
        parents.setdefault(asked, []).append(parent)
    return parents
