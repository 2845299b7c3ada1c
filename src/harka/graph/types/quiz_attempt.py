from datetime import datetime

import strawberry

from harka.graph.context import Info
from harka.graph.enums import AttemptState, QuestionKind
from harka.graph.field import field, graph_type, leaf, related
from harka.graph.loaders.enrollment import EnrollmentByIdLoader
from harka.graph.loaders.quiz import QuizByIdLoader
from harka.graph.loaders.quiz_attempt import AskedQuestionsByAttemptLoader, QuizAttemptByIdLoader
from harka.graph.node import Node, node_type
from harka.graph.types import later
from harka.ids import NodeKind
from harka.learning import quiz_attempt
from harka.learning.quiz_sheet import AskedQuestion as AskedQuestionRow
from harka.repositories.quiz_attempt import QuizAttempt as QuizAttemptRow

_UNTIL_TOLD = "null until the caller may know what is right, see `Quiz.reveal`"


def _question_id(root: AskedQuestionRow, info: Info) -> str:
    context = info.context
    return context.runtime.node_ids.seal(context.tenant.id, NodeKind.QUIZ_QUESTION, root.question_id)


@graph_type
class AskedQuestion:
    """A question of an attempt as it was at the start, whatever became of it in the quiz since."""

    quiz_question_id: strawberry.ID = field(
        _question_id, "Which question it is: what `submitQuizAttempt` takes."
    )
    kind: QuestionKind = leaf("How it is answered.")
    prompt: str = leaf("What is asked, in Markdown if the client shows it so.")
    points: int = leaf("What the right answer is worth.")
    options: list[str] = leaf("What is chosen from, of SINGLE and MULTIPLE; empty of others.")
    chosen: list[int] | None = leaf("The places of the options that were chosen; null when none were given.")
    said_true: bool | None = leaf("Whether it was answered by true; null when it was answered by neither.")
    text: str | None = leaf("The text it was answered by; null when there was none.")
    number: float | None = leaf("The number it was answered by; null when there was none.")
    is_correct: bool | None = leaf(f"Whether the answer is right; {_UNTIL_TOLD}.")
    correct_choices: list[int] | None = leaf(
        f"The places of the options that are right, of SINGLE and MULTIPLE; {_UNTIL_TOLD}."
    )
    is_true: bool | None = leaf(f"What is right, of TRUE_FALSE; {_UNTIL_TOLD}.")
    correct_number: float | None = leaf(f"What is right, of NUMERIC; {_UNTIL_TOLD}.")
    tolerance: float | None = leaf(f"How far from that is right too; {_UNTIL_TOLD}.")
    accepted_texts: list[str] | None = leaf(f"What is right, of SHORT; {_UNTIL_TOLD}.")


def _state(root: QuizAttemptRow) -> str:
    return quiz_attempt.state_of(root)


@node_type(QuizAttemptRow, NodeKind.QUIZ_ATTEMPT, QuizAttemptByIdLoader)
class QuizAttempt(Node):
    """One time that a learner took a quiz. It is seen like their enrollment."""

    quiz: later.Quiz | None = related(
        QuizByIdLoader, "quiz_id", "The quiz; null when the caller may not see it."
    )
    enrollment: later.Enrollment | None = related(
        EnrollmentByIdLoader, "enrollment_id", "Who took it, in which course."
    )
    number: int = leaf("Which of the enrollment's attempts at the quiz it is, from 1.")
    state: AttemptState = field(_state, "Where it stands.")
    started_at: datetime = leaf("When it was begun.")
    ends_at: datetime | None = leaf("When its time is over; null when it has all the time.")
    submitted_at: datetime | None = leaf("When it was submitted; null until then.")
    pass_percent: int = leaf("How much of the points passes it, as the quiz said at the start.")
    points: int = leaf("How many points its questions have together.")
    earned: int | None = leaf("How many of them the answers earned; null until it is submitted.")
    percent: float | None = leaf("How many in a hundred that is; null until it is submitted.")
    passed: bool | None = leaf("Whether that is enough; null until it is submitted.")
    questions: list[AskedQuestion] = related(
        AskedQuestionsByAttemptLoader, "id", "What it asks, in order, and what was answered."
    )
    created_at: datetime = leaf("When it was begun.")
    updated_at: datetime = leaf("When it last changed.")
    version: int = leaf("Grows with every change.")
