from collections.abc import Sequence
from uuid import UUID

from harka.graph.loaders.loader import Loader
from harka.learning import enrollment
from harka.repositories.enrollment import Enrollment

FirstOf = tuple[UUID, int]
"""A parent, and how many of its first rows are wanted."""


class EnrollmentByIdLoader(Loader[UUID, Enrollment | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[Enrollment | None]:
        return (await enrollment.find_many(self.work, keys)).aligned(keys)


class EnrollmentsByUserLoader(Loader[FirstOf, Sequence[Enrollment]]):
    async def fetch(self, keys: list[FirstOf]) -> Sequence[Sequence[Enrollment]]:
        found = {
            first: await enrollment.pages_by_user(self.work, users, first=first)
            for first, users in by_size(keys).items()
        }
        return [found[first].get(user, []) for user, first in keys]


class EnrollmentsByCourseLoader(Loader[FirstOf, Sequence[Enrollment]]):
    async def fetch(self, keys: list[FirstOf]) -> Sequence[Sequence[Enrollment]]:
        found = {
            first: await enrollment.pages_by_course(self.work, courses, first=first)
            for first, courses in by_size(keys).items()
        }
        return [found[first].get(course, []) for course, first in keys]


class EnrollmentCountByUserLoader(Loader[UUID, int]):
    async def fetch(self, keys: list[UUID]) -> list[int]:
        found = await enrollment.count_by_user(self.work, keys)
        return [found.get(key, 0) for key in keys]


class EnrollmentCountByCourseLoader(Loader[UUID, int]):
    async def fetch(self, keys: list[UUID]) -> list[int]:
        found = await enrollment.count_by_course(self.work, keys)
        return [found.get(key, 0) for key in keys]


def by_size(keys: list[FirstOf]) -> dict[int, list[UUID]]:
    """Parents by the size of their page: as many statements as the document has different sizes."""
    parents: dict[int, list[UUID]] = {}
    for parent, first in keys:
        parents.setdefault(first, []).append(parent)
    return parents
