from collections.abc import Sequence
from uuid import UUID

from harka.graph.loaders.enrollment import FirstOf, by_asked
from harka.graph.loaders.loader import Loader
from harka.learning import course_version
from harka.learning.course_version import ModuleVersion
from harka.repositories.course_version import CourseVersion


class CourseVersionByIdLoader(Loader[UUID, CourseVersion | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[CourseVersion | None]:
        return (await course_version.find_many(self.work, keys)).aligned(keys)


class CourseVersionsByCourseLoader(Loader[FirstOf, Sequence[CourseVersion]]):
    async def fetch(self, keys: list[FirstOf]) -> Sequence[Sequence[CourseVersion]]:
        found = {
            first: await course_version.pages_by_course(self.work, courses, first=first)
            for first, courses in by_asked(keys).items()
        }
        return [found[first].get(course, []) for course, first in keys]


class CourseVersionCountByCourseLoader(Loader[UUID, int]):
    async def fetch(self, keys: list[UUID]) -> list[int]:
        found = await course_version.count_by_course(self.work, keys)
        return [found.get(key, 0) for key in keys]


class ModuleVersionsByCourseVersionLoader(Loader[UUID, list[ModuleVersion]]):
    async def fetch(self, keys: list[UUID]) -> list[list[ModuleVersion]]:
        found = await course_version.modules_of(self.work, keys)
        return [found.get(key, []) for key in keys]
