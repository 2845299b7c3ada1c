from collections.abc import Sequence
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from harka import clock
from harka.errors import ConflictError, NotFoundError, ValidationError
from harka.ids import new_id
from harka.learning import course, visibility
from harka.learning.outline import MOST_MODULES, accept_order, no_order
from harka.learning.text import LONGEST_TITLE, accept_line
from harka.learning.work import UnitOfWork
from harka.queue.message import RECOUNT_COURSE
from harka.repositories import lesson as lessons
from harka.repositories import module as modules
from harka.repositories import unlock as unlocks
from harka.repositories.course import Course
from harka.repositories.event import EventType
from harka.repositories.module import Module
from harka.rows import ByKey, Grouped
from harka.tenancy.permission import Permission


class ModuleChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What is UNSET stays as it is."""

    title: str | UnsetType = UNSET


async def find_many(work: UnitOfWork, ids: Sequence[UUID]) -> ByKey[Module]:
    """By id, those of courses the reader may see."""
    scope = visibility.of_courses(work.context)
    return ByKey(await modules.find_visible(work.session, scope, ids))


async def by_course(work: UnitOfWork, course_ids: Sequence[UUID]) -> Grouped[Module]:
    """In the order of the outline; courses without a module, or not visible, are left out."""
    scope = visibility.of_courses(work.context)
    return Grouped(await modules.find_by_courses(work.session, scope, course_ids), "course_id")


async def create(work: UnitOfWork, course_id: UUID, title: str) -> Module:
    """A new module behind the others. The course has a new version.

    Raise `ValidationError`; `NotFoundError`; `ConflictError` for an archived course, here and below.
    """
    work.context.require(Permission.COURSE_WRITE)
    accepted = accept_line(title, "title", longest=LONGEST_TITLE)
    await course.touch(work, course_id)
    place = await modules.count(work.session, course_id)
    if place >= MOST_MODULES:
        raise ValidationError(f"A course has at most {MOST_MODULES} modules.", field="courseId")
    now = clock.now()
    made = Module(new_id(), course_id, place, accepted, now, now, 1)
    await modules.insert_many(work.session, [made])
    work.record(EventType.MODULE_CREATED, made.id, course_id=course_id)
    return made


async def update(work: UnitOfWork, id_: UUID, changes: ModuleChanges, *, version: int) -> Module:
    """Change what `changes` names. Raise `ConflictError` when the module is of another version."""
    work.context.require(Permission.COURSE_WRITE)
    title = changes.title
    accepted = None if title is UNSET else accept_line(title, "title", longest=LONGEST_TITLE)
    module = await require(work, id_)
    await course.hold(work, module.course_id)
    changed = await modules.update(work.session, id_, version, title=accepted)
    if changed is None:
        raise await stale(work, id_)
    fields = [] if title is UNSET else ["title"]
    work.record(EventType.MODULE_UPDATED, id_, course_id=module.course_id, fields=fields)
    return changed


async def reorder(work: UnitOfWork, course_id: UUID, ids: Sequence[UUID], *, version: int) -> Course:
    """Put all modules of a course into this order. `version`: that of the course as the author read it.

    Raise `ValidationError` for anything but all of them, and `ConflictError`.
    """
    work.context.require(Permission.COURSE_WRITE)
    accept_order(ids, "moduleIds", most=MOST_MODULES)
    touched = await course.touch(work, course_id, version=version)
    if not await modules.reorder(work.session, course_id, ids):
        raise no_order("moduleIds")
    if await unlocks.count_misplaced(work.session, course_id):
        raise ValidationError("A module comes after those it requires.", field="moduleIds")
    work.record(EventType.COURSE_UPDATED, course_id, fields=["modules"])
    return touched


async def delete(work: UnitOfWork, id_: UUID, *, version: int, with_progress: bool = False) -> Course:
    """Take a module away with its lessons. Answers the course, which has a new version.

    `with_progress`: whether what learners have done in it may go too: their progress in the course is worked
    out again, and who has completed it stays so. Raise `ConflictError` when it may not, and for a manager of
    groups when somebody beyond these has worked in it; when the module is of another version, and for the
    last lessons of a published course.
    """
    work.context.require(Permission.COURSE_WRITE)
    module = await require(work, id_)
    parent = await course.touch(work, module.course_id)
    await lessons.hold(work.session, module.course_id, id_)
    # read again: until the course was held, somebody else may have changed it
    if (await require(work, id_)).version != version:
        raise ConflictError
    scope = visibility.to_change(work.context)
    left = await modules.delete(work.session, scope, id_, with_progress=with_progress)
    if left is None:
        raise progress_is_kept(beyond=with_progress)
    course.require_lessons(parent, left)
    await work.enqueue(RECOUNT_COURSE, {"course_id": module.course_id}, dedupe_key=str(module.course_id))
    work.record(EventType.MODULE_DELETED, id_, course_id=module.course_id)
    return parent


async def require(work: UnitOfWork, id_: UUID) -> Module:
    """Whoever may see it. Raise `NotFoundError`."""
    found = await modules.find(work.session, id_)
    if found is None:
        raise NotFoundError("There is no such module here.")
    return found


async def stale(work: UnitOfWork, id_: UUID) -> ConflictError:
    """For a module that is of another version. Raise `NotFoundError` for one that is gone."""
    await require(work, id_)
    return ConflictError()


def progress_is_kept(*, beyond: bool) -> ConflictError:
    """`beyond`: it might go, but some of it is of people beyond the groups of who asks."""
    if beyond:
        return ConflictError("Learners beyond your groups have worked in it: it stays.", field="withProgress")
    return ConflictError(
        "Learners have worked in it: say `withProgress` to take that away too.", field="withProgress"
    )
