from collections.abc import Sequence
from uuid import UUID

from harka.graph.loaders.loader import Loader
from harka.learning import quiz_question
from harka.repositories.quiz_question import QuizQuestion


class QuizQuestionByIdLoader(Loader[UUID, QuizQuestion | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[QuizQuestion | None]:
        return (await quiz_question.find_many(self.work, keys)).aligned(keys)


class QuizQuestionsByQuizLoader(Loader[UUID, Sequence[QuizQuestion]]):
    async def fetch(self, keys: list[UUID]) -> Sequence[Sequence[QuizQuestion]]:
        return (await quiz_question.by_quiz(self.work, keys)).aligned(keys)
