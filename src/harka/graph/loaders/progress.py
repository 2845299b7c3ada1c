from uuid import UUID

from harka.graph.loaders.loader import Loader
from harka.learning import progress
from harka.repositories.progress import LessonProgress


class LessonProgressByIdLoader(Loader[UUID, LessonProgress | None]):
    async def fetch(self, keys: list[UUID]) -> list[LessonProgress | None]:
        found = await progress.find_many(self.work, keys)
        return [found.get(key) for key in keys]


class LessonProgressByEnrollmentLoader(Loader[UUID, list[LessonProgress]]):
    async def fetch(self, keys: list[UUID]) -> list[list[LessonProgress]]:
        found = await progress.by_enrollment(self.work, keys)
        return [found.get(key, []) for key in keys]
