from typing import Annotated

import msgspec
import strawberry

from harka.graph.context import Info
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.payload import MutationInput, Payload
from harka.graph.types.enrollment import Enrollment
from harka.graph.types.quiz_attempt import QuizAttempt
from harka.ids import NodeKind
from harka.learning import quiz_attempt
from harka.learning.quiz_grading import Answer
from harka.repositories.enrollment import Enrollment as EnrollmentRow
from harka.repositories.quiz_attempt import QuizAttempt as QuizAttemptRow
from harka.tenancy.permission import Permission


class Started(msgspec.Struct, frozen=True):
    quiz_attempt: QuizAttemptRow
    created: bool


class Submitted(msgspec.Struct, frozen=True):
    quiz_attempt: QuizAttemptRow
    enrollment: EnrollmentRow
    changed: bool
    completed: bool


@graph_input
class StartQuizAttemptInput(MutationInput):
    """Who takes which quiz."""

    enrollment_id: strawberry.ID = value("Whose attempt it is, in which course.")
    quiz_id: strawberry.ID = value("The quiz. It must be one of the course, and shown there.")


@graph_input
class QuizAnswerInput:
    """The answer to one question, by what its kind takes and nothing else."""

    quiz_question_id: strawberry.ID = value("The question, as in `AskedQuestion.quizQuestionId`.")
    choices: list[int] | None = value(
        "Of SINGLE and MULTIPLE: the places in the attempt's `options`, from 0.", default=None
    )
    is_true: bool | None = value("Of TRUE_FALSE: whether it is true.", default=None)
    text: str | None = value("Of SHORT: at most 1,000 characters.", default=None)
    number: float | None = value("Of NUMERIC: the number.", default=None)


@graph_input
class SubmitQuizAttemptInput(MutationInput):
    """All answers of an attempt. A question without one earns nothing."""

    quiz_attempt_id: strawberry.ID = value("The attempt.")
    answers: list[QuizAnswerInput] = value("One for each question at the most.")


@graph_type
class StartQuizAttemptPayload(Payload):
    """The attempt to go on with."""

    quiz_attempt: QuizAttempt | None = leaf("The attempt, with its questions.")
    created: bool | None = leaf("Whether it was begun now; false for one that was begun and is not over.")


@graph_type
class SubmitQuizAttemptPayload(Payload):
    """What came of an attempt."""

    quiz_attempt: QuizAttempt | None = leaf("The attempt with its score.")
    enrollment: Enrollment | None = leaf("How far they are in the course.")
    changed: bool | None = leaf("Whether it was graded now; false when it was before, which stays.")
    completed: bool | None = leaf("Whether this completed the course.")


async def _start(
    info: Info,
    given: Annotated[
        StartQuizAttemptInput, strawberry.argument(name="input", description="Who takes which quiz.")
    ],
) -> Started:
    context = info.context
    done = await quiz_attempt.start(
        context.work,
        enrollment_id=context.open_id(NodeKind.ENROLLMENT, given.enrollment_id, "enrollmentId"),
        quiz_id=context.open_id(NodeKind.QUIZ, given.quiz_id, "quizId"),
    )
    return Started(done.attempt, done.created)


async def _submit(
    info: Info,
    given: Annotated[
        SubmitQuizAttemptInput, strawberry.argument(name="input", description="All answers of an attempt.")
    ],
) -> Submitted:
    context = info.context
    id_ = context.open_id(NodeKind.QUIZ_ATTEMPT, given.quiz_attempt_id, "quizAttemptId")
    answers = [
        Answer(
            question_id=context.open_id(
                NodeKind.QUIZ_QUESTION, each.quiz_question_id, f"answers.{place}.quizQuestionId"
            ),
            choices=each.choices,
            is_true=each.is_true,
            text=each.text,
            number=each.number,
        )
        for place, each in enumerate(given.answers)
    ]
    done = await quiz_attempt.submit(context.work, id_, answers)
    return Submitted(done.attempt, done.enrollment, done.changed, done.completed)


@strawberry.type
class QuizAttemptMutation:
    start_quiz_attempt: StartQuizAttemptPayload | None = mutation(
        _start,
        "Begin an attempt at a quiz, or go on with the one that is begun: there is one at a time. Learners "
        "take their own; others need `enrollment:write` too.",
        requires=Permission.PROGRESS_WRITE,
    )
    submit_quiz_attempt: SubmitQuizAttemptPayload | None = mutation(
        _submit,
        "Hand in all answers of an attempt, which grades it once and for all: again it answers what came of "
        "it. From half a minute after its time is over it is ATTEMPT_EXPIRED.",
        requires=Permission.PROGRESS_WRITE,
    )
