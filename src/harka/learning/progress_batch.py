"""What a phone learned of progress while it was offline: many entries at once, each with its own fate."""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import msgspec

from harka.errors import (
    ConflictError,
    HarkaError,
    LessonLockedError,
    NotFoundError,
    ValidationError,
)
from harka.learning import finish, unlock, visibility
from harka.learning.progress import (
    ProgressEntry,
    at_possible_moment,
    merged,
    no_enrollment,
    no_lesson,
    require_no_verdict,
    require_open,
    row_of,
    tell,
)
from harka.learning.work import UnitOfWork
from harka.repositories import enrollment as enrollments
from harka.repositories import lesson as lessons
from harka.repositories import progress as progresses
from harka.repositories.enrollment import Enrollment, EnrollmentStatus, Held
from harka.repositories.progress import LessonProgress
from harka.tenancy.permission import Permission

MOST: Final = 500
"""Entries of a batch."""


class Fate(msgspec.Struct, frozen=True):
    """What became of an entry. `changed`: its lesson got further; `refused`: why it was not written."""

    changed: bool = False
    refused: HarkaError | None = None


class Batch(msgspec.Struct, frozen=True):
    """`fates`: in the order of the entries. `enrollments`: those whose progress or status changed."""

    fates: list[Fate]
    enrollments: list[Enrollment]


async def record(work: UnitOfWork, entries: Sequence[ProgressEntry | HarkaError]) -> Batch:
    """Like `progress.record` for each, in four statements however many, five where modules have rules.

    What is refused keeps no other back.

    An entry that is an error already is refused with it. Raise `ValidationError` for more than `MOST`.
    """
    work.context.require(Permission.PROGRESS_WRITE)
    if len(entries) > MOST:
        raise ValidationError(f"At most {MOST} entries at once.", field="entries")
    refused: dict[int, HarkaError] = {}
    rows: dict[int, LessonProgress] = {}
    for place, entry in enumerate(entries):
        try:
            rows[place] = row_of(_usable(entry))
        except (HarkaError, ValidationError) as error:
            refused[place] = error
    held = await _allowed(work, rows, refused)
    written = await _written(work, [row for place, row in rows.items() if place not in refused], held)
    changed = {(row.enrollment_id, row.lesson_id) for row in written.advanced}
    fates = [
        Fate(refused=refused[place])
        if place in refused
        else Fate(changed=(rows[place].enrollment_id, rows[place].lesson_id) in changed)
        for place in range(len(entries))
    ]
    return Batch(fates, written.recounted)


def _usable(entry: ProgressEntry | HarkaError) -> ProgressEntry:
    if isinstance(entry, HarkaError):
        raise entry
    return entry


async def _allowed(
    work: UnitOfWork, rows: Mapping[int, LessonProgress], refused: dict[int, HarkaError]
) -> dict[UUID, Held]:
    """The enrollments, held; what may not be written of the rows is added to `refused`."""
    if not rows:
        return {}
    asked = list({row.enrollment_id for row in rows.values()})
    locked = await enrollments.lock(work.session, visibility.to_change(work.context), asked)
    held = {each.id: each for each in locked}
    taught_in = await lessons.courses_of(work.session, list({row.lesson_id for row in rows.values()}))
    for place, row in rows.items():
        enrollment = held.get(row.enrollment_id)
        try:
            if enrollment is None:
                raise no_enrollment()
            require_open(work, enrollment)
            taught = taught_in.get(row.lesson_id)
            if taught is None or taught.course_id != enrollment.course_id:
                raise no_lesson()
            require_no_verdict(work, row, finished_by=taught.finished_by, kind=taught.kind)
        except (NotFoundError, ConflictError, ValidationError) as error:
            refused[place] = error
    guarded = {each.id: each.guarded for each in taught_in.values() if each.guarded is not None}
    allowed = {place: row for place, row in rows.items() if place not in refused}
    for place in await unlock.locked(work, allowed, guarded):
        refused[place] = LessonLockedError(field="lessonId")
    return held


class _Written(msgspec.Struct, frozen=True):
    advanced: Sequence[LessonProgress] = ()
    recounted: list[Enrollment] = []


async def _written(work: UnitOfWork, rows: Sequence[LessonProgress], held: Mapping[UUID, Held]) -> _Written:
    if not rows:
        return _Written()
    # in one order everywhere, so that two writers cannot deadlock
    possible = (at_possible_moment(row, held[row.enrollment_id]) for row in rows)
    batch = sorted(merged(possible), key=lambda row: (row.enrollment_id, row.lesson_id))
    advanced = await progresses.advance(work.session, batch)
    if not advanced:
        return _Written()
    latest = {row.enrollment_id: row for row in advanced}
    recounted = await progresses.recalculate(work.session, sorted(latest))
    await finish.follow(work, recounted)
    after = {each.id: each for each in recounted.changed}
    for id_, row in latest.items():
        enrollment = after.get(id_)
        if enrollment is None:
            tell(work, row, held[id_], progress=None)
        else:
            if enrollment.status == EnrollmentStatus.COMPLETED != held[id_].status:
                finish.tell(work, enrollment)
            tell(work, row, enrollment, progress=enrollment.progress)
    return _Written(advanced, recounted.changed)
