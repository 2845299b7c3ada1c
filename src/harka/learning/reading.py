"""Which lessons a reader may read, and so what is in them: those they take, once they are open.

Who looks after learners reads those of every course they may see.
"""

from collections.abc import Sequence
from uuid import UUID

from harka.learning import visibility
from harka.learning.work import UnitOfWork
from harka.repositories import lesson as lessons
from harka.repositories import unlock as unlocks
from harka.tenancy.permission import Permission


async def readable(work: UnitOfWork, lesson_ids: Sequence[UUID]) -> Sequence[UUID]:
    """Of these lessons. Authors may read every one."""
    scope = visibility.of_courses(work.context)
    if scope.everything or not lesson_ids:
        return lesson_ids
    if work.context.allows(Permission.ENROLLMENT_READ):
        # who looks after learners reads what they read, without taking the course, and without waiting
        return [each.id for each in await lessons.find_visible(work.session, scope, lesson_ids)]
    if scope.user is None:
        return []
    taken = await lessons.taken_by(work.session, scope.user, lesson_ids)
    guarded = {each.guarded for each in taken if each.guarded is not None}
    locks = await unlocks.locks_of_user(work.session, scope.user, sorted(guarded)) if guarded else []
    closed = {each.module_id for each in locks}
    return [each.id for each in taken if each.guarded not in closed]
