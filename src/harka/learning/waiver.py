"""A lesson that somebody need not do: it counts as done, and it is kept who said so, when and why."""

from typing import Final
from uuid import UUID

from harka import clock
from harka.auth.permissions import Role
from harka.errors import ConflictError
from harka.ids import new_id
from harka.learning import visibility
from harka.learning.progress import Recorded, no_enrollment, no_lesson, recorded
from harka.learning.text import accept_line
from harka.learning.work import UnitOfWork
from harka.repositories import progress as progresses
from harka.repositories.enrollment import EnrollmentStatus
from harka.repositories.progress import LessonProgress
from harka.repositories.user import User
from harka.tenancy.permission import Permission

LONGEST_REASON: Final = 500


async def waive(
    work: UnitOfWork, *, enrollment_id: UUID, lesson_id: UUID, reason: str, version: int | None = None
) -> Recorded:
    """Like the learner's doing the lesson now, whether their access has ended or not.

    Nothing changes when it is done or waived already. `version`: of the enrollment, None for any.
    Raise `ValidationError`, `NotFoundError`, and `ConflictError` for a withdrawn enrollment, for another
    version, and for one's own: an administrator of everybody may.
    """
    work.context.require(Permission.ENROLLMENT_WRITE)
    user, now = work.context.user, clock.now()
    row = LessonProgress(
        id=new_id(),
        enrollment_id=enrollment_id,
        lesson_id=lesson_id,
        fraction=1.0,
        score=None,
        occurred_at=now,
        created_at=now,
        updated_at=now,
        waived_at=now,
        waived_by=None if user is None else user.id,
        waive_reason=accept_line(reason, "reason", longest=LONGEST_REASON),
    )
    scope = visibility.to_change(work.context)
    target = await progresses.lock_target(work.session, scope, enrollment_id, lesson_id)
    if target is None:
        raise no_enrollment()
    enrollment = target.enrollment
    if user is not None and enrollment.user_id == user.id and not _is_administrator(work, user):
        raise ConflictError("Nobody waives their own lessons.", field="enrollmentId")
    if version is not None and enrollment.version != version:
        raise ConflictError
    if enrollment.status == EnrollmentStatus.WITHDRAWN:
        raise ConflictError("Of a withdrawn enrollment nothing is waived.")
    if not target.has_lesson:
        raise no_lesson()
    return await recorded(work, row, await progresses.waive(work.session, row), enrollment)


def _is_administrator(work: UnitOfWork, user: User) -> bool:
    return user.role in {Role.ADMIN, Role.OWNER} and not work.context.manages_groups
