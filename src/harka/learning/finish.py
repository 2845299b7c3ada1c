"""What follows when somebody completes a course, in the transaction that notices it."""

from collections.abc import Sequence
from uuid import UUID

from harka.learning import path_progress
from harka.learning.work import UnitOfWork
from harka.repositories import certificate as certificates
from harka.repositories.enrollment import Enrollment, EnrollmentStatus, Held
from harka.repositories.event import EventType
from harka.repositories.progress import Recalculated


async def follow(work: UnitOfWork, found: Recalculated) -> None:
    """For those that are completed; once for each, however often it is said."""
    record(work, found.completed)
    done = [each.id for each in found.changed if each.status == EnrollmentStatus.COMPLETED]
    await follow_ids(work, done)


async def follow_ids(work: UnitOfWork, completed: Sequence[UUID]) -> None:
    """Certificates where the course awards them, and progress on learning paths."""
    if completed:
        await path_progress.tell_issued(work, await certificates.issue_many(work.session, completed))
        await path_progress.advance(work, completed)


def record(work: UnitOfWork, completed: Sequence[Enrollment | Held]) -> None:
    """The events of those that were completed now."""
    for each in completed:
        work.record(EventType.ENROLLMENT_COMPLETED, each.id, user_id=each.user_id, course_id=each.course_id)


def tell(work: UnitOfWork, enrollment: Enrollment) -> None:
    """Whoever listens to completions, of the course or of all."""
    for course_id in (enrollment.course_id, None):
        work.publish(topic_of(course_id), {"enrollmentId": str(enrollment.id)})


def topic_of(course_id: UUID | None) -> str:
    """Topic of a tenant: an enrollment was completed, in this course, or in any. Payload {enrollmentId}."""
    return "completion" if course_id is None else f"completion:course:{course_id}"
