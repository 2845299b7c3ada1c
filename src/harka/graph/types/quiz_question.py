from datetime import datetime

from harka.graph.enums import QuestionKind
from harka.graph.field import leaf, related
from harka.graph.loaders.quiz import QuizByIdLoader
from harka.graph.loaders.quiz_question import QuizQuestionByIdLoader
from harka.graph.node import Node, node_type
from harka.graph.types import later
from harka.ids import NodeKind
from harka.repositories.quiz_question import QuizQuestion as QuizQuestionRow


@node_type(QuizQuestionRow, NodeKind.QUIZ_QUESTION, QuizQuestionByIdLoader)
class QuizQuestion(Node):
    """A question of a quiz with what is right: for who writes courses (`course:write`), absent for others."""

    quiz: later.Quiz | None = related(QuizByIdLoader, "quiz_id", "The quiz it belongs to.")
    position: int = leaf("The place within the quiz, from 0.")
    kind: QuestionKind = leaf("How it is answered.")
    prompt: str = leaf("What is asked, in Markdown if the client shows it so.")
    points: int = leaf("What the right answer is worth.")
    options: list[str] = leaf("What is chosen from, of SINGLE and MULTIPLE; empty of others.")
    correct_choices: list[int] = leaf("The places of those options that are right, from 0.")
    is_true: bool | None = leaf("What is right, of TRUE_FALSE; null of others.")
    correct_number: float | None = leaf("What is right, of NUMERIC; null of others.")
    tolerance: float | None = leaf("How far from it is right too, of NUMERIC; null of others.")
    accepted_texts: list[str] = leaf("What is right, of SHORT; empty of others.")
    created_at: datetime = leaf("When it was added.")
    updated_at: datetime = leaf("When it last changed.")
    version: int = leaf("Grows with every change.")
