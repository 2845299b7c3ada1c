from uuid import UUID

import msgspec

from harka.learning import progress
from harka.learning.work import UnitOfWork


class RecountCourse(msgspec.Struct, frozen=True):
    course_id: UUID


async def recount(work: UnitOfWork, payload: RecountCourse) -> None:
    """A published course's enrollments get the progress that its lessons as they are now give them."""
    await progress.recount(work, payload.course_id)
