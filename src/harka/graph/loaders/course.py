from collections.abc import Sequence
from uuid import UUID

from harka.graph.loaders.loader import Loader
from harka.learning import course
from harka.repositories.course import Course


class CourseByIdLoader(Loader[UUID, Course | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[Course | None]:
        return (await course.find_many(self.work, keys)).aligned(keys)


class CourseByCodeLoader(Loader[str, Course | None]):
    async def fetch(self, keys: list[str]) -> Sequence[Course | None]:
        found = await course.by_code(self.work, keys)
        return [found.get(key) for key in keys]
