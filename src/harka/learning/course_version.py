"""What courses were each time they were published: for those who write courses."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from harka.learning import visibility
from harka.learning.work import UnitOfWork
from harka.repositories import course_version as versions
from harka.repositories.course_version import ALL, CourseVersion, CourseVersionFilter
from harka.repositories.page import OLDEST_FIRST, Order, Position
from harka.repositories.scope import Scope
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


async def keep_changes(work: UnitOfWork, course_id: UUID) -> bool:
    """Keep what a published course, which the caller holds, has become since then. False: what it was."""
    if not await versions.begin_next(work.session, course_id):
        return False
    await keep_many(work, [course_id])
    return True


async def find_many(work: UnitOfWork, ids: Sequence[UUID]) -> ByKey[CourseVersion]:
    """By id. Raise `ForbiddenError` for who does not write courses."""
    work.context.require(Permission.COURSE_WRITE)
    return ByKey(await versions.find_by_ids(work.session, ids))


async def page_of_course(
    work: UnitOfWork,
    course_id: UUID,
    only: CourseVersionFilter = ALL,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
) -> Sequence[CourseVersion]:
    """The next `first` that match, in the order. Raise `ForbiddenError` like `find_many`."""
    scope = _readers(work, only)
    if _is_hidden(scope, only):
        return []
    return await versions.page_of_course(
        work.session, course_id, only, manager=scope.manager, after=after, first=first, order=order
    )


async def pages_by_course(
    work: UnitOfWork,
    course_ids: Sequence[UUID],
    only: CourseVersionFilter = ALL,
    *,
    first: int,
    order: Order = OLDEST_FIRST,
) -> Grouped[CourseVersion]:
    """The first `first` that match of each, in the order; courses without any are left out."""
    scope = _readers(work, only)
    if _is_hidden(scope, only):
        return Grouped([], "course_id")
    found = await versions.first_of_courses(
        work.session, course_ids, only, manager=scope.manager, first=first, order=order
    )
    return Grouped(found, "course_id")


async def count_by_course(
    work: UnitOfWork, course_ids: Sequence[UUID], only: CourseVersionFilter = ALL
) -> dict[UUID, int]:
    """How many match; courses without any are left out."""
    scope = _readers(work, only)
    if _is_hidden(scope, only):
        return {}
    return await versions.count_of_courses(work.session, course_ids, only, manager=scope.manager)


def _readers(work: UnitOfWork, only: CourseVersionFilter) -> Scope:
    """Whom the reader sees, where they ask for what somebody published: nobody else is found so."""
    work.context.require(Permission.COURSE_WRITE)
    return Scope(everything=True) if only.published_by is None else visibility.of_users(work.context)


def _is_hidden(scope: Scope, only: CourseVersionFilter) -> bool:
    return not scope.everything and scope.manager is None and only.published_by != scope.user


async def modules_of(work: UnitOfWork, ids: Sequence[UUID]) -> dict[UUID, list[ModuleVersion]]:
    """What was in the courses, in order, by version."""
    work.context.require(Permission.COURSE_WRITE)
    found = await versions.modules(work.session, ids)
    return {id_: _MODULES.decode(text) for id_, text in found.items()}
