from collections.abc import Sequence
from uuid import UUID

from harka.graph.loaders.enrollment import by_asked
from harka.graph.loaders.loader import Loader
from harka.learning import quiz_attempt
from harka.learning.quiz_sheet import AskedQuestion
from harka.repositories.page import Order
from harka.repositories.quiz_attempt import QuizAttempt
from harka.repositories.quiz_attempt_list import QuizAttemptFilter

FirstAttemptsOf = tuple[UUID, tuple[int, Order, QuizAttemptFilter]]
"""An enrollment or a quiz, and which of its attempts are wanted."""

AttemptsOf = tuple[UUID, QuizAttemptFilter]


class QuizAttemptByIdLoader(Loader[UUID, QuizAttempt | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[QuizAttempt | None]:
        return (await quiz_attempt.find_many(self.work, keys)).aligned(keys)


class QuizAttemptsByEnrollmentLoader(Loader[FirstAttemptsOf, Sequence[QuizAttempt]]):
    async def fetch(self, keys: list[FirstAttemptsOf]) -> Sequence[Sequence[QuizAttempt]]:
        found = {
            (first, order, only): await quiz_attempt.pages_by_enrollment(
                self.work, enrollments, only, first=first, order=order
            )
            for (first, order, only), enrollments in by_asked(keys).items()
        }
        return [found[asked].get(enrollment, []) for enrollment, asked in keys]


class QuizAttemptCountByEnrollmentLoader(Loader[AttemptsOf, int]):
    async def fetch(self, keys: list[AttemptsOf]) -> list[int]:
        found = {
            only: await quiz_attempt.count_by_enrollment(self.work, enrollments, only)
            for only, enrollments in by_asked(keys).items()
        }
        return [found[only].get(enrollment, 0) for enrollment, only in keys]


class QuizAttemptsByQuizLoader(Loader[FirstAttemptsOf, Sequence[QuizAttempt]]):
    async def fetch(self, keys: list[FirstAttemptsOf]) -> Sequence[Sequence[QuizAttempt]]:
        found = {
            (first, order, only): await quiz_attempt.pages_by_quiz(
                self.work, quizzes, only, first=first, order=order
            )
            for (first, order, only), quizzes in by_asked(keys).items()
        }
        return [found[asked].get(quiz, []) for quiz, asked in keys]


class QuizAttemptCountByQuizLoader(Loader[AttemptsOf, int]):
    async def fetch(self, keys: list[AttemptsOf]) -> list[int]:
        found = {
            only: await quiz_attempt.count_by_quiz(self.work, quizzes, only)
            for only, quizzes in by_asked(keys).items()
        }
        return [found[only].get(quiz, 0) for quiz, only in keys]


class BestQuizAttemptsByEnrollmentLoader(Loader[UUID, Sequence[QuizAttempt]]):
    async def fetch(self, keys: list[UUID]) -> Sequence[Sequence[QuizAttempt]]:
        return (await quiz_attempt.best_by_enrollment(self.work, keys)).aligned(keys)


class AskedQuestionsByAttemptLoader(Loader[UUID, Sequence[AskedQuestion]]):
    async def fetch(self, keys: list[UUID]) -> Sequence[Sequence[AskedQuestion]]:
        found = await quiz_attempt.questions_by_attempt(self.work, keys)
        return [found.get(key, []) for key in keys]
