from collections.abc import Sequence
from uuid import UUID

from harka.graph.loaders.loader import Loader
from harka.learning import quiz
from harka.repositories.quiz import Quiz


class QuizByIdLoader(Loader[UUID, Quiz | None]):
    several = True

    async def fetch(self, keys: list[UUID]) -> Sequence[Quiz | None]:
        return (await quiz.find_many(self.work, keys)).aligned(keys)


class QuizzesByLessonLoader(Loader[UUID, Sequence[Quiz]]):
    several = True

    async def fetch(self, keys: list[UUID]) -> Sequence[Sequence[Quiz]]:
        return (await quiz.by_lesson(self.work, keys)).aligned(keys)
