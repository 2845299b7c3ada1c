from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from harka import clock
from harka.errors import (
    AssignmentRequiredError,
    ConflictError,
    NotFoundError,
    QuizRequiredError,
    ValidationError,
)
from harka.ids import new_id
from harka.learning import finish, unlock, visibility
from harka.learning.batch import ROWS, batches
from harka.learning.moment import accept_past, has_passed
from harka.learning.outline import LessonKind
from harka.learning.work import UnitOfWork
from harka.repositories import enrollment as enrollments
from harka.repositories import lesson as lessons
from harka.repositories import progress as progresses
from harka.repositories.enrollment import Enrollment, EnrollmentStatus, Held
from harka.repositories.progress import LessonProgress
from harka.rows import ByKey, Grouped
from harka.tenancy.permission import Permission

HIGHEST_SCORE: Final = 100.0
MARKED_BY_OTHERS: Final = frozenset({LessonKind.QUIZ, LessonKind.ASSIGNMENT, LessonKind.EXAM})
"""Of other lessons, what a learner is shown may report a score of its own."""
_DECIMALS: Final = 6


class ProgressEntry(msgspec.Struct, frozen=True, kw_only=True):
    """`fraction`: 0 to 1. `score`: 0 to 100. `occurred_at`: None for now."""

    enrollment_id: UUID
    lesson_id: UUID
    fraction: float
    score: float | None = None
    occurred_at: datetime | None = None


class Recorded(msgspec.Struct, frozen=True):
    """`changed`: False for what was known already. `completed`: whether this completed the course."""

    progress: LessonProgress
    enrollment: Enrollment
    changed: bool
    completed: bool


async def find_many(work: UnitOfWork, ids: Sequence[UUID]) -> ByKey[LessonProgress]:
    """By id, those of enrollments the reader may see."""
    scope = visibility.of_enrollments(work.context)
    return ByKey(await progresses.find_visible(work.session, scope, ids))


async def by_enrollment(work: UnitOfWork, enrollment_ids: Sequence[UUID]) -> Grouped[LessonProgress]:
    """In the order it happened; enrollments without any, or not visible, are left out."""
    scope = visibility.of_enrollments(work.context)
    found = await progresses.find_by_enrollments(work.session, scope, enrollment_ids)
    return Grouped(found, "enrollment_id")


async def record(
    work: UnitOfWork,
    *,
    enrollment_id: UUID,
    lesson_id: UUID,
    fraction: float,
    score: float | None = None,
    occurred_at: datetime | None = None,
) -> Recorded:
    """How far a learner is in a lesson: never backwards, so saying it twice or late does no harm.

    `fraction`: 0 to 1. `score`: 0 to 100. Raise `ValidationError`; `NotFoundError` for an enrollment that is
    absent or somebody else's; `ConflictError` for a withdrawn or expired one; `LessonLockedError`;
    `QuizRequiredError` or `AssignmentRequiredError` for who would finish or mark a lesson that one finishes.
    `ValidationError` for a learner's own mark of an exam, too.
    """
    work.context.require(Permission.PROGRESS_WRITE)
    entry = ProgressEntry(
        enrollment_id=enrollment_id,
        lesson_id=lesson_id,
        fraction=fraction,
        score=score,
        occurred_at=occurred_at,
    )
    row = row_of(entry)
    before = await _lock_one(work, row)
    row = at_possible_moment(row, before)
    advanced = await progresses.advance(work.session, [row])
    return await recorded(work, row, advanced[0] if advanced else None, before)


async def record_many(work: UnitOfWork, entries: Sequence[ProgressEntry]) -> list[Enrollment]:
    """Like `record`, in as many statements as for one, and silently: subscribers hear nothing.

    For what has happened elsewhere, as in an import: it does not matter which modules are open, and what
    is older than its enrollment happened when that began.
    Answers the enrollments whose progress or status changed.
    """
    work.context.require(Permission.PROGRESS_WRITE)
    rows = merged(row_of(entry) for entry in entries)
    changed: dict[UUID, Enrollment] = {}
    # sorted by enrollment, so that locks are taken in one order everywhere, across batches too
    for batch in batches(sorted(rows, key=lambda row: (row.enrollment_id, row.lesson_id))):
        enrolled_at = await _lock_many(work, batch)
        possible = [
            msgspec.structs.replace(row, occurred_at=max(row.occurred_at, enrolled_at[row.enrollment_id]))
            for row in batch
        ]
        advanced = await progresses.advance(work.session, possible)
        touched = sorted({row.enrollment_id for row in advanced})
        if touched:
            recounted = await progresses.recalculate(work.session, touched)
            await finish.follow(work, recounted)
            changed.update((enrollment.id, enrollment) for enrollment in recounted.changed)
    return list(changed.values())


async def recount(work: UnitOfWork, course_id: UUID) -> int:
    """Work out a course's enrollments again, for its lessons as they are now; how many changed."""
    work.context.require(Permission.COURSE_WRITE)
    changed, after = 0, UUID(int=0)
    while ids := await enrollments.lock_of_course(work.session, course_id, after=after, first=ROWS):
        recounted = await progresses.recalculate(work.session, ids)
        await finish.follow(work, recounted)
        changed += len(recounted.changed)
        if len(ids) < ROWS:
            break
        after = ids[-1]
    return changed


async def recorded(
    work: UnitOfWork, row: LessonProgress, written: LessonProgress | None, before: Enrollment
) -> Recorded:
    """What follows from it. `written`: as it is now, when `row` was news. `before`: held."""
    if written is None:
        known = await progresses.find_one(work.session, row.enrollment_id, row.lesson_id)
        return Recorded(known or row, before, changed=False, completed=False)
    recounted = await progresses.recalculate(work.session, [row.enrollment_id])
    after = recounted.changed[0] if recounted.changed else before
    completed = after.status == EnrollmentStatus.COMPLETED and before.status != EnrollmentStatus.COMPLETED
    await finish.follow(work, recounted)
    if completed:
        finish.tell(work, after)
    tell(work, written, after, progress=after.progress)
    return Recorded(written, after, changed=True, completed=completed)


async def _lock_one(work: UnitOfWork, row: LessonProgress) -> Enrollment:
    """The enrollment about to change, held. Raise when it may not change."""
    scope = visibility.to_change(work.context)
    target = await progresses.lock_target(work.session, scope, row.enrollment_id, row.lesson_id)
    if target is None:
        raise no_enrollment()
    enrollment = target.enrollment
    require_open(work, enrollment)
    if not target.has_lesson:
        raise no_lesson()
    if target.guarded is not None:
        await unlock.require_unlocked(work, enrollment.id, target.guarded)
    require_no_verdict(work, row, finished_by=target.finished_by, kind=target.kind)
    return enrollment


async def _lock_many(work: UnitOfWork, rows: Sequence[LessonProgress]) -> dict[UUID, datetime]:
    """Like `_lock_one`, for all of them. Answers when each enrollment began."""
    scope = visibility.to_change(work.context)
    held = await enrollments.lock(work.session, scope, list({row.enrollment_id for row in rows}))
    course_of = {each.id: each.course_id for each in held}
    if any(row.enrollment_id not in course_of for row in rows):
        raise no_enrollment()
    for each in held:
        require_open(work, each)
    taught_in = await lessons.courses_of(work.session, list({row.lesson_id for row in rows}))
    if any(
        (taught := taught_in.get(row.lesson_id)) is None or taught.course_id != course_of[row.enrollment_id]
        for row in rows
    ):
        raise no_lesson()
    return {each.id: each.enrolled_at for each in held}


def at_possible_moment(row: LessonProgress, enrollment: Enrollment | Held) -> LessonProgress:
    """Nobody gets further before they are enrolled: where a clock says so, ours takes its place."""
    if row.occurred_at >= enrollment.enrolled_at:
        return row
    told: LessonProgress = msgspec.structs.replace(row, occurred_at=max(clock.now(), enrollment.enrolled_at))
    return told


def require_open(work: UnitOfWork, enrollment: Enrollment | Held) -> None:
    """Raise unless the actor may write this progress, and the enrollment takes it."""
    if not may_write(work, enrollment):
        # somebody else's reads like one that is absent
        raise no_enrollment()
    if enrollment.status == EnrollmentStatus.WITHDRAWN:
        raise ConflictError("A withdrawn enrollment takes no progress.")
    # by when it is told, not by when it happened, which only the learner's device knows
    if has_passed(enrollment.expires_at):
        raise ConflictError("An expired enrollment takes no progress.")


def may_write(work: UnitOfWork, enrollment: Enrollment | Held) -> bool:
    user = work.context.user
    own = user is not None and user.id == enrollment.user_id
    return own or work.context.allows(Permission.ENROLLMENT_WRITE)


def require_no_verdict(
    work: UnitOfWork, row: LessonProgress, *, finished_by: str | None, kind: str | None
) -> None:
    """Raise for a learner who says done, or marked, of a lesson that a quiz or an assignment finishes.

    Nor do they mark an exam themselves, or the like. Who enrolls people may decide so. For `finished_by` and
    `kind` see `Target`.
    """
    if work.context.allows(Permission.ENROLLMENT_WRITE):
        return
    if finished_by is None:
        if row.score is not None and kind in MARKED_BY_OTHERS:
            raise ValidationError("Nobody marks this lesson themselves.", field="score")
        return
    refused = QuizRequiredError if finished_by == "quiz" else AssignmentRequiredError
    if row.fraction == 1:
        raise refused(field="fraction")
    if row.score is not None:
        raise refused(field="score")


def no_enrollment() -> NotFoundError:
    return NotFoundError("There is no such enrollment here.", field="enrollmentId")


def no_lesson() -> NotFoundError:
    return NotFoundError("There is no such lesson in the course.", field="lessonId")


def row_of(entry: ProgressEntry) -> LessonProgress:
    """As it is written. Raise `ValidationError`."""
    now = clock.now()
    return LessonProgress(
        id=new_id(),
        enrollment_id=entry.enrollment_id,
        lesson_id=entry.lesson_id,
        fraction=_accept_fraction(entry.fraction),
        score=accept_score(entry.score),
        occurred_at=accept_past(entry.occurred_at, "occurredAt"),
        created_at=now,
        updated_at=now,
    )


def _accept_fraction(fraction: float) -> float:
    # written so that NaN fails
    if not 0 <= fraction <= 1:
        raise ValidationError("A fraction is between 0 and 1.", field="fraction")
    # only exactly 1 finishes a lesson: rounding must not
    return float(fraction) if fraction == 1 else min(round(fraction, _DECIMALS), 1 - 10**-_DECIMALS)


def accept_score(score: float | None) -> float | None:
    if score is not None and not 0 <= score <= HIGHEST_SCORE:
        raise ValidationError("A score is between 0 and 100.", field="score")
    return score


def merged(rows: Iterable[LessonProgress]) -> list[LessonProgress]:
    """One row for each enrollment and lesson: what writing the rows one after the other would leave."""
    best: dict[tuple[UUID, UUID], LessonProgress] = {}
    for row in rows:
        key = row.enrollment_id, row.lesson_id
        known = best.get(key)
        best[key] = row if known is None else _better(known, row)
    return list(best.values())


def _better(one: LessonProgress, other: LessonProgress) -> LessonProgress:
    scored = other.score is not None and (one.score is None or other.score > one.score)
    if other.fraction <= one.fraction and not scored:
        return one
    return msgspec.structs.replace(
        one,
        fraction=max(one.fraction, other.fraction),
        score=other.score if scored else one.score,
        occurred_at=max(one.occurred_at, other.occurred_at),
    )


def tell(
    work: UnitOfWork, row: LessonProgress, enrollment: Enrollment | Held, *, progress: float | None
) -> None:
    """Whoever listens to the enrollment or its course. `progress`: in the course; None when nobody looked."""
    event = {
        "enrollmentId": str(enrollment.id),
        "courseId": str(enrollment.course_id),
        "userId": str(enrollment.user_id),
        "lessonId": str(row.lesson_id),
        "fraction": row.fraction,
        "progress": progress,
        "status": enrollment.status,
        "occurredAt": row.occurred_at.isoformat(),
    }
    work.publish(f"progress:{enrollment.id}", event)
    work.publish(f"progress:course:{enrollment.course_id}", event)
