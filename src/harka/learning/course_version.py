"""What courses were each time they were published: for those who write courses."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from harka.learning.work import UnitOfWork
from harka.repositories import course_version as versions
from harka.repositories.course_version import CourseVersion
from harka.repositories.page import Position
from harka.rows import ByKey, Grouped
from harka.tenancy.permission import Permission


class LessonVersion(msgspec.Struct, frozen=True):
    """`id`: of the lesson, which may be gone. For the rest see `repositories.lesson.Lesson`."""

    id: UUID
    title: str
    kind: str
    duration_minutes: int | None
    weight: float
    required: bool


class ModuleVersion(msgspec.Struct, frozen=True):
    """`id`: of the module, which may be gone."""

    id: UUID
    title: str
    lessons: list[LessonVersion]


_MODULES = msgspec.json.Decoder(list[ModuleVersion])


async def keep_many(work: UnitOfWork, course_ids: Sequence[UUID]) -> None:
    """Keep what these courses are, which have just been published."""
    user = work.context.user
    await versions.keep_many(work.session, course_ids, by=None if user is None else user.id)


async def find_many(work: UnitOfWork, ids: Sequence[UUID]) -> ByKey[CourseVersion]:
    """By id. Raise `ForbiddenError` for who does not write courses."""
    work.context.require(Permission.COURSE_WRITE)
    return ByKey(await versions.find_by_ids(work.session, ids))


async def page_of_course(
    work: UnitOfWork, course_id: UUID, *, after: Position | None, first: int
) -> Sequence[CourseVersion]:
    """The next `first`, oldest first. Raise `ForbiddenError` like `find_many`."""
    work.context.require(Permission.COURSE_WRITE)
    return await versions.page_of_course(work.session, course_id, after=after, first=first)


async def pages_by_course(
    work: UnitOfWork, course_ids: Sequence[UUID], *, first: int
) -> Grouped[CourseVersion]:
    """The first `first` of each; courses that never were published are left out."""
    work.context.require(Permission.COURSE_WRITE)
    return Grouped(await versions.first_of_courses(work.session, course_ids, first=first), "course_id")


async def count_by_course(work: UnitOfWork, course_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Courses that never were published are left out."""
    work.context.require(Permission.COURSE_WRITE)
    return await versions.count_of_courses(work.session, course_ids)


async def modules_of(work: UnitOfWork, ids: Sequence[UUID]) -> dict[UUID, list[ModuleVersion]]:
    """What was in the courses, in order, by version."""
    work.context.require(Permission.COURSE_WRITE)
    found = await versions.modules(work.session, ids)
    return {id_: _MODULES.decode(text) for id_, text in found.items()}
