from collections.abc import Sequence
from uuid import UUID

from harka.graph.loaders.loader import Loader
from harka.learning import lesson
from harka.repositories.lesson import Lesson


class LessonByIdLoader(Loader[UUID, Lesson | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[Lesson | None]:
        return (await lesson.find_many(self.work, keys)).aligned(keys)


class LessonsByModuleLoader(Loader[UUID, Sequence[Lesson]]):
    async def fetch(self, keys: list[UUID]) -> Sequence[Sequence[Lesson]]:
        return (await lesson.by_module(self.work, keys)).aligned(keys)
