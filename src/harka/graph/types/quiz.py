from collections.abc import Awaitable
from datetime import datetime
from typing import Annotated

import strawberry

from harka.graph.context import Info
from harka.graph.enums import Reveal
from harka.graph.field import field, leaf, related
from harka.graph.loaders.lesson import LessonByIdLoader
from harka.graph.loaders.quiz import QuizByIdLoader
from harka.graph.loaders.quiz_question import QuizQuestionsByQuizLoader
from harka.graph.node import Node, node_type
from harka.graph.pagination import Connection
from harka.graph.types import later
from harka.graph.types.quiz_attempt_list import attempts_at
from harka.ids import NodeKind
from harka.repositories.quiz import Quiz as QuizRow
from harka.tenancy.permission import Permission


@node_type(QuizRow, NodeKind.QUIZ, QuizByIdLoader)
class Quiz(Node):
    """Questions of a lesson, which the server marks. Learners see it once a content item shows it to them."""

    lesson: later.Lesson | None = related(
        LessonByIdLoader, "lesson_id", "The lesson it belongs to; null when the caller may not see it."
    )
    title: str = leaf("What it is called.")
    description: str = leaf("What a learner should know before; may be empty.")
    time_limit_seconds: int | None = leaf("How long an attempt may take; null for as long as one likes.")
    allowed_attempts: int | None = leaf(
        "How many attempts a person has, in enrollments that ended too; null for any number."
    )
    pass_percent: int = leaf("How much of the points passes it: 0 to 100.")
    reveal: Reveal = leaf("When learners see which answers are right.")
    completes_lesson: bool = leaf(
        "Whether passing it finishes the lesson. Then a learner finishes and marks it by nothing else: "
        "`recordProgress` of the whole lesson, or with a score, is QUIZ_REQUIRED."
    )
    shuffles_options: bool = leaf("Whether each attempt has the options in another order.")
    is_shown: bool = leaf("Whether a content item of the lesson shows it: learners see no other.")
    question_count: int = leaf("How many questions it has now.")
    points: int = leaf("How many points its questions have together now.")
    questions: list[later.QuizQuestion] | None = related(
        QuizQuestionsByQuizLoader,
        "id",
        "Its questions with what is right, in order, at most 200. Learners have them from an attempt: "
        "`QuizAttempt.questions`.",
        requires=Permission.COURSE_WRITE,
    )
    attempts: Connection[later.QuizAttempt] | None = field(
        attempts_at,
        "What everybody did at it. Learners have theirs from `Enrollment.quizAttempts`.",
        requires=Permission.ENROLLMENT_READ,
    )
    created_at: datetime = leaf("When it was created.")
    updated_at: datetime = leaf("When it last changed.")
    version: int = leaf("Grows with every change, of the list of its questions too.")


def _quiz(
    info: Info,
    id_: Annotated[strawberry.ID, strawberry.argument(name="id", description="The id of the quiz.")],
) -> Awaitable[QuizRow | None]:
    context = info.context
    return context.loaders.of(QuizByIdLoader).want(context.open_id(NodeKind.QUIZ, id_))


@strawberry.type
class QuizQuery:
    quiz: Quiz | None = field(
        _quiz,
        "One quiz; null when there is none, or the caller may not see it.",
        requires=Permission.COURSE_READ,
        several=True,
    )
