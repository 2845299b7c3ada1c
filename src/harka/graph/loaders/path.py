from collections.abc import Sequence
from uuid import UUID

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


class LearningPathEnrollmentByIdLoader(Loader[UUID, PathEnrollment | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[PathEnrollment | None]:
        return (await path_enrollment.find_many(self.work, keys)).aligned(keys)
