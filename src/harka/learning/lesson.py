from collections.abc import Sequence
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from harka import clock
from harka.errors import ConflictError, NotFoundError, ValidationError
from harka.ids import new_id
from harka.learning import course, module, visibility
from harka.learning.outline import (
    MOST_LESSONS,
    LessonOutline,
    accept_kind,
    accept_minutes,
    accept_order,
    accept_weight,
    no_order,
)
from harka.learning.text import LONGEST_TITLE, accept_line
from harka.learning.work import UnitOfWork
from harka.queue.message import RECOUNT_COURSE
from harka.repositories import lesson as lessons
from harka.repositories import module as modules
from harka.repositories.event import EventType
from harka.repositories.lesson import Lesson
from harka.repositories.module import Module
from harka.rows import ByKey, Grouped
from harka.tenancy.permission import Permission


class LessonChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What is UNSET stays as it is."""

    title: str | UnsetType = UNSET
    kind: str | UnsetType = UNSET
    duration_minutes: int | UnsetType | None = UNSET
    weight: float | UnsetType = UNSET
    required: bool | UnsetType = UNSET


async def find_many(work: UnitOfWork, ids: Sequence[UUID]) -> ByKey[Lesson]:
    """By id, those of courses the reader may see."""
    scope = visibility.of_courses(work.context)
    return ByKey(await lessons.find_visible(work.session, scope, ids))


async def by_course(work: UnitOfWork, course_ids: Sequence[UUID]) -> Grouped[Lesson]:
    """In the order of the outline; courses without a lesson, or not visible, are left out."""
    scope = visibility.of_courses(work.context)
    return Grouped(await lessons.find_by_courses(work.session, scope, course_ids), "course_id")


async def by_module(work: UnitOfWork, module_ids: Sequence[UUID]) -> Grouped[Lesson]:
    """In order; modules without a lesson, or not visible, are left out."""
    scope = visibility.of_courses(work.context)
    return Grouped(await lessons.find_by_modules(work.session, scope, module_ids), "module_id")


async def by_module_of(work: UnitOfWork, course_ids: Sequence[UUID]) -> Grouped[Lesson]:
    """The same for all modules of some courses."""
    scope = visibility.of_courses(work.context)
    return Grouped(await lessons.find_in_modules_of(work.session, scope, course_ids), "module_id")


async def create(work: UnitOfWork, module_id: UUID, draft: LessonOutline) -> Lesson:
    """A new lesson behind the others. The module has a new version; progress in the course counts it.

    Raise `ValidationError`; `NotFoundError`; `ConflictError` for an archived course, here and below.
    """
    work.context.require(Permission.COURSE_WRITE)
    title = accept_line(draft.title, "title", longest=LONGEST_TITLE)
    kind = accept_kind(draft.kind, "kind")
    minutes = accept_minutes(draft.duration_minutes, "durationMinutes")
    weight = accept_weight(draft.weight, "weight")
    parent = await _touch(work, module_id)
    place = await lessons.count(work.session, parent.course_id, module_id)
    if place >= MOST_LESSONS:
        raise ValidationError(f"A module has at most {MOST_LESSONS} lessons.", field="moduleId")
    now = clock.now()
    made = Lesson(
        id=new_id(),
        course_id=parent.course_id,
        module_id=module_id,
        position=place,
        title=title,
        kind=kind,
        duration_minutes=minutes,
        weight=weight,
        required=draft.required,
        created_at=now,
        updated_at=now,
        version=1,
    )
    await lessons.insert_many(work.session, [made])
    await work.enqueue(RECOUNT_COURSE, {"course_id": parent.course_id}, dedupe_key=str(parent.course_id))
    work.record(EventType.LESSON_CREATED, made.id, course_id=made.course_id)
    return made


async def update(work: UnitOfWork, id_: UUID, changes: LessonChanges, *, version: int) -> Lesson:
    """Change what `changes` names; another weight, or need, works progress out again.

    Raise `ConflictError` when the lesson is of another version.
    """
    work.context.require(Permission.COURSE_WRITE)
    title, kind, minutes, weight = changes.title, changes.kind, changes.duration_minutes, changes.weight
    accepted_title = None if title is UNSET else accept_line(title, "title", longest=LONGEST_TITLE)
    accepted_kind = None if kind is UNSET else accept_kind(kind, "kind")
    accepted_minutes = UNSET if minutes is UNSET else accept_minutes(minutes, "durationMinutes")
    accepted_weight = None if weight is UNSET else accept_weight(weight, "weight")
    before = await require(work, id_)
    await course.hold(work, before.course_id)
    changed = await lessons.update(
        work.session,
        id_,
        version,
        title=accepted_title,
        kind=accepted_kind,
        weight=accepted_weight,
        required=None if changes.required is UNSET else changes.required,
        duration_minutes=accepted_minutes,
    )
    if changed is None:
        await require(work, id_)
        raise ConflictError
    if (changed.weight, changed.required) != (before.weight, before.required):
        await work.enqueue(
            RECOUNT_COURSE, {"course_id": changed.course_id}, dedupe_key=str(changed.course_id)
        )
    given = [name for name, value in msgspec.structs.asdict(changes).items() if value is not UNSET]
    work.record(EventType.LESSON_UPDATED, id_, course_id=changed.course_id, fields=given)
    return changed


async def reorder(work: UnitOfWork, module_id: UUID, ids: Sequence[UUID], *, version: int) -> Module:
    """Put all lessons of a module into this order. `version`: that of the module as the author read it.

    Raise `ValidationError` for anything but all of them, and `ConflictError`.
    """
    work.context.require(Permission.COURSE_WRITE)
    accept_order(ids, "lessonIds", most=MOST_LESSONS)
    touched = await _touch(work, module_id, version=version)
    if not await lessons.reorder(work.session, touched.course_id, module_id, ids):
        raise no_order("lessonIds")
    work.record(EventType.MODULE_UPDATED, module_id, course_id=touched.course_id, fields=["lessons"])
    return touched


async def move(
    work: UnitOfWork, id_: UUID, module_id: UUID, *, version: int, position: int | None = None
) -> Lesson:
    """Put a lesson into another module of its course. `position`: the place there, None for the last.

    Both modules have a new version; progress stays as it is. Raise `ConflictError` when the lesson is of
    another version; `ValidationError` for its own module, one of another course, or no place there;
    `NotFoundError`.
    """
    work.context.require(Permission.COURSE_WRITE)
    known = await require(work, id_)
    await course.hold(work, known.course_id)
    # read again: until the course was held, somebody else may have moved it
    lesson = await require(work, id_)
    if lesson.version != version:
        raise ConflictError
    target = await module.require(work, module_id)
    if target.course_id != lesson.course_id or target.id == lesson.module_id:
        raise ValidationError("This must be another module of the same course.", field="moduleId")
    room = await lessons.count(work.session, lesson.course_id, module_id)
    if room >= MOST_LESSONS:
        raise ValidationError(f"A module has at most {MOST_LESSONS} lessons.", field="moduleId")
    place = room if position is None else position
    if not 0 <= place <= room:
        raise ValidationError(f"A place is between 0 and {room} there.", field="position")
    for each in sorted((lesson.module_id, module_id)):
        await modules.touch(work.session, each)
    work.record(EventType.LESSON_UPDATED, id_, course_id=lesson.course_id, fields=["module", "position"])
    return await lessons.move(work.session, lesson, module_id, place)


async def delete(work: UnitOfWork, id_: UUID, *, version: int, with_progress: bool = False) -> Module:
    """Take a lesson away. Answers its module, which has a new version. See `module.delete` for the rest."""
    work.context.require(Permission.COURSE_WRITE)
    lesson = await require(work, id_)
    parent = await course.hold(work, lesson.course_id)
    touched = await modules.touch(work.session, lesson.module_id)
    held = await lessons.hold(work.session, lesson.course_id, lesson.module_id, id_)
    if touched is None or not held:
        raise no_lesson()
    if held[0].version != version:
        raise ConflictError
    scope = visibility.to_change(work.context)
    left = await lessons.delete(work.session, scope, id_, with_progress=with_progress)
    if left is None:
        raise module.progress_is_kept(beyond=with_progress)
    course.require_lessons(parent, left)
    await work.enqueue(RECOUNT_COURSE, {"course_id": lesson.course_id}, dedupe_key=str(lesson.course_id))
    work.record(EventType.LESSON_DELETED, id_, course_id=lesson.course_id)
    return touched


async def require(work: UnitOfWork, id_: UUID) -> Lesson:
    """Whoever may see it. Raise `NotFoundError`."""
    found = await lessons.find(work.session, id_)
    if found is None:
        raise no_lesson()
    return found


def no_lesson() -> NotFoundError:
    return NotFoundError("There is no such lesson here.")


async def _touch(work: UnitOfWork, module_id: UUID, *, version: int | None = None) -> Module:
    """A module whose list of lessons is about to change, of a new version, in a course that is held."""
    known = await module.require(work, module_id)
    await course.hold(work, known.course_id)
    touched = await modules.touch(work.session, module_id, version)
    if touched is None:
        raise await module.stale(work, module_id)
    return touched
