"""Attempts at quizzes that were made elsewhere: what an export holds of them, and what an import keeps."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from harka import clock
from harka.codec import from_json
from harka.errors import NotFoundError, ValidationError
from harka.ids import new_id
from harka.learning import visibility
from harka.learning.batch import batches
from harka.learning.moment import accept_moment, accept_past
from harka.learning.quiz_grading import WHOLE, Answer, Asked, accept_answers, grade
from harka.learning.quiz_sheet import asked_of, kept, written_answers
from harka.learning.work import UnitOfWork
from harka.repositories import quiz_attempt as attempts
from harka.repositories.quiz_attempt import QuizAttempt
from harka.storage.session import ForeignKeyError
from harka.tenancy.permission import Permission


class AttemptSheet(msgspec.Struct, frozen=True):
    """What an attempt asks, with what is right. `answers`: None until it is submitted."""

    questions: list[Asked]
    answers: list[Answer] | None


class AttemptEntry(msgspec.Struct, frozen=True, kw_only=True):
    """`number`: from 1, of the enrollment's at the quiz. `submitted_at`: None for one that is begun."""

    quiz_id: UUID
    enrollment_id: UUID
    number: int
    started_at: datetime
    ends_at: datetime | None
    submitted_at: datetime | None
    pass_percent: int
    questions: list[Asked]
    answers: list[Answer] | None


async def sheets_by_attempt(work: UnitOfWork, ids: Sequence[UUID]) -> dict[UUID, AttemptSheet]:
    """With what is right, so for who writes courses."""
    work.context.require(Permission.COURSE_WRITE)
    scope = visibility.of_enrollments(work.context)
    found = await attempts.sheets(work.session, scope, ids, over_before=clock.now())
    return {
        each.attempt_id: AttemptSheet(
            asked_of(each.questions),
            None if each.answers is None else msgspec.convert(from_json(each.answers), list[Answer]),
        )
        for each in found
    }


async def record_many(work: UnitOfWork, entries: Sequence[AttemptEntry]) -> None:
    """What was asked and answered elsewhere, as in an import; what is here already stays.

    They are graded here, and finish no lesson: progress comes by itself. Of quizzes of the enrollments'
    courses, as the caller knows. Raise `ValidationError`, and `NotFoundError` for what is not here. One
    statement for each batch; after an error undo the unit.
    """
    work.context.require(Permission.ENROLLMENT_WRITE)
    work.context.require(Permission.COURSE_WRITE)
    work.context.require_everybody()
    for batch in batches([_row(entry) for entry in entries]):
        try:
            await attempts.insert_many(work.session, batch)
        except ForeignKeyError as error:
            raise NotFoundError("There is no such quiz or enrollment here.") from error


def _row(entry: AttemptEntry) -> tuple[QuizAttempt, str, str | None]:
    asked = entry.questions
    points = sum(each.points for each in asked)
    if entry.number < 1 or points < 1 or not 0 <= entry.pass_percent <= WHOLE:
        raise ValidationError("This is no attempt at a quiz.")
    begun, now = accept_past(entry.started_at, "startedAt"), clock.now()
    attempt = QuizAttempt(
        id=new_id(),
        quiz_id=entry.quiz_id,
        enrollment_id=entry.enrollment_id,
        number=entry.number,
        started_at=begun,
        ends_at=None if entry.ends_at is None else accept_moment(entry.ends_at, "endsAt"),
        submitted_at=None,
        pass_percent=entry.pass_percent,
        points=points,
        earned=None,
        percent=None,
        passed=None,
        # they are listed in the order in which they were begun
        created_at=begun,
        updated_at=now,
        version=1,
    )
    if entry.submitted_at is None:
        return attempt, kept(asked), None
    accepted = accept_answers(asked, entry.answers or [])
    marks = grade(asked, accepted, pass_percent=entry.pass_percent)
    graded = msgspec.structs.replace(
        attempt,
        submitted_at=accept_past(entry.submitted_at, "submittedAt"),
        earned=marks.earned,
        percent=marks.percent,
        passed=marks.passed,
    )
    return graded, kept(asked), written_answers(accepted.values())
