from uuid import UUID

from harka.graph.loaders.loader import Loader
from harka.learning import lesson
from harka.repositories.lesson import Lesson


class LessonByIdLoader(Loader[UUID, Lesson | None]):
    async def fetch(self, keys: list[UUID]) -> list[Lesson | None]:
        found = await lesson.find_many(self.work, keys)
        return [found.get(key) for key in keys]


class LessonsByModuleLoader(Loader[UUID, list[Lesson]]):
    async def fetch(self, keys: list[UUID]) -> list[list[Lesson]]:
        found = await lesson.by_module(self.work, keys)
        return [found.get(key, []) for key in keys]
