from collections.abc import Sequence
from uuid import UUID

from harka.graph.loaders.enrollment import by_asked
from harka.graph.loaders.loader import Loader
from harka.learning import path, path_enrollment
from harka.repositories.course import Course
from harka.repositories.path import LearningPath
from harka.repositories.path_enrollment import PathEnrollment


class LearningPathByIdLoader(Loader[UUID, LearningPath | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[LearningPath | None]:
        return (await path.find_many(self.work, keys)).aligned(keys)


class CoursesByLearningPathLoader(Loader[UUID, list[Course]]):
    several = True

    async def fetch(self, keys: list[UUID]) -> list[list[Course]]:
        found = await path.courses_by_path(self.work, keys)
        return [found.get(key, []) for key in keys]


FirstStandingOf = tuple[UUID, tuple[int, str | None]]
"""A parent, and how many of its first rows are wanted, of which status."""

StandingOf = tuple[UUID, str | None]


class LearningPathEnrollmentsByUserLoader(Loader[FirstStandingOf, Sequence[PathEnrollment]]):
    async def fetch(self, keys: list[FirstStandingOf]) -> Sequence[Sequence[PathEnrollment]]:
        found = {
            (first, status): await path_enrollment.pages_by_user(self.work, users, first=first, status=status)
            for (first, status), users in by_asked(keys).items()
        }
        return [found[asked].get(user, []) for user, asked in keys]


class LearningPathEnrollmentsByPathLoader(Loader[FirstStandingOf, Sequence[PathEnrollment]]):
    async def fetch(self, keys: list[FirstStandingOf]) -> Sequence[Sequence[PathEnrollment]]:
        found = {
            (first, status): await path_enrollment.pages_by_path(self.work, paths, first=first, status=status)
            for (first, status), paths in by_asked(keys).items()
        }
        return [found[asked].get(path, []) for path, asked in keys]


class LearningPathEnrollmentCountByUserLoader(Loader[StandingOf, int]):
    async def fetch(self, keys: list[StandingOf]) -> list[int]:
        found = {
            status: await path_enrollment.count_by_user(self.work, users, status=status)
            for status, users in by_asked(keys).items()
        }
        return [found[status].get(user, 0) for user, status in keys]


class LearningPathEnrollmentCountByPathLoader(Loader[StandingOf, int]):
    async def fetch(self, keys: list[StandingOf]) -> list[int]:
        found = {
            status: await path_enrollment.count_by_path(self.work, paths, status=status)
            for status, paths in by_asked(keys).items()
        }
        return [found[status].get(path, 0) for path, status in keys]


class LearningPathEnrollmentByIdLoader(Loader[UUID, PathEnrollment | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[PathEnrollment | None]:
        return (await path_enrollment.find_many(self.work, keys)).aligned(keys)
