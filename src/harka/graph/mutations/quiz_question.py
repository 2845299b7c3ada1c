from typing import Annotated

import msgspec
import strawberry

from harka.graph.context import Info
from harka.graph.enums import QuestionKind
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.payload import MutationInput, Payload, optional, required
from harka.graph.types.quiz import Quiz
from harka.graph.types.quiz_question import QuizQuestion
from harka.ids import NodeKind
from harka.learning import quiz_question
from harka.learning.quiz_question import MOST_QUESTIONS, QuestionChanges, QuestionDraft
from harka.repositories.quiz import Quiz as QuizRow
from harka.repositories.quiz_question import QuizQuestion as QuizQuestionRow
from harka.tenancy.permission import Permission

_PROMPT = "What is asked: 1 to 5,000 characters."
_POINTS = "What the right answer is worth: 1 to 1,000."
_OPTIONS = "What is chosen from, of SINGLE and MULTIPLE: 2 to 20, all different, 1 to 500 characters each."
_CHOICES = "The places of the options that are right, from 0: one of SINGLE, one or more of MULTIPLE."
_TRUE = "What is right, of TRUE_FALSE."
_NUMBER = "What is right, of NUMERIC."
_TOLERANCE = "How far from it is right too, of NUMERIC; 0 when omitted."
_TEXTS = "What is right, of SHORT: 1 to 20 texts of 1 to 1,000 characters."
_VERSION = "The version that was read. When it has changed since, the answer is CONFLICT."


class Written(msgspec.Struct, frozen=True):
    quiz_question: QuizQuestionRow


class Arranged(msgspec.Struct, frozen=True):
    quiz: QuizRow


@graph_input
class CreateQuizQuestionInput(MutationInput):
    """A new question of a quiz, behind the others, with what its kind takes and nothing else."""

    quiz_id: strawberry.ID = value("The quiz. Its course must not be archived.")
    kind: QuestionKind = value("How it is answered.")
    prompt: str = value(_PROMPT)
    points: int = value(_POINTS, default=1)
    options: list[str] = value(_OPTIONS, default_factory=list)
    correct_choices: list[int] = value(_CHOICES, default_factory=list)
    is_true: bool | None = value(_TRUE, default=None)
    correct_number: float | None = value(_NUMBER, default=None)
    tolerance: float | None = value(_TOLERANCE, default=None)
    accepted_texts: list[str] = value(_TEXTS, default_factory=list)


@graph_input
class UpdateQuizQuestionInput(MutationInput):
    """What to change of a question. What is omitted stays as it is; attempts that are begun stay, too."""

    id: strawberry.ID = value("The question.")
    version: int = value(_VERSION)
    prompt: str | None = value(_PROMPT, default=strawberry.UNSET)
    points: int | None = value(_POINTS, default=strawberry.UNSET)
    options: list[str] | None = value(_OPTIONS, default=strawberry.UNSET)
    correct_choices: list[int] | None = value(_CHOICES, default=strawberry.UNSET)
    is_true: bool | None = value(_TRUE, default=strawberry.UNSET)
    correct_number: float | None = value(_NUMBER, default=strawberry.UNSET)
    tolerance: float | None = value(_TOLERANCE, default=strawberry.UNSET)
    accepted_texts: list[str] | None = value(_TEXTS, default=strawberry.UNSET)


@graph_input
class DeleteQuizQuestionInput(MutationInput):
    """Which question to take away."""

    quiz_question_id: strawberry.ID = value("The question.")
    version: int = value(_VERSION)


@graph_input
class ReorderQuizQuestionsInput(MutationInput):
    """All questions of a quiz, in the order they shall have."""

    quiz_id: strawberry.ID = value("The quiz. Its course must not be archived.")
    version: int = value("The quiz's version that was read. When it has changed, the answer is CONFLICT.")
    quiz_question_ids: list[strawberry.ID] = value(
        f"Every question of the quiz once, at most {MOST_QUESTIONS}."
    )


@graph_type
class CreateQuizQuestionPayload(Payload):
    """The question that was created."""

    quiz_question: QuizQuestion | None = leaf("The new question.")


@graph_type
class UpdateQuizQuestionPayload(Payload):
    """The question that was changed."""

    quiz_question: QuizQuestion | None = leaf("The question as it is now.")


@graph_type
class DeleteQuizQuestionPayload(Payload):
    """The quiz whose question is gone."""

    quiz: Quiz | None = leaf("The quiz as it is now.")


@graph_type
class ReorderQuizQuestionsPayload(Payload):
    """The quiz whose questions were put into order."""

    quiz: Quiz | None = leaf("The quiz as it is now.")


async def _create(
    info: Info,
    given: Annotated[
        CreateQuizQuestionInput, strawberry.argument(name="input", description="The new question.")
    ],
) -> Written:
    quiz_id = info.context.open_id(NodeKind.QUIZ, given.quiz_id, "quizId")
    draft = QuestionDraft(
        kind=given.kind,
        prompt=given.prompt,
        points=given.points,
        options=given.options,
        correct_choices=given.correct_choices,
        is_true=given.is_true,
        correct_number=given.correct_number,
        tolerance=given.tolerance,
        accepted_texts=given.accepted_texts,
    )
    return Written(await quiz_question.create(info.context.work, quiz_id, draft))


async def _update(
    info: Info,
    given: Annotated[
        UpdateQuizQuestionInput, strawberry.argument(name="input", description="What to change.")
    ],
) -> Written:
    id_ = info.context.open_id(NodeKind.QUIZ_QUESTION, given.id, "id")
    changes = QuestionChanges(
        prompt=required(given.prompt, "prompt"),
        points=required(given.points, "points"),
        options=required(given.options, "options"),
        correct_choices=required(given.correct_choices, "correctChoices"),
        is_true=optional(given.is_true),
        correct_number=optional(given.correct_number),
        tolerance=optional(given.tolerance),
        accepted_texts=required(given.accepted_texts, "acceptedTexts"),
    )
    return Written(await quiz_question.update(info.context.work, id_, changes, version=given.version))


async def _delete(
    info: Info,
    given: Annotated[
        DeleteQuizQuestionInput, strawberry.argument(name="input", description="Which question.")
    ],
) -> Arranged:
    id_ = info.context.open_id(NodeKind.QUIZ_QUESTION, given.quiz_question_id, "quizQuestionId")
    return Arranged(await quiz_question.delete(info.context.work, id_, version=given.version))


async def _reorder(
    info: Info,
    given: Annotated[ReorderQuizQuestionsInput, strawberry.argument(name="input", description="The order.")],
) -> Arranged:
    context = info.context
    quiz_id = context.open_id(NodeKind.QUIZ, given.quiz_id, "quizId")
    ids = [context.open_id(NodeKind.QUIZ_QUESTION, id_, "quizQuestionIds") for id_ in given.quiz_question_ids]
    return Arranged(await quiz_question.reorder(context.work, quiz_id, ids, version=given.version))


@strawberry.type
class QuizQuestionMutation:
    create_quiz_question: CreateQuizQuestionPayload | None = mutation(
        _create, "Add a question to a quiz.", requires=Permission.COURSE_WRITE
    )
    update_quiz_question: UpdateQuizQuestionPayload | None = mutation(
        _update, "Change what a question asks, and what is right.", requires=Permission.COURSE_WRITE
    )
    delete_quiz_question: DeleteQuizQuestionPayload | None = mutation(
        _delete, "Take a question out of a quiz.", requires=Permission.COURSE_WRITE
    )
    reorder_quiz_questions: ReorderQuizQuestionsPayload | None = mutation(
        _reorder, "Put the questions of a quiz into another order.", requires=Permission.COURSE_WRITE
    )
