from collections.abc import Sequence
from uuid import UUID

from harka.graph.loaders.enrollment import FirstOf, by_asked
from harka.graph.loaders.loader import Loader
from harka.learning import quiz_attempt
from harka.learning.quiz_sheet import AskedQuestion
from harka.repositories.quiz_attempt import QuizAttempt


class QuizAttemptByIdLoader(Loader[UUID, QuizAttempt | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[QuizAttempt | None]:
        return (await quiz_attempt.find_many(self.work, keys)).aligned(keys)


class QuizAttemptsByEnrollmentLoader(Loader[FirstOf, Sequence[QuizAttempt]]):
    async def fetch(self, keys: list[FirstOf]) -> Sequence[Sequence[QuizAttempt]]:
        found = {
            first: await quiz_attempt.pages_by_enrollment(self.work, enrollments, first=first)
            for first, enrollments in by_asked(keys).items()
        }
        return [found[first].get(enrollment, []) for enrollment, first in keys]


class QuizAttemptCountByEnrollmentLoader(Loader[UUID, int]):
    async def fetch(self, keys: list[UUID]) -> list[int]:
        found = await quiz_attempt.count_by_enrollment(self.work, keys)
        return [found.get(key, 0) for key in keys]


class QuizAttemptsByQuizLoader(Loader[FirstOf, Sequence[QuizAttempt]]):
    async def fetch(self, keys: list[FirstOf]) -> Sequence[Sequence[QuizAttempt]]:
        found = {
            first: await quiz_attempt.pages_by_quiz(self.work, quizzes, first=first)
            for first, quizzes in by_asked(keys).items()
        }
        return [found[first].get(quiz, []) for quiz, first in keys]


class QuizAttemptCountByQuizLoader(Loader[UUID, int]):
    async def fetch(self, keys: list[UUID]) -> list[int]:
        found = await quiz_attempt.count_by_quiz(self.work, keys)
        return [found.get(key, 0) for key in keys]


class BestQuizAttemptsByEnrollmentLoader(Loader[UUID, Sequence[QuizAttempt]]):
    async def fetch(self, keys: list[UUID]) -> Sequence[Sequence[QuizAttempt]]:
        return (await quiz_attempt.best_by_enrollment(self.work, keys)).aligned(keys)


class AskedQuestionsByAttemptLoader(Loader[UUID, Sequence[AskedQuestion]]):
    async def fetch(self, keys: list[UUID]) -> Sequence[Sequence[AskedQuestion]]:
        found = await quiz_attempt.questions_by_attempt(self.work, keys)
        return [found.get(key, []) for key in keys]
