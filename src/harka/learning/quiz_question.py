"""What quizzes ask, and what is right: for those who write courses, and for nobody else."""

import math
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from harka import clock
from harka.errors import ConflictError, NotFoundError, ValidationError
from harka.ids import new_id
from harka.learning import course, lesson, quiz
from harka.learning.outline import accept_order, no_order
from harka.learning.quiz_grading import LONGEST_ANSWER, QuestionKind
from harka.learning.text import accept_line, accept_text
from harka.learning.work import UnitOfWork
from harka.repositories import quiz_question as questions
from harka.repositories.quiz import Quiz
from harka.repositories.quiz_question import QuizQuestion
from harka.rows import ByKey, Grouped
from harka.tenancy.permission import Permission

MOST_QUESTIONS: Final = 200
"""Of one quiz."""
LONGEST_PROMPT: Final = 5000
LONGEST_OPTION: Final = 500
FEWEST_OPTIONS: Final = 2
MOST_OPTIONS: Final = 20
MOST_TEXTS: Final = 20
MOST_POINTS: Final = 1000


class QuestionDraft(msgspec.Struct, frozen=True, kw_only=True):
    """`kind`: a `QuestionKind`. For the rest see `QuizQuestion`."""

    kind: str
    prompt: str
    points: int = 1
    options: list[str] = []
    correct_choices: list[int] = []
    is_true: bool | None = None
    correct_number: float | None = None
    tolerance: float | None = None
    accepted_texts: list[str] = []


class QuestionChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What is UNSET stays as it is."""

    prompt: str | UnsetType = UNSET
    points: int | UnsetType = UNSET
    options: list[str] | UnsetType = UNSET
    correct_choices: list[int] | UnsetType = UNSET
    is_true: bool | UnsetType | None = UNSET
    correct_number: float | UnsetType | None = UNSET
    tolerance: float | UnsetType | None = UNSET
    accepted_texts: list[str] | UnsetType = UNSET


async def find_many(work: UnitOfWork, ids: Sequence[UUID]) -> ByKey[QuizQuestion]:
    """By id. Raise `ForbiddenError` for who does not write courses."""
    work.context.require(Permission.COURSE_WRITE)
    return ByKey(await questions.find_by_ids(work.session, ids))


async def by_quiz(work: UnitOfWork, quiz_ids: Sequence[UUID]) -> Grouped[QuizQuestion]:
    """In order; quizzes without any are left out. Raise `ForbiddenError` like `find_many`."""
    work.context.require(Permission.COURSE_WRITE)
    return Grouped(await questions.find_by_quizzes(work.session, quiz_ids), "quiz_id")


async def create(work: UnitOfWork, quiz_id: UUID, draft: QuestionDraft) -> QuizQuestion:
    """A new question behind the others. The quiz has a new version; attempts that are begun stay as they are.

    Raise `ValidationError`; `NotFoundError`; `ConflictError` for an archived course, here and below.
    """
    work.context.require(Permission.COURSE_WRITE)
    now = clock.now()
    made = _accepted(
        QuizQuestion(
            **msgspec.structs.asdict(draft),
            id=new_id(),
            quiz_id=quiz_id,
            position=0,
            created_at=now,
            updated_at=now,
            version=1,
        )
    )
    await quiz.touch(work, quiz_id)
    place = await questions.count(work.session, quiz_id)
    if place >= MOST_QUESTIONS:
        raise ValidationError(f"A quiz has at most {MOST_QUESTIONS} questions.", field="quizId")
    placed: QuizQuestion = msgspec.structs.replace(made, position=place)
    await questions.insert(work.session, placed)
    return placed


async def update(work: UnitOfWork, id_: UUID, changes: QuestionChanges, *, version: int) -> QuizQuestion:
    """Change what `changes` names. Raise `ConflictError` when the question is of another version."""
    work.context.require(Permission.COURSE_WRITE)
    before = await _require(work, id_)
    if before.version != version:
        raise ConflictError
    given = {name: value for name, value in msgspec.structs.asdict(changes).items() if value is not UNSET}
    accepted = _accepted(msgspec.structs.replace(before, **given))
    known = await quiz.require(work, before.quiz_id)
    held = await course.hold(work, (await lesson.require(work, known.lesson_id)).course_id)
    changed = await questions.update(work.session, accepted)
    if changed is None:
        raise ConflictError
    quiz.tell(work, known.id, held.id)
    return changed


async def reorder(work: UnitOfWork, quiz_id: UUID, ids: Sequence[UUID], *, version: int) -> Quiz:
    """Put all questions of a quiz into this order. `version`: that of the quiz as the author read it.

    Raise `ValidationError` for anything but all of them, and `ConflictError`.
    """
    work.context.require(Permission.COURSE_WRITE)
    accept_order(ids, "quizQuestionIds", most=MOST_QUESTIONS)
    await quiz.touch(work, quiz_id, version=version)
    if not await questions.reorder(work.session, quiz_id, ids):
        raise no_order("quizQuestionIds")
    return await quiz.require(work, quiz_id)


async def delete(work: UnitOfWork, id_: UUID, *, version: int) -> Quiz:
    """Take a question away. Answers its quiz, which has a new version."""
    work.context.require(Permission.COURSE_WRITE)
    before = await _require(work, id_)
    await quiz.touch(work, before.quiz_id)
    if not await questions.delete(work.session, id_, version):
        await _require(work, id_)
        raise ConflictError
    return await quiz.require(work, before.quiz_id)


async def _require(work: UnitOfWork, id_: UUID) -> QuizQuestion:
    found = await questions.find_by_ids(work.session, [id_])
    if not found:
        raise NotFoundError("There is no such question here.")
    return found[0]


def _accepted(question: QuizQuestion) -> QuizQuestion:
    """As it is stored. Raise `ValidationError`."""
    if question.kind not in _KINDS:
        raise ValidationError("There is no such kind of question.", field="kind")
    if not 1 <= question.points <= MOST_POINTS:
        raise ValidationError(f"Points are between 1 and {MOST_POINTS}.", field="points")
    prompt = accept_text(question.prompt, "prompt", longest=LONGEST_PROMPT)
    if not prompt:
        raise ValidationError("A question must not be empty.", field="prompt")
    options = _accept_options(question)
    _accept_choices(question, options)
    if (question.is_true is not None) != (question.kind == QuestionKind.TRUE_FALSE):
        raise ValidationError("Only a true or false question has one, and needs it.", field="isTrue")
    tolerance = _accept_number(question)
    return msgspec.structs.replace(
        question,
        kind=str(question.kind),
        prompt=prompt,
        options=options,
        correct_choices=sorted(question.correct_choices),
        tolerance=tolerance,
        accepted_texts=_accept_texts(question),
    )


def _accept_options(question: QuizQuestion) -> list[str]:
    options = [
        accept_line(each, f"options.{place}", longest=LONGEST_OPTION)
        for place, each in enumerate(question.options[: MOST_OPTIONS + 1])
    ]
    if question.kind not in _CHOSEN:
        if options:
            raise ValidationError("A question of this kind has no options.", field="options")
        return []
    if not FEWEST_OPTIONS <= len(options) <= MOST_OPTIONS or len(set(options)) != len(options):
        raise ValidationError(
            f"There are {FEWEST_OPTIONS} to {MOST_OPTIONS} options, all different.", field="options"
        )
    return options


def _accept_choices(question: QuizQuestion, options: Sequence[str]) -> None:
    choices = question.correct_choices
    if question.kind not in _CHOSEN:
        if choices:
            raise ValidationError("A question of this kind has no options.", field="correctChoices")
        return
    distinct = len(choices) <= len(options) and len(set(choices)) == len(choices)
    if not choices or not distinct or any(not 0 <= each < len(options) for each in choices):
        raise ValidationError("Name those of the options that are right, each once.", field="correctChoices")
    if question.kind == QuestionKind.SINGLE and len(choices) != 1:
        raise ValidationError("One option is right.", field="correctChoices")


def _accept_number(question: QuizQuestion) -> float | None:
    """The tolerance: of a number 0 when nobody said."""
    number, tolerance = question.correct_number, question.tolerance
    if question.kind != QuestionKind.NUMERIC:
        if number is not None or tolerance is not None:
            given = "tolerance" if number is None else "correctNumber"
            raise ValidationError("Only a question for a number has one.", field=given)
        return None
    if number is None or not math.isfinite(number):
        raise ValidationError("Say which number is right.", field="correctNumber")
    if tolerance is not None and not 0 <= tolerance < math.inf:
        raise ValidationError("This must be 0 or more.", field="tolerance")
    return tolerance or 0.0


def _accept_texts(question: QuizQuestion) -> list[str]:
    texts = [
        accept_line(each, f"acceptedTexts.{place}", longest=LONGEST_ANSWER)
        for place, each in enumerate(question.accepted_texts[: MOST_TEXTS + 1])
    ]
    if question.kind != QuestionKind.SHORT:
        if texts:
            raise ValidationError("Only a question for a short text has them.", field="acceptedTexts")
        return []
    if not 1 <= len(texts) <= MOST_TEXTS:
        raise ValidationError(f"There are 1 to {MOST_TEXTS} of them.", field="acceptedTexts")
    return texts


_KINDS: Final = frozenset(QuestionKind)
_CHOSEN: Final = frozenset({QuestionKind.SINGLE, QuestionKind.MULTIPLE})
