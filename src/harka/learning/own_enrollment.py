"""People who enroll themselves, in courses that let them, and who leave those again."""

from datetime import datetime
from uuid import UUID

from harka import clock
from harka.errors import ConflictError, CourseFullError, NotFoundError, ValidationError
from harka.learning import seat
from harka.learning.enrollment import Enrolled, insert_many, row_of, withdraw_many
from harka.learning.moment import has_passed
from harka.learning.user import myself
from harka.learning.work import UnitOfWork
from harka.repositories import course as courses
from harka.repositories import enrollment as enrollments
from harka.repositories import enrollment_list as lists
from harka.repositories.course import CourseStatus
from harka.repositories.enrollment import Enrollment, EnrollmentStatus
from harka.repositories.enrollment import Held as HeldEnrollment
from harka.repositories.scope import Scope
from harka.tenancy.permission import Permission


async def enroll(work: UnitOfWork, course_id: UUID, *, due_at: datetime | None = None) -> Enrolled:
    """Enroll oneself, or find that one is. Who withdrew starts anew; dates that there are stay.

    Raise `NotFoundError` for a course that is absent or not published; `ValidationError` for one that does
    not let people enroll themselves; `CourseFullError`; `ConflictError` for who has no access any more, which
    is for others to give back.
    """
    work.context.require(Permission.PROGRESS_WRITE)
    me = myself(work.context)
    found = await courses.lock_status(work.session, [course_id])
    # to who does not write courses, a draft looks like one that is absent
    if not found or found[0].status != CourseStatus.PUBLISHED:
        raise NotFoundError("There is no such course here.", field="courseId")
    if not found[0].self_enrollment:
        raise ValidationError("Nobody enrolls themselves in this course.", field="courseId")
    for known in await lists.of_user_in_courses(work.session, me.id, [course_id]):
        if known.status != EnrollmentStatus.WITHDRAWN and has_passed(known.expires_at):
            raise ConflictError("Your access to this course has ended.", field="courseId")
    if await seat.without_seat(work, {course_id: found[0].seats}, [(me.id, course_id)]):
        raise CourseFullError(field="courseId")
    row = row_of(me.id, course_id, due_at=due_at)
    (kept,) = await insert_many(work, [row])
    return Enrolled(kept, kept.id == row.id)


async def leave(work: UnitOfWork, id_: UUID, *, version: int | None = None) -> Enrollment:
    """Withdraw one's own enrollment; nothing changes when it is withdrawn already.

    `version`: None for whichever there is. Raise `NotFoundError` for what is not one's own; `ConflictError`
    for another version, a completed one, and one in a course that does not let people enroll themselves.
    """
    work.context.require(Permission.PROGRESS_WRITE)
    held = await _hold_own(work, id_)
    if version is not None and held.version != version:
        raise ConflictError
    if held.status == EnrollmentStatus.COMPLETED:
        raise ConflictError("A completed enrollment stays.")
    if held.status == EnrollmentStatus.ACTIVE:
        (subject,) = await courses.find_by_ids(work.session, [held.course_id])
        if not subject.self_enrollment:
            raise ConflictError("Nobody leaves this course by themselves.", field="id")
        return (await withdraw_many(work, _EVERYBODY, {id_: clock.now()}))[0]
    return (await enrollments.find_visible(work.session, _EVERYBODY, [id_]))[0]


async def _hold_own(work: UnitOfWork, id_: UUID) -> HeldEnrollment:
    me = myself(work.context)
    held = await enrollments.lock(work.session, _EVERYBODY, [id_])
    if not held or held[0].user_id != me.id:
        raise NotFoundError("There is no such enrollment here.", field="id")
    return held[0]


_EVERYBODY = Scope(everything=True)
"""Whose it is has been asked already: who manages some groups need not be in one."""
