"""Quizzes of lessons. Learners see those that an item of a lesson shows, once the lesson is open for them."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from harka import clock
from harka.errors import ConflictError, NotFoundError, ValidationError
from harka.ids import new_id
from harka.learning import content, course, lesson, reading, visibility
from harka.learning.text import LONGEST_DESCRIPTION, LONGEST_TITLE, accept_line, accept_text
from harka.learning.work import UnitOfWork
from harka.repositories import assignment as assignments
from harka.repositories import quiz as quizzes
from harka.repositories.event import EventType
from harka.repositories.lesson import Lesson
from harka.repositories.quiz import Quiz, Reveal
from harka.rows import ByKey, Grouped
from harka.tenancy.permission import Permission

MOST_QUIZZES: Final = 20
"""Of one lesson."""
SHORTEST_TIME: Final = 10
"""Seconds, as the next."""
LONGEST_TIME: Final = 86_400
MOST_ATTEMPTS: Final = 100
"""That a quiz may allow, if it does not allow any number."""
WHOLE: Final = 100
"""Percent."""


class QuizDraft(msgspec.Struct, frozen=True, kw_only=True):
    """See `Quiz`. `reveal`: a `Reveal`."""

    title: str
    description: str = ""
    time_limit_seconds: int | None = None
    allowed_attempts: int | None = None
    pass_percent: int = WHOLE
    reveal: str = Reveal.NEVER
    completes_lesson: bool = False
    shuffles_options: bool = True


class QuizChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What is UNSET stays as it is."""

    title: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    time_limit_seconds: int | UnsetType | None = UNSET
    allowed_attempts: int | UnsetType | None = UNSET
    pass_percent: int | UnsetType = UNSET
    reveal: str | UnsetType = UNSET
    completes_lesson: bool | UnsetType = UNSET
    shuffles_options: bool | UnsetType = UNSET


async def find_many(work: UnitOfWork, ids: Sequence[UUID]) -> ByKey[Quiz]:
    """By id, those the reader may see."""
    visibility.of_courses(work.context)
    return ByKey(await _visible(work, await quizzes.find_by_ids(work.session, ids)))


async def by_lesson(work: UnitOfWork, lesson_ids: Sequence[UUID]) -> Grouped[Quiz]:
    """Those the reader may see, oldest first; lessons without any are left out."""
    readable = await reading.readable(work, lesson_ids)
    found = await quizzes.find_by_lessons(work.session, readable) if readable else []
    return Grouped(await _visible(work, found, readable), "lesson_id")


async def create(work: UnitOfWork, lesson_id: UUID, draft: QuizDraft) -> Quiz:
    """A quiz without questions, which nobody but authors sees until an item of the lesson shows it.

    Raise `ValidationError`; `NotFoundError`; `ConflictError` for an archived course, here and below.
    """
    work.context.require(Permission.COURSE_WRITE)
    now = clock.now()
    made = _accepted(
        Quiz(
            **msgspec.structs.asdict(draft),
            id=new_id(),
            lesson_id=lesson_id,
            is_shown=False,
            question_count=0,
            points=0,
            created_at=now,
            updated_at=now,
            version=1,
        )
    )
    held = await course.hold(work, (await lesson.require(work, lesson_id)).course_id)
    beside = await quizzes.find_by_lessons(work.session, [lesson_id])
    if len(beside) >= MOST_QUIZZES:
        raise ValidationError(f"A lesson has at most {MOST_QUIZZES} quizzes.", field="lessonId")
    await _require_one_to_complete(work, made, beside)
    await quizzes.insert(work.session, made)
    work.record(EventType.QUIZ_CREATED, made.id, course_id=held.id)
    return made


async def update(work: UnitOfWork, id_: UUID, changes: QuizChanges, *, version: int) -> Quiz:
    """Change what `changes` names; attempts that are begun keep their time and what passes them.

    Raise `ConflictError` when the quiz is of another version.
    """
    work.context.require(Permission.COURSE_WRITE)
    before = await require(work, id_)
    if before.version != version:
        raise ConflictError
    given = {name: value for name, value in msgspec.structs.asdict(changes).items() if value is not UNSET}
    wanted = _accepted(msgspec.structs.replace(before, **given))
    held = await course.hold(work, (await lesson.require(work, before.lesson_id)).course_id)
    beside = await quizzes.find_by_lessons(work.session, [before.lesson_id])
    await _require_one_to_complete(work, wanted, beside)
    if not await quizzes.update(work.session, wanted):
        raise ConflictError
    work.record(EventType.QUIZ_UPDATED, id_, course_id=held.id, fields=given)
    return await require(work, id_)


async def delete(work: UnitOfWork, id_: UUID, *, version: int, with_attempts: bool = False) -> Lesson:
    """Take a quiz away, and the item that shows it. Answers its lesson, which has a new version.

    What learners have begun goes only `with_attempts`: without, raise `ConflictError`.
    """
    work.context.require(Permission.COURSE_WRITE)
    before = await require(work, id_)
    touched = await content.touch(work, before.lesson_id)
    if not await quizzes.delete(
        work.session, visibility.to_change(work.context), id_, version, with_attempts=with_attempts
    ):
        if (await require(work, id_)).version != version:
            raise ConflictError
        if with_attempts:
            raise ConflictError("Learners beyond your groups have attempts at this quiz: it stays.")
        raise ConflictError("Learners have attempts at this quiz: say that they may go too.")
    work.record(EventType.QUIZ_DELETED, id_, course_id=touched.course_id)
    return touched


async def touch(work: UnitOfWork, id_: UUID, *, version: int | None = None) -> None:
    """A quiz whose list of questions is about to change: of a new version, in a course that is held."""
    known = await require(work, id_)
    held = await course.hold(work, (await lesson.require(work, known.lesson_id)).course_id)
    if not await quizzes.touch(work.session, id_, version):
        await require(work, id_)
        raise ConflictError
    tell(work, id_, held.id)


def tell(work: UnitOfWork, id_: UUID, course_id: UUID) -> None:
    """What a quiz asks is other than it was."""
    work.record(EventType.QUIZ_UPDATED, id_, course_id=course_id, fields=["questions"])


async def require(work: UnitOfWork, id_: UUID) -> Quiz:
    """Whoever may see it. Raise `NotFoundError`."""
    found = await quizzes.find_by_ids(work.session, [id_])
    if not found:
        raise no_quiz()
    return found[0]


def no_quiz(field: str | None = None) -> NotFoundError:
    return NotFoundError("There is no such quiz here.", field=field)


async def _visible(
    work: UnitOfWork, found: Sequence[Quiz], readable: Sequence[UUID] | None = None
) -> Sequence[Quiz]:
    """`readable`: the lessons that may be read; None when nobody has asked yet."""
    if visibility.of_courses(work.context).everything or not found:
        return found
    shown = [each for each in found if each.is_shown]
    if readable is None:
        readable = await reading.readable(work, list({each.lesson_id for each in shown}))
    allowed = set(readable)
    return [each for each in shown if each.lesson_id in allowed]


async def _require_one_to_complete(work: UnitOfWork, wanted: Quiz, beside: Sequence[Quiz]) -> None:
    if not wanted.completes_lesson:
        return
    if any(each.completes_lesson for each in beside if each.id != wanted.id):
        raise ValidationError("Another quiz completes this lesson already.", field="completesLesson")
    handed_in = await assignments.find_by_lessons(work.session, [wanted.lesson_id])
    if any(each.completes_lesson for each in handed_in):
        raise ValidationError("An assignment completes this lesson already.", field="completesLesson")


def _accepted(quiz: Quiz) -> Quiz:
    """As it is stored. Raise `ValidationError`."""
    seconds, attempts = quiz.time_limit_seconds, quiz.allowed_attempts
    if seconds is not None and not SHORTEST_TIME <= seconds <= LONGEST_TIME:
        raise ValidationError(
            f"Seconds are between {SHORTEST_TIME} and {LONGEST_TIME}.", field="timeLimitSeconds"
        )
    if attempts is not None and not 1 <= attempts <= MOST_ATTEMPTS:
        raise ValidationError(f"Attempts are between 1 and {MOST_ATTEMPTS}.", field="allowedAttempts")
    if not 0 <= quiz.pass_percent <= WHOLE:
        raise ValidationError(f"Percent are between 0 and {WHOLE}.", field="passPercent")
    if quiz.reveal not in _REVEALS:
        raise ValidationError("There is no such moment.", field="reveal")
    return msgspec.structs.replace(
        quiz,
        title=accept_line(quiz.title, "title", longest=LONGEST_TITLE),
        description=accept_text(quiz.description, "description", longest=LONGEST_DESCRIPTION),
        reveal=str(quiz.reveal),
    )


_REVEALS: Final = frozenset(Reveal)
