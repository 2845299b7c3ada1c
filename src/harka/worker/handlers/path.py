from uuid import UUID

import msgspec

from harka.learning import path_progress
from harka.learning.work import UnitOfWork


class RecountPath(msgspec.Struct, frozen=True):
    path_id: UUID


class UnlockPaths(msgspec.Struct, frozen=True):
    path_enrollment_ids: list[UUID]


async def recount(work: UnitOfWork, payload: RecountPath) -> None:
    """People on a path get the progress and the courses that its rules as they are now give them."""
    await path_progress.recount(work, payload.path_id)


async def unlock(work: UnitOfWork, payload: UnlockPaths) -> None:
    """Who has completed a course of a path is enrolled in what that opens."""
    await path_progress.unlock(work, payload.path_enrollment_ids)
