"""What opens to people on learning paths without their doing: a job looks again, once for all that opens."""

from collections.abc import Collection
from uuid import UUID

from harka.learning.work import UnitOfWork
from harka.queue.message import RECOUNT_PATH, UNLOCK_PATHS
from harka.repositories import path as paths
from harka.repositories import path_enrollment as path_enrollments


async def of_courses(work: UnitOfWork, course_ids: Collection[UUID]) -> None:
    """Of courses that were published, or have more seats: all published paths that they are on."""
    await _recount(work, await paths.published_with(work.session, course_ids))


async def of_seats(work: UnitOfWork, course_ids: Collection[UUID]) -> None:
    """Where somebody left: of those courses whose seats are limited."""
    if course_ids:
        await _recount(work, await paths.published_with(work.session, course_ids, limited=True))


async def of_person(work: UnitOfWork, user_id: UUID) -> None:
    """Of somebody who is let in again: what opened meanwhile left them out."""
    waiting = await path_enrollments.active_of_user(work.session, user_id)
    if waiting:
        ids = [str(id_) for id_ in waiting]
        await work.enqueue(UNLOCK_PATHS, {"path_enrollment_ids": ids}, dedupe_key=str(user_id))


async def _recount(work: UnitOfWork, path_ids: Collection[UUID]) -> None:
    for id_ in path_ids:
        await work.enqueue(RECOUNT_PATH, {"path_id": str(id_)}, dedupe_key=str(id_))
