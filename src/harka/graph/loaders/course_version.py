from collections.abc import Sequence
from uuid import UUID

from harka.graph.loaders.enrollment import by_asked
from harka.graph.loaders.loader import Loader
from harka.learning import course_version
from harka.learning.course_version import ModuleVersion
from harka.repositories.course_version import CourseVersion, CourseVersionFilter
from harka.repositories.page import Order

FirstVersionsOf = tuple[UUID, tuple[int, Order, CourseVersionFilter]]
"""A course, and which of its versions are wanted."""

VersionsOf = tuple[UUID, CourseVersionFilter]


class CourseVersionByIdLoader(Loader[UUID, CourseVersion | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[CourseVersion | None]:
        return (await course_version.find_many(self.work, keys)).aligned(keys)


class CourseVersionsByCourseLoader(Loader[FirstVersionsOf, Sequence[CourseVersion]]):
    async def fetch(self, keys: list[FirstVersionsOf]) -> Sequence[Sequence[CourseVersion]]:
        found = {
            (first, order, only): await course_version.pages_by_course(
                self.work, courses, only, first=first, order=order
            )
            for (first, order, only), courses in by_asked(keys).items()
        }
        return [found[asked].get(course, []) for course, asked in keys]


class CourseVersionCountByCourseLoader(Loader[VersionsOf, int]):
    async def fetch(self, keys: list[VersionsOf]) -> list[int]:
        found = {
            only: await course_version.count_by_course(self.work, courses, only)
            for only, courses in by_asked(keys).items()
        }
        return [found[only].get(course, 0) for course, only in keys]


class ModuleVersionsByCourseVersionLoader(Loader[UUID, list[ModuleVersion]]):
    async def fetch(self, keys: list[UUID]) -> list[list[ModuleVersion]]:
        found = await course_version.modules_of(self.work, keys)
        return [found.get(key, []) for key in keys]
