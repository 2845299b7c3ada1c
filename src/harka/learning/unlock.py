"""When modules open for learners. What is closed is seen in the outline, but neither read nor worked in."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from harka.errors import LessonLockedError, ValidationError
from harka.learning import course, module, visibility
from harka.learning.moment import accept_moment
from harka.learning.work import UnitOfWork
from harka.repositories import module as modules
from harka.repositories import unlock as unlocks
from harka.repositories.event import EventType
from harka.repositories.module import Module
from harka.repositories.progress import LessonProgress
from harka.repositories.unlock import Guard, Lock, Unlock
from harka.tenancy.permission import Permission

MOST_REQUIRED: Final = 20
"""Modules that a module may require."""
LATEST_DAY: Final = 3650


class UnlockRules(msgspec.Struct, frozen=True, kw_only=True):
    """A module opens when all of this is so; without any of it, from the beginning."""

    opens_at: datetime | None = None
    opens_after_days: int | None = None
    requires: Sequence[UUID] = ()


async def by_module(work: UnitOfWork, module_ids: Sequence[UUID]) -> dict[UUID, Unlock]:
    """The rules; modules without any, or of courses the reader may not see, are left out."""
    scope = visibility.of_courses(work.context)
    return {each.module_id: each for each in await unlocks.find_by_modules(work.session, scope, module_ids)}


async def locks(work: UnitOfWork, module_ids: Sequence[UUID]) -> dict[UUID, Lock]:
    """What is closed for the reader, and why. For authors nothing is."""
    scope = visibility.of_courses(work.context)
    if scope.everything:
        return {}
    return {
        each.module_id: each for each in await unlocks.locks_of_user(work.session, scope.user, module_ids)
    }


async def set_rules(work: UnitOfWork, module_id: UUID, rules: UnlockRules, *, version: int) -> Module:
    """Put these rules in place of those the module has. `version`: that of the module as the author read it.

    Raise `ValidationError`, for a module that does not stand before this one too; `NotFoundError`;
    `ConflictError` for another version and for an archived course.
    """
    work.context.require(Permission.COURSE_WRITE)
    required = list(dict.fromkeys(rules.requires))
    if len(required) > MOST_REQUIRED:
        raise ValidationError(f"A module requires at most {MOST_REQUIRED} others.", field="requiredModuleIds")
    days = rules.opens_after_days
    if days is not None and not 0 <= days <= LATEST_DAY:
        raise ValidationError(f"Days are between 0 and {LATEST_DAY}.", field="opensAfterDays")
    opens_at = None if rules.opens_at is None else accept_moment(rules.opens_at, "opensAt")
    known = await module.require(work, module_id)
    await course.hold(work, known.course_id)
    touched = await modules.touch(work.session, module_id, version)
    if touched is None:
        raise await module.stale(work, module_id)
    work.record(EventType.MODULE_UPDATED, module_id, course_id=known.course_id, fields=["unlock"])
    if opens_at is None and days is None and not required:
        await unlocks.clear(work.session, module_id)
        return touched
    if await unlocks.count_earlier(work.session, module_id, required) != len(required):
        raise ValidationError("These must be earlier modules of the course.", field="requiredModuleIds")
    await unlocks.replace(work.session, known.course_id, Unlock(module_id, opens_at, days, required))
    return touched


async def require_unlocked(
    work: UnitOfWork, enrollment_id: UUID, module_id: UUID, *, field: str = "lessonId"
) -> None:
    """Raise `LessonLockedError` for a module that is closed for an enrollment, which must be held."""
    if await unlocks.guards(work.session, [enrollment_id], [module_id]):
        raise LessonLockedError(field=field)


async def locked(
    work: UnitOfWork, rows: Mapping[int, LessonProgress], guarded: Mapping[UUID, UUID]
) -> set[int]:
    """The places of what may not be written, for it is of a closed module. The enrollments must be held.

    `guarded`: the modules with rules, by lesson. What is written together counts: a phone may have completed
    a module and begun the next while it was offline.
    """
    pairs = {(row.enrollment_id, guarded[row.lesson_id]) for row in rows.values() if row.lesson_id in guarded}
    if not pairs:
        return set()
    enrollment_ids, module_ids = zip(*sorted(pairs), strict=True)
    found = await unlocks.guards(work.session, enrollment_ids, module_ids)
    return _closed(rows, guarded, found)


def _closed(
    rows: Mapping[int, LessonProgress], guarded: Mapping[UUID, UUID], found: Iterable[Guard]
) -> set[int]:
    written: dict[UUID, list[int]] = {}
    for place, row in rows.items():
        written.setdefault(row.enrollment_id, []).append(place)
    closed: set[int] = set()
    # a module requires earlier ones only: by position, what opens a module is decided before it
    for guard in sorted(found, key=lambda each: each.position):
        places = written[guard.enrollment_id]
        done = {
            rows[place].lesson_id for place in places if rows[place].fraction == 1 and place not in closed
        }
        if guard.is_early or not done.issuperset(guard.unfinished):
            closed.update(place for place in places if guarded.get(rows[place].lesson_id) == guard.module_id)
    return closed
