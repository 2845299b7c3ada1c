from collections.abc import Sequence
from uuid import UUID

from harka.graph.loaders.loader import Loader
from harka.learning import progress
from harka.repositories.progress import LessonProgress


class LessonProgressByIdLoader(Loader[UUID, LessonProgress | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[LessonProgress | None]:
        return (await progress.find_many(self.work, keys)).aligned(keys)


class LessonProgressByEnrollmentLoader(Loader[UUID, Sequence[LessonProgress]]):
    async def fetch(self, keys: list[UUID]) -> Sequence[Sequence[LessonProgress]]:
        return (await progress.by_enrollment(self.work, keys)).aligned(keys)
