from collections.abc import Sequence
from uuid import UUID

from harka.graph.loaders.enrollment import by_asked
from harka.graph.loaders.loader import Loader
from harka.learning import path, path_enrollment
from harka.repositories.course import Course
from harka.repositories.page import Order
from harka.repositories.path import LearningPath
from harka.repositories.path_enrollment import PathEnrollment
from harka.repositories.path_enrollment_list import PathEnrollmentFilter


class LearningPathByIdLoader(Loader[UUID, LearningPath | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[LearningPath | None]:
        return (await path.find_many(self.work, keys)).aligned(keys)


class CoursesByLearningPathLoader(Loader[UUID, list[Course]]):
    several = True

    async def fetch(self, keys: list[UUID]) -> list[list[Course]]:
        found = await path.courses_by_path(self.work, keys)
        return [found.get(key, []) for key in keys]


FirstEnrollmentsOf = tuple[UUID, tuple[int, Order, PathEnrollmentFilter]]
"""A parent, and which of its rows are wanted."""

EnrollmentsOf = tuple[UUID, PathEnrollmentFilter]


class LearningPathEnrollmentsByUserLoader(Loader[FirstEnrollmentsOf, Sequence[PathEnrollment]]):
    async def fetch(self, keys: list[FirstEnrollmentsOf]) -> Sequence[Sequence[PathEnrollment]]:
        found = {
            (first, order, only): await path_enrollment.pages_by_user(
                self.work, users, only, first=first, order=order
            )
            for (first, order, only), users in by_asked(keys).items()
        }
        return [found[asked].get(user, []) for user, asked in keys]


class LearningPathEnrollmentsByPathLoader(Loader[FirstEnrollmentsOf, Sequence[PathEnrollment]]):
    async def fetch(self, keys: list[FirstEnrollmentsOf]) -> Sequence[Sequence[PathEnrollment]]:
        found = {
            (first, order, only): await path_enrollment.pages_by_path(
                self.work, paths, only, first=first, order=order
            )
            for (first, order, only), paths in by_asked(keys).items()
        }
        return [found[asked].get(path, []) for path, asked in keys]


class LearningPathEnrollmentCountByUserLoader(Loader[EnrollmentsOf, int]):
    async def fetch(self, keys: list[EnrollmentsOf]) -> list[int]:
        found = {
            only: await path_enrollment.count_by_user(self.work, users, only)
            for only, users in by_asked(keys).items()
        }
        return [found[only].get(user, 0) for user, only in keys]


class LearningPathEnrollmentCountByPathLoader(Loader[EnrollmentsOf, int]):
    async def fetch(self, keys: list[EnrollmentsOf]) -> list[int]:
        found = {
            only: await path_enrollment.count_by_path(self.work, paths, only)
            for only, paths in by_asked(keys).items()
        }
        return [found[only].get(path, 0) for path, only in keys]


class LearningPathEnrollmentByIdLoader(Loader[UUID, PathEnrollment | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[PathEnrollment | None]:
        return (await path_enrollment.find_many(self.work, keys)).aligned(keys)
