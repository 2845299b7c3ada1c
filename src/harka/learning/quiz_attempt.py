"""Learners at quizzes: attempts keep the questions as they were at the start, and are graded here alone."""

import enum
from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec

from harka import clock
from harka.errors import AttemptExpiredError, ConflictError, NoAttemptLeftError, NotFoundError
from harka.ids import new_id
from harka.learning import progress, unlock, visibility
from harka.learning.moment import has_passed
from harka.learning.progress import ProgressEntry, Recorded
from harka.learning.quiz import no_quiz
from harka.learning.quiz_grading import Answer, accept_answers, grade
from harka.learning.quiz_sheet import AskedQuestion, asked_of, shown, written, written_answers
from harka.learning.work import UnitOfWork
from harka.repositories import progress as progresses
from harka.repositories import quiz as quizzes
from harka.repositories import quiz_attempt as attempts
from harka.repositories import quiz_attempt_list as lists
from harka.repositories import quiz_question as questions
from harka.repositories.enrollment import Enrollment
from harka.repositories.event import EventType
from harka.repositories.page import OLDEST_FIRST, Order, Position
from harka.repositories.progress import Target
from harka.repositories.quiz import Quiz
from harka.repositories.quiz_attempt import QuizAttempt, Submission
from harka.repositories.quiz_attempt_list import ALL, QuizAttemptFilter
from harka.repositories.scope import Scope
from harka.rows import ByKey, Grouped
from harka.tenancy.permission import Permission

GRACE: Final = timedelta(seconds=30)
"""How long after its end an attempt is still taken: answers are on their way for a while."""
MOST_ATTEMPTS: Final = 1000
"""Of a person at a quiz that allows any number."""
_NOWHERE: Final = UUID(int=0)


class AttemptState(enum.StrEnum):
    IN_PROGRESS = "in_progress"
    SUBMITTED = "submitted"
    EXPIRED = "expired"


class Started(msgspec.Struct, frozen=True):
    """`created`: False for one that was begun before and is not over."""

    attempt: QuizAttempt
    created: bool


class Submitted(msgspec.Struct, frozen=True):
    """`changed`: False for what was graded already. `completed`: whether this completed the course."""

    attempt: QuizAttempt
    enrollment: Enrollment
    changed: bool
    completed: bool


def state_of(attempt: QuizAttempt) -> AttemptState:
    if attempt.submitted_at is not None:
        return AttemptState.SUBMITTED
    ends_at = attempt.ends_at
    is_late = ends_at is not None and has_passed(ends_at + GRACE)
    return AttemptState.EXPIRED if is_late else AttemptState.IN_PROGRESS


async def find_many(work: UnitOfWork, ids: Sequence[UUID]) -> ByKey[QuizAttempt]:
    """By id, those of enrollments the reader may see."""
    scope = visibility.of_enrollments(work.context)
    return ByKey(await attempts.find_visible(work.session, scope, ids))


async def page_of_enrollment(
    work: UnitOfWork,
    enrollment_id: UUID,
    only: QuizAttemptFilter = ALL,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
) -> Sequence[QuizAttempt]:
    """The next `first` of an enrollment that match and that the reader may see, in the order."""
    return await lists.page_of_enrollment(
        work.session, _asked(work, only), enrollment_id, after=after, first=first, order=order
    )


async def pages_by_enrollment(
    work: UnitOfWork,
    enrollment_ids: Sequence[UUID],
    only: QuizAttemptFilter = ALL,
    *,
    first: int,
    order: Order = OLDEST_FIRST,
) -> Grouped[QuizAttempt]:
    """The first `first` of each enrollment, in the order; those without any to see are left out."""
    found = await lists.first_of_enrollments(
        work.session, _asked(work, only), enrollment_ids, first=first, order=order
    )
    return Grouped(found, "enrollment_id")


async def count_by_enrollment(
    work: UnitOfWork, enrollment_ids: Sequence[UUID], only: QuizAttemptFilter = ALL
) -> dict[UUID, int]:
    """Those without any to see are left out."""
    return await lists.count_of_enrollments(work.session, _asked(work, only), enrollment_ids)


async def page_of_quiz(
    work: UnitOfWork,
    quiz_id: UUID,
    only: QuizAttemptFilter = ALL,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
) -> Sequence[QuizAttempt]:
    """The next `first` at a quiz that match and that the reader may see, in the order."""
    return await lists.page_of_quiz(
        work.session, _asked(work, only), quiz_id, after=after, first=first, order=order
    )


async def pages_by_quiz(
    work: UnitOfWork,
    quiz_ids: Sequence[UUID],
    only: QuizAttemptFilter = ALL,
    *,
    first: int,
    order: Order = OLDEST_FIRST,
) -> Grouped[QuizAttempt]:
    """The first `first` at each quiz, in the order; those without any to see are left out."""
    found = await lists.first_of_quizzes(work.session, _asked(work, only), quiz_ids, first=first, order=order)
    return Grouped(found, "quiz_id")


async def count_by_quiz(
    work: UnitOfWork, quiz_ids: Sequence[UUID], only: QuizAttemptFilter = ALL
) -> dict[UUID, int]:
    """Those without any to see are left out."""
    return await lists.count_of_quizzes(work.session, _asked(work, only), quiz_ids)


async def best_by_enrollment(work: UnitOfWork, enrollment_ids: Sequence[UUID]) -> Grouped[QuizAttempt]:
    """The best submitted one at each quiz, of equal ones the first."""
    scope = visibility.of_enrollments(work.context)
    return Grouped(await attempts.best_of_enrollments(work.session, scope, enrollment_ids), "enrollment_id")


async def questions_by_attempt(work: UnitOfWork, ids: Sequence[UUID]) -> dict[UUID, list[AskedQuestion]]:
    """What attempts ask, in order; what is right is for authors, and for others when the quiz says so."""
    scope = visibility.of_enrollments(work.context)
    found = await attempts.sheets(work.session, scope, ids, over_before=clock.now() - GRACE)
    is_author = work.context.allows(Permission.COURSE_WRITE)
    return {each.attempt_id: shown(each, told=is_author or each.is_revealed) for each in found}


async def start(work: UnitOfWork, *, enrollment_id: UUID, quiz_id: UUID) -> Started:
    """Begin an attempt, or go on with the one that is begun: there is one at a time.

    Raise `NotFoundError` for an enrollment that is absent or somebody else's, and for a quiz that its course
    does not show; `LessonLockedError`; `NoAttemptLeftError`; `ConflictError` for a withdrawn or expired
    enrollment and for a quiz without questions.
    """
    work.context.require(Permission.PROGRESS_WRITE)
    quiz, target = await _held(work, enrollment_id, quiz_id)
    latest, made = await attempts.latest(work.session, enrollment_id, quiz_id)
    if latest is not None and state_of(latest) == AttemptState.IN_PROGRESS:
        return Started(latest, created=False)
    # of the person: leaving a course and coming again gives nobody more
    if made >= (quiz.allowed_attempts or MOST_ATTEMPTS):
        raise NoAttemptLeftError(field="quizId")
    found = await questions.find_by_quizzes(work.session, [quiz_id])
    if not found:
        raise ConflictError("This quiz has no questions yet.", field="quizId")
    number = 1 if latest is None else latest.number + 1
    attempt = _attempt(quiz, target.enrollment, number, points=sum(each.points for each in found))
    await attempts.insert(work.session, attempt, written(found, shuffled=quiz.shuffles_options))
    # the lesson is begun
    entry = ProgressEntry(enrollment_id=enrollment_id, lesson_id=quiz.lesson_id, fraction=0)
    await progresses.advance(work.session, [progress.row_of(entry)])
    return Started(attempt, created=True)


async def submit(work: UnitOfWork, id_: UUID, answers: Sequence[Answer]) -> Submitted:
    """Grade an attempt, once: saying it again answers what came of it first.

    Raise `ValidationError`; `NotFoundError` for an attempt that is absent or somebody else's;
    `AttemptExpiredError`; `ConflictError` for a withdrawn or expired enrollment.
    """
    work.context.require(Permission.PROGRESS_WRITE)
    found = await attempts.find_submission(work.session, id_)
    if found is None:
        raise _no_attempt()
    attempt = found.attempt
    scope = visibility.to_change(work.context)
    target = await progresses.lock_target(work.session, scope, attempt.enrollment_id, found.lesson_id)
    if target is None or not progress.may_write(work, target.enrollment):
        raise _no_attempt()
    if attempt.submitted_at is None:
        graded = await _graded(work, found, target.enrollment, answers)
        if graded is not None:
            whom, course_id = target.enrollment.user_id, target.enrollment.course_id
            work.record(EventType.QUIZ_ATTEMPT_SUBMITTED, id_, user_id=whom, course_id=course_id)
            done = await _finish_lesson(work, found, graded, target.enrollment)
            enrollment = target.enrollment if done is None else done.enrollment
            return Submitted(graded, enrollment, changed=True, completed=done is not None and done.completed)
        # somebody else did, while this waited for the enrollment
        attempt = (await attempts.find_visible(work.session, Scope(everything=True), [id_]))[0]
    return Submitted(attempt, target.enrollment, changed=False, completed=False)


def _asked(work: UnitOfWork, only: QuizAttemptFilter) -> lists.Asked:
    scope = visibility.of_enrollments(work.context)
    return lists.Asked(scope=scope, over_before=clock.now() - GRACE, only=only)


async def _held(work: UnitOfWork, enrollment_id: UUID, quiz_id: UUID) -> tuple[Quiz, Target]:
    """A quiz that is shown, kept, and the enrollment, held, that may begin it. Raise when it may not.

    The enrollment comes first: to who may not write it, a quiz that is there and one that is not look alike.
    """
    found = await quizzes.find_by_ids(work.session, [quiz_id])
    quiz = found[0] if found and found[0].is_shown else None
    lesson_id = _NOWHERE if quiz is None else quiz.lesson_id
    scope = visibility.to_change(work.context)
    target = await progresses.lock_target(work.session, scope, enrollment_id, lesson_id)
    if target is None:
        raise progress.no_enrollment()
    progress.require_open(work, target.enrollment)
    if quiz is None or not target.has_lesson:
        raise no_quiz("quizId")
    if target.guarded is not None:
        await unlock.require_unlocked(work, enrollment_id, target.guarded, field="quizId")
    if not await quizzes.keep(work.session, quiz_id):
        raise no_quiz("quizId")
    return quiz, target


def _attempt(quiz: Quiz, enrollment: Enrollment, number: int, *, points: int) -> QuizAttempt:
    now, seconds = clock.now(), quiz.time_limit_seconds
    return QuizAttempt(
        id=new_id(),
        quiz_id=quiz.id,
        enrollment_id=enrollment.id,
        number=number,
        started_at=now,
        ends_at=None if seconds is None else now + timedelta(seconds=seconds),
        submitted_at=None,
        pass_percent=quiz.pass_percent,
        points=points,
        earned=None,
        percent=None,
        passed=None,
        created_at=now,
        updated_at=now,
        version=1,
    )


async def _graded(
    work: UnitOfWork, found: Submission, enrollment: Enrollment, answers: Sequence[Answer]
) -> QuizAttempt | None:
    """None: it is graded already."""
    progress.require_open(work, enrollment)
    if state_of(found.attempt) == AttemptState.EXPIRED:
        raise AttemptExpiredError(field="quizAttemptId")
    asked = asked_of(found.questions)
    accepted = accept_answers(asked, answers)
    marks = grade(asked, accepted, pass_percent=found.attempt.pass_percent)
    return await attempts.grade(
        work.session,
        found.attempt.id,
        submitted_at=clock.now(),
        earned=marks.earned,
        percent=marks.percent,
        passed=marks.passed,
        answers=written_answers(accepted.values()),
    )


async def _finish_lesson(
    work: UnitOfWork, found: Submission, graded: QuizAttempt, before: Enrollment
) -> Recorded | None:
    """Where passing does so; None where it does not. `before`: held."""
    if not (graded.passed and found.completes_lesson):
        return None
    row = progress.row_of(
        ProgressEntry(enrollment_id=before.id, lesson_id=found.lesson_id, fraction=1.0, score=graded.percent)
    )
    advanced = await progresses.advance(work.session, [row])
    return await progress.recorded(work, row, advanced[0] if advanced else None, before)


def _no_attempt() -> NotFoundError:
    return NotFoundError("There is no such attempt here.", field="quizAttemptId")
