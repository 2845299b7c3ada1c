"""What learners hand in, and the grades they get for it."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from harka import clock
from harka.errors import ConflictError, NotFoundError, ValidationError
from harka.ids import new_id
from harka.learning import assignment, file, progress, unlock, visibility
from harka.learning.assignment import SubmissionKind
from harka.learning.batch import batches
from harka.learning.moment import accept_past, has_passed
from harka.learning.progress import ProgressEntry
from harka.learning.text import LONGEST_DESCRIPTION, accept_text
from harka.learning.work import UnitOfWork
from harka.repositories import assignment as assignments
from harka.repositories import enrollment as enrollments
from harka.repositories import progress as progresses
from harka.repositories import submission as submissions
from harka.repositories.assignment import Assignment
from harka.repositories.enrollment import Enrollment, EnrollmentStatus
from harka.repositories.event import EventType
from harka.repositories.file import File
from harka.repositories.page import OLDEST_FIRST, Order, Position
from harka.repositories.scope import Scope
from harka.repositories.submission import Submission
from harka.rows import ByKey, Grouped
from harka.tenancy.permission import Permission

MOST_FILES: Final = 10
LONGEST_TEXT: Final = 50_000
_NOWHERE: Final = UUID(int=0)


class SubmissionEntry(msgspec.Struct, frozen=True, kw_only=True):
    """As it was elsewhere. `score`, `graded_at`: both None for what was not graded. `file_ids`: here."""

    enrollment_id: UUID
    assignment_id: UUID
    text: str
    submitted_at: datetime
    is_late: bool
    score: float | None = None
    feedback: str = ""
    graded_at: datetime | None = None
    file_ids: Sequence[UUID] = ()


class Graded(msgspec.Struct, frozen=True):
    """`enrollment`: as it is now where passing finishes the lesson, else None.

    `completed`: whether the course is, by it.
    """

    submission: Submission
    enrollment: Enrollment | None = None
    completed: bool = False


def graded_topic(enrollment_id: UUID) -> str:
    return f"graded:{enrollment_id}"


async def find_many(work: UnitOfWork, ids: Sequence[UUID]) -> ByKey[Submission]:
    """By id, those of enrollments the reader may see."""
    scope = visibility.of_enrollments(work.context)
    return ByKey(await submissions.find_visible(work.session, scope, ids))


async def page(
    work: UnitOfWork,
    assignment_id: UUID,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
    graded: bool | None = None,
    is_late: bool | None = None,
) -> Sequence[Submission]:
    """The next `first` for an assignment that the reader may see, in that order.

    `graded`, `is_late`: None for all.
    """
    scope = visibility.of_enrollments(work.context)
    return await submissions.page(
        work.session,
        scope,
        assignment_id,
        after=after,
        first=first,
        order=order,
        graded=graded,
        is_late=is_late,
    )


async def count(
    work: UnitOfWork, assignment_id: UUID, *, graded: bool | None = None, is_late: bool | None = None
) -> int:
    scope = visibility.of_enrollments(work.context)
    return await submissions.count(work.session, scope, assignment_id, graded=graded, is_late=is_late)


async def by_enrollment(work: UnitOfWork, enrollment_ids: Sequence[UUID]) -> Grouped[Submission]:
    """Those the reader may see, oldest first; enrollments without any are left out."""
    scope = visibility.of_enrollments(work.context)
    found = await submissions.find_by_enrollments(work.session, scope, enrollment_ids)
    return Grouped(found, "enrollment_id")


async def own_by_assignment(work: UnitOfWork, assignment_ids: Sequence[UUID]) -> dict[UUID, Submission]:
    """The reader's own; programs have none."""
    user = work.context.user
    if user is None:
        return {}
    found = await submissions.of_user(work.session, user.id, assignment_ids)
    return {each.assignment_id: each for each in found}


async def files_by_submission(work: UnitOfWork, ids: Sequence[UUID]) -> dict[UUID, list[File]]:
    """Of submissions that the reader sees, in order; those without any are left out."""
    visible = await find_many(work, ids)
    return await submissions.files_of(work.session, list(visible)) if visible else {}


async def submit(
    work: UnitOfWork,
    *,
    enrollment_id: UUID,
    assignment_id: UUID,
    text: str = "",
    file_ids: Sequence[UUID] = (),
    version: int | None = None,
) -> Submission:
    """Hand something in for oneself, or hand it in anew until it is graded. Late is taken, and told.

    `version`: of what is handed in anew, 0 when nothing was; None for whatever there is.

    Raise `ValidationError` for what the assignment does not accept; `NotFoundError` for an enrollment that is
    not one's own, and for an assignment that its course does not have; `LessonLockedError`; `ConflictError`
    for a withdrawn or expired enrollment, for what is graded, and for another version.
    """
    work.context.require(Permission.PROGRESS_WRITE)
    accepted = accept_text(text, "text", longest=LONGEST_TEXT)
    asked = await _held(work, enrollment_id, assignment_id)
    _require_kind(asked, accepted, file_ids)
    if file_ids:
        await file.require_own(work, file_ids, "fileIds")
    now = clock.now()
    wanted = Submission(
        id=new_id(),
        assignment_id=assignment_id,
        enrollment_id=enrollment_id,
        text=accepted,
        submitted_at=now,
        is_late=has_passed(asked.due_at),
        score=None,
        passed=None,
        feedback="",
        graded_at=None,
        graded_by=None,
        created_at=now,
        updated_at=now,
        version=1,
    )
    made = await submissions.submit(work.session, wanted, file_ids, version=version)
    if made is None:
        raise ConflictError("This is graded already, or was handed in anew meanwhile.")
    # the lesson is begun
    entry = ProgressEntry(enrollment_id=enrollment_id, lesson_id=asked.lesson_id, fraction=0)
    await progresses.advance(work.session, [progress.row_of(entry)])
    submitter = work.context.user
    work.record(EventType.SUBMISSION_SUBMITTED, made.id, user_id=None if submitter is None else submitter.id)
    return made


async def record_many(work: UnitOfWork, entries: Sequence[SubmissionEntry]) -> None:
    """What was handed in and graded elsewhere, as in an import; what is here already stays.

    Of assignments of the enrollments' courses, as the caller knows. Raise `ValidationError`; `NotFoundError`
    for an unknown assignment. Two statements, one for each batch, and one more for files.
    """
    work.context.require(Permission.ENROLLMENT_WRITE)
    work.context.require(Permission.SUBMISSION_GRADE)
    work.context.require_everybody()
    ids = list({entry.assignment_id for entry in entries})
    asked = ByKey(await assignments.find_by_ids(work.session, ids))
    made = [_row(entry, asked) for entry in entries]
    for batch in batches(made):
        await submissions.insert_many(work.session, batch)
    files = {row.id: entry.file_ids for row, entry in zip(made, entries, strict=True) if entry.file_ids}
    await submissions.add_files(work.session, files)


async def grade(work: UnitOfWork, id_: UUID, *, score: float, feedback: str = "", version: int) -> Graded:
    """Give a grade, or another one; who listens to the enrollment hears of it.

    Where passing finishes the lesson it does so now, whether access has ended or not, and never undone.

    Raise `ValidationError`; `NotFoundError` for what the grader may not see; `ConflictError` for what is the
    grader's own, and when it was handed in anew, or graded, since `version`.
    """
    work.context.require(Permission.SUBMISSION_GRADE)
    told = accept_text(feedback, "feedback", longest=LONGEST_DESCRIPTION)
    found = (await find_many(work, [id_])).get(id_)
    if found is None:
        raise NotFoundError("There is no such submission here.")
    by = None if work.context.user is None else work.context.user.id
    if by is not None:
        own = Scope(everything=False, user=by)
        if await enrollments.find_visible(work.session, own, [found.enrollment_id]):
            raise ConflictError("Nobody grades what they handed in themselves.", field="submissionId")
    asked = await assignment.require(work, found.assignment_id)
    _require_score(score, asked)
    before = await _held_to_finish(work, found, asked) if asked.completes_lesson else None
    graded = await submissions.grade(
        work.session, id_, version, score=score, passed=_passes(score, asked), feedback=told, by=by
    )
    if graded is None:
        raise ConflictError
    work.publish(graded_topic(graded.enrollment_id), {"submissionId": str(id_)})
    work.record(EventType.SUBMISSION_GRADED, id_)
    return Graded(graded) if before is None else await _finish_lesson(work, graded, asked, before)


async def _held_to_finish(work: UnitOfWork, found: Submission, asked: Assignment) -> Enrollment:
    """Before the submission, as who hands in takes them, so that two cannot wait for each other."""
    scope = visibility.to_change(work.context)
    target = await progresses.lock_target(work.session, scope, found.enrollment_id, asked.lesson_id)
    if target is None:
        raise NotFoundError("There is no such submission here.")
    return target.enrollment


async def _finish_lesson(
    work: UnitOfWork, graded: Submission, asked: Assignment, before: Enrollment
) -> Graded:
    """If it is passed. `before`: held."""
    if not graded.passed or graded.score is None or before.status == EnrollmentStatus.WITHDRAWN:
        return Graded(graded, before)
    percent = graded.score * assignment.WHOLE / asked.points
    row = progress.row_of(
        ProgressEntry(enrollment_id=before.id, lesson_id=asked.lesson_id, fraction=1.0, score=percent)
    )
    advanced = await progresses.advance(work.session, [row])
    done = await progress.recorded(work, row, advanced[0] if advanced else None, before)
    return Graded(graded, done.enrollment, done.completed)


def _passes(score: float, asked: Assignment) -> bool:
    return score * assignment.WHOLE >= asked.points * asked.pass_percent


def _require_score(score: float, asked: Assignment) -> None:
    if not math.isfinite(score) or not 0 <= score <= asked.points:
        raise ValidationError(f"A score is between 0 and {asked.points}.", field="score")


def _row(entry: SubmissionEntry, known: Mapping[UUID, Assignment]) -> Submission:
    """Raise `ValidationError`, `NotFoundError`."""
    if entry.assignment_id not in known:
        raise assignment.no_assignment("assignmentId")
    if (entry.score is None) != (entry.graded_at is None):
        raise ValidationError("A score has its time, and a time its score.", field="gradedAt")
    if entry.score is not None:
        _require_score(entry.score, known[entry.assignment_id])
    now = clock.now()
    return Submission(
        id=new_id(),
        assignment_id=entry.assignment_id,
        enrollment_id=entry.enrollment_id,
        text=accept_text(entry.text, "text", longest=LONGEST_TEXT),
        submitted_at=accept_past(entry.submitted_at, "submittedAt"),
        is_late=entry.is_late,
        score=entry.score,
        passed=None if entry.score is None else _passes(entry.score, known[entry.assignment_id]),
        feedback=accept_text(entry.feedback, "feedback", longest=LONGEST_DESCRIPTION),
        graded_at=None if entry.graded_at is None else accept_past(entry.graded_at, "gradedAt"),
        graded_by=None,
        created_at=now,
        updated_at=now,
        version=1,
    )


async def _held(work: UnitOfWork, enrollment_id: UUID, assignment_id: UUID) -> Assignment:
    """The enrollment comes first: to who may not write it, nothing tells whether the assignment exists."""
    found = await assignments.find_by_ids(work.session, [assignment_id])
    asked = found[0] if found else None
    lesson_id = _NOWHERE if asked is None else asked.lesson_id
    scope = visibility.to_change(work.context)
    target = await progresses.lock_target(work.session, scope, enrollment_id, lesson_id)
    user = work.context.user
    if target is None or user is None or target.enrollment.user_id != user.id:
        raise progress.no_enrollment()
    progress.require_open(work, target.enrollment)
    if asked is None or not target.has_lesson:
        raise assignment.no_assignment("assignmentId")
    if target.guarded is not None:
        await unlock.require_unlocked(work, enrollment_id, target.guarded, field="assignmentId")
    return asked


def _require_kind(asked: Assignment, text: str, file_ids: Sequence[UUID]) -> None:
    if len(file_ids) > MOST_FILES or len(set(file_ids)) != len(file_ids):
        raise ValidationError(f"At most {MOST_FILES} files, each once.", field="fileIds")
    takes_files = asked.accepts == SubmissionKind.FILE
    if takes_files and not file_ids:
        raise ValidationError("This assignment takes files.", field="fileIds")
    if not takes_files and file_ids:
        raise ValidationError("This assignment takes a text.", field="fileIds")
    if not takes_files and not text:
        raise ValidationError("This must not be empty.", field="text")
