"""How far people are on learning paths: it follows from the courses that they have completed."""

from collections.abc import Sequence
from uuid import UUID

from harka.learning import mail, seat
from harka.learning.batch import ROWS, batches
from harka.learning.enrollment import insert_many, row_of
from harka.learning.work import UnitOfWork
from harka.queue.message import UNLOCK_PATHS
from harka.repositories import certificate as certificates
from harka.repositories import course as courses
from harka.repositories import path_enrollment as path_enrollments
from harka.repositories.certificate import Issued
from harka.repositories.course import CourseStatus
from harka.repositories.enrollment import EnrollmentStatus
from harka.repositories.event import EventType
from harka.repositories.path_enrollment import PathEnrollment


async def advance(work: UnitOfWork, enrollment_ids: Sequence[UUID]) -> None:
    """Whoever completed these is further on the paths that they count for, from this transaction on.

    A job enrolls them in what that opens: here other courses would have to be held, against their authors.
    """
    # a statement of its own: who is put on a path meanwhile, or a path that has another course, is waited for
    await path_enrollments.lock_learners(work.session, enrollment_ids)
    held = await path_enrollments.lock_of_completed(work.session, enrollment_ids)
    if not held:
        return
    changed = await recalculate(work, held)
    going_on = [str(each.id) for each in changed if each.status == EnrollmentStatus.ACTIVE]
    if going_on:
        await work.enqueue(UNLOCK_PATHS, {"path_enrollment_ids": going_on})


async def recount(work: UnitOfWork, path_id: UUID) -> None:
    """Work out everybody on a path again, for its courses and rules as they are now, and what they open."""
    after = UUID(int=0)
    while ids := await path_enrollments.lock_of_path(work.session, path_id, after=after, first=ROWS):
        await recalculate(work, ids)
        await unlock(work, ids)
        after = ids[-1]


async def recalculate(work: UnitOfWork, ids: Sequence[UUID]) -> list[PathEnrollment]:
    """Those that changed, of some that are held. Who is done gets the certificate, if the path awards one."""
    changed = await path_enrollments.recalculate(work.session, ids)
    completed = [each for each in changed if each.status == EnrollmentStatus.COMPLETED]
    for each in completed:
        work.record(EventType.LEARNING_PATH_ENROLLMENT_COMPLETED, each.id, user_id=each.user_id)
    if completed:
        ids = [each.id for each in completed]
        await tell_issued(work, await certificates.issue_of_paths(work.session, ids))
    return changed


async def tell_issued(work: UnitOfWork, issued: Sequence[Issued]) -> None:
    """By an event for each, and an e-mail where the organization wants that."""
    await mail.post_certificates(work, issued)
    for each in issued:
        work.record(EventType.CERTIFICATE_ISSUED, each.id, user_id=each.user_id, course_id=each.course_id)


async def unlock(work: UnitOfWork, ids: Sequence[UUID]) -> int:
    """Enroll people in what is open to them on their paths; how many enrollments were made.

    A course without a free seat is left out, until this is asked for again.
    """
    pairs = await path_enrollments.unlocked(work.session, ids)
    if not pairs:
        return 0
    held = await courses.lock_status(work.session, sorted({course_id for _, course_id in pairs}))
    seats = {each.id: each.seats for each in held if each.status == CourseStatus.PUBLISHED}
    wanted = [pair for pair in pairs if pair[1] in seats]
    full = await seat.without_seat(work, seats, wanted)
    rows = [row_of(*pair) for pair in wanted if pair not in full]
    for batch in batches(rows):
        await insert_many(work, batch)
    return len(rows)
