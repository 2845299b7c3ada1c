from typing import Annotated

import msgspec
import strawberry

from harka.graph.context import Info
from harka.graph.enums import Reveal
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.payload import MutationInput, Payload, optional, required
from harka.graph.types.lesson import Lesson
from harka.graph.types.quiz import Quiz
from harka.ids import NodeKind
from harka.learning import quiz
from harka.learning.quiz import QuizChanges, QuizDraft
from harka.repositories.lesson import Lesson as LessonRow
from harka.repositories.quiz import Quiz as QuizRow
from harka.tenancy.permission import Permission

_TITLE = "What it is called: 1 to 200 characters."
_DESCRIPTION = "What a learner should know before: at most 10,000 characters."
_SECONDS = "How long an attempt may take: 10 to 86,400 seconds; null for as long as one likes."
_ATTEMPTS = "How many attempts a person has, in enrollments that ended too: 1 to 100; null for any number."
_PERCENT = "How much of the points passes it: 0 to 100."
_REVEAL = "When learners see which answers are right."
_COMPLETES = (
    "Whether passing it, and nothing else, finishes the lesson for learners, also while no content item "
    "shows it yet. One quiz of a lesson may do so."
)
_SHUFFLES = "Whether each attempt has the options in another order."
_VERSION = "The version that was read. When it has changed since, the answer is CONFLICT."


class Written(msgspec.Struct, frozen=True):
    quiz: QuizRow


class Removed(msgspec.Struct, frozen=True):
    lesson: LessonRow


@graph_input
class CreateQuizInput(MutationInput):
    """A new quiz of a lesson, without questions. Learners see it once a content item shows it."""

    lesson_id: strawberry.ID = value("The lesson. Its course must not be archived.")
    title: str = value(_TITLE)
    description: str = value(_DESCRIPTION, default="")
    time_limit_seconds: int | None = value(_SECONDS, default=None)
    allowed_attempts: int | None = value(_ATTEMPTS, default=None)
    pass_percent: int = value(_PERCENT, default=100)
    reveal: Reveal = value(_REVEAL, default=Reveal.NEVER)
    completes_lesson: bool = value(_COMPLETES, default=False)
    shuffles_options: bool = value(_SHUFFLES, default=True)


@graph_input
class UpdateQuizInput(MutationInput):
    """What to change of a quiz. What is omitted stays as it is; attempts that are begun keep their time."""

    id: strawberry.ID = value("The quiz.")
    version: int = value(_VERSION)
    title: str | None = value(_TITLE, default=strawberry.UNSET)
    description: str | None = value(_DESCRIPTION, default=strawberry.UNSET)
    time_limit_seconds: int | None = value(_SECONDS, default=strawberry.UNSET)
    allowed_attempts: int | None = value(_ATTEMPTS, default=strawberry.UNSET)
    pass_percent: int | None = value(_PERCENT, default=strawberry.UNSET)
    reveal: Reveal | None = value(_REVEAL, default=strawberry.UNSET)
    completes_lesson: bool | None = value(_COMPLETES, default=strawberry.UNSET)
    shuffles_options: bool | None = value(_SHUFFLES, default=strawberry.UNSET)


@graph_input
class DeleteQuizInput(MutationInput):
    """Which quiz to take away."""

    quiz_id: strawberry.ID = value("The quiz.")
    version: int = value(_VERSION)
    with_attempts: bool = value(
        "Whether the attempts of learners may go too; without, a quiz that was begun is CONFLICT.",
        default=False,
    )


@graph_type
class CreateQuizPayload(Payload):
    """The quiz that was created."""

    quiz: Quiz | None = leaf("The new quiz.")


@graph_type
class UpdateQuizPayload(Payload):
    """The quiz that was changed."""

    quiz: Quiz | None = leaf("The quiz as it is now.")


@graph_type
class DeleteQuizPayload(Payload):
    """The lesson whose quiz is gone."""

    lesson: Lesson | None = leaf("The lesson as it is now.")


async def _create(
    info: Info,
    given: Annotated[CreateQuizInput, strawberry.argument(name="input", description="The new quiz.")],
) -> Written:
    lesson_id = info.context.open_id(NodeKind.LESSON, given.lesson_id, "lessonId")
    draft = QuizDraft(
        title=given.title,
        description=given.description,
        time_limit_seconds=given.time_limit_seconds,
        allowed_attempts=given.allowed_attempts,
        pass_percent=given.pass_percent,
        reveal=given.reveal,
        completes_lesson=given.completes_lesson,
        shuffles_options=given.shuffles_options,
    )
    return Written(await quiz.create(info.context.work, lesson_id, draft))


async def _update(
    info: Info,
    given: Annotated[UpdateQuizInput, strawberry.argument(name="input", description="What to change.")],
) -> Written:
    id_ = info.context.open_id(NodeKind.QUIZ, given.id, "id")
    changes = QuizChanges(
        title=required(given.title, "title"),
        description=required(given.description, "description"),
        time_limit_seconds=optional(given.time_limit_seconds),
        allowed_attempts=optional(given.allowed_attempts),
        pass_percent=required(given.pass_percent, "passPercent"),
        reveal=required(given.reveal, "reveal"),
        completes_lesson=required(given.completes_lesson, "completesLesson"),
        shuffles_options=required(given.shuffles_options, "shufflesOptions"),
    )
    return Written(await quiz.update(info.context.work, id_, changes, version=given.version))


async def _delete(
    info: Info,
    given: Annotated[DeleteQuizInput, strawberry.argument(name="input", description="Which quiz.")],
) -> Removed:
    id_ = info.context.open_id(NodeKind.QUIZ, given.quiz_id, "quizId")
    touched = await quiz.delete(
        info.context.work, id_, version=given.version, with_attempts=given.with_attempts
    )
    return Removed(touched)


@strawberry.type
class QuizMutation:
    create_quiz: CreateQuizPayload | None = mutation(
        _create, "Add a quiz to a lesson.", requires=Permission.COURSE_WRITE
    )
    update_quiz: UpdateQuizPayload | None = mutation(
        _update, "Change what a quiz is called, allows and reveals.", requires=Permission.COURSE_WRITE
    )
    delete_quiz: DeleteQuizPayload | None = mutation(
        _delete,
        "Take a quiz out of its lesson, with its questions and the content item that shows it.",
        requires=Permission.COURSE_WRITE,
    )
