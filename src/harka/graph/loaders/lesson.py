from collections.abc import Sequence
from uuid import UUID

from harka.graph.loaders.loader import Loader
from harka.graph.loaders.module import ModulesByCourseLoader
from harka.learning import lesson
from harka.repositories.lesson import Lesson
from harka.rows import Grouped


class LessonByIdLoader(Loader[UUID, Lesson | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[Lesson | None]:
        return (await lesson.find_many(self.work, keys)).aligned(keys)


class LessonsByModuleLoader(Loader[UUID, Sequence[Lesson]]):
    behind = ModulesByCourseLoader

    async def fetch(self, keys: list[UUID]) -> Sequence[Sequence[Lesson]]:
        return (await lesson.by_module(self.work, keys)).aligned(keys)

    async def fetch_ahead(self, keys: list[UUID]) -> Grouped[Lesson]:
        return await lesson.by_module_of(self.work, keys)
