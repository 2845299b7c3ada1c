"""What learners are asked to hand in. It is for those who take the course, once the lesson is open."""

import enum
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from harka import clock
from harka.errors import ConflictError, NotFoundError, ValidationError
from harka.ids import new_id
from harka.learning import course, lesson, visibility
from harka.learning.moment import accept_moment
from harka.learning.reading import readable
from harka.learning.text import LONGEST_TITLE, accept_line, accept_text
from harka.learning.work import UnitOfWork
from harka.repositories import assignment as assignments
from harka.repositories import quiz as quizzes
from harka.repositories.assignment import Assignment
from harka.repositories.event import EventType
from harka.rows import ByKey, Grouped
from harka.tenancy.permission import Permission

MOST_ASSIGNMENTS: Final = 20
"""Of one lesson."""
LONGEST_INSTRUCTIONS: Final = 50_000
MOST_POINTS: Final = 1000
WHOLE: Final = 100
"""Percent, as the next."""
HALF: Final = 50


class SubmissionKind(enum.StrEnum):
    TEXT = "text"
    FILE = "file"


class AssignmentDraft(msgspec.Struct, frozen=True, kw_only=True):
    """See `Assignment`. `accepts`: a `SubmissionKind`."""

    title: str
    instructions: str = ""
    due_at: datetime | None = None
    points: int = 100
    accepts: str = SubmissionKind.TEXT
    pass_percent: int = HALF
    completes_lesson: bool = False


class AssignmentChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What is UNSET stays as it is."""

    title: str | UnsetType = UNSET
    instructions: str | UnsetType = UNSET
    due_at: datetime | UnsetType | None = UNSET
    points: int | UnsetType = UNSET
    pass_percent: int | UnsetType = UNSET
    completes_lesson: bool | UnsetType = UNSET


async def find_many(work: UnitOfWork, ids: Sequence[UUID]) -> ByKey[Assignment]:
    """By id, those of lessons the reader may read."""
    visibility.of_courses(work.context)
    found = await assignments.find_by_ids(work.session, ids)
    allowed = set(await readable(work, list({each.lesson_id for each in found})))
    return ByKey([each for each in found if each.lesson_id in allowed])


async def by_lesson(work: UnitOfWork, lesson_ids: Sequence[UUID]) -> Grouped[Assignment]:
    """Oldest first; lessons without any, or not to be read, are left out."""
    allowed = await readable(work, lesson_ids)
    return Grouped(await assignments.find_by_lessons(work.session, allowed) if allowed else [], "lesson_id")


async def create(work: UnitOfWork, lesson_id: UUID, draft: AssignmentDraft) -> Assignment:
    """Raise `ValidationError`; `NotFoundError`; `ConflictError` for an archived course, here and below."""
    work.context.require(Permission.COURSE_WRITE)
    now = clock.now()
    if draft.accepts not in _KINDS:
        raise ValidationError("There is no such kind.", field="accepts")
    made = _accepted(
        Assignment(
            **msgspec.structs.asdict(draft),
            id=new_id(),
            lesson_id=lesson_id,
            created_at=now,
            updated_at=now,
            version=1,
        )
    )
    held = await course.hold(work, (await lesson.require(work, lesson_id)).course_id)
    beside = await assignments.find_by_lessons(work.session, [lesson_id])
    if len(beside) >= MOST_ASSIGNMENTS:
        raise ValidationError(f"A lesson has at most {MOST_ASSIGNMENTS} assignments.", field="lessonId")
    await _require_one_to_complete(work, made, beside)
    await assignments.insert(work.session, made)
    work.record(EventType.ASSIGNMENT_CREATED, made.id, course_id=held.id)
    return made


async def update(work: UnitOfWork, id_: UUID, changes: AssignmentChanges, *, version: int) -> Assignment:
    """Change what `changes` names; grades stay as they were given. Raise `ConflictError` when it is stale."""
    work.context.require(Permission.COURSE_WRITE)
    before = await require(work, id_)
    if before.version != version:
        raise ConflictError
    given = {name: value for name, value in msgspec.structs.asdict(changes).items() if value is not UNSET}
    wanted = _accepted(msgspec.structs.replace(before, **given))
    held = await course.hold(work, (await lesson.require(work, before.lesson_id)).course_id)
    if wanted.completes_lesson and not before.completes_lesson:
        beside = await assignments.find_by_lessons(work.session, [before.lesson_id])
        await _require_one_to_complete(work, wanted, beside)
    changed = await assignments.update(work.session, wanted)
    if changed is None:
        raise ConflictError
    work.record(EventType.ASSIGNMENT_UPDATED, id_, course_id=held.id, fields=given)
    return changed


async def delete(work: UnitOfWork, id_: UUID, *, version: int) -> None:
    """Take an assignment away. Raise `ConflictError` when it is stale, or something was handed in."""
    work.context.require(Permission.COURSE_WRITE)
    before = await require(work, id_)
    held = await course.hold(work, (await lesson.require(work, before.lesson_id)).course_id)
    if before.version != version:
        raise ConflictError
    if not await assignments.delete(work.session, id_, version):
        raise ConflictError("Somebody has handed something in.")
    work.record(EventType.ASSIGNMENT_DELETED, id_, course_id=held.id)


async def require(work: UnitOfWork, id_: UUID) -> Assignment:
    """Whoever may read it. Raise `NotFoundError`."""
    found = await assignments.find_by_ids(work.session, [id_])
    if not found:
        raise no_assignment()
    return found[0]


def no_assignment(field: str | None = None) -> NotFoundError:
    return NotFoundError("There is no such assignment here.", field=field)


async def _require_one_to_complete(
    work: UnitOfWork, wanted: Assignment, beside: Sequence[Assignment]
) -> None:
    if not wanted.completes_lesson:
        return
    if any(each.completes_lesson for each in beside if each.id != wanted.id):
        raise ValidationError("Another assignment completes this lesson already.", field="completesLesson")
    if any(each.completes_lesson for each in await quizzes.find_by_lessons(work.session, [wanted.lesson_id])):
        raise ValidationError("A quiz completes this lesson already.", field="completesLesson")


def _accepted(wanted: Assignment) -> Assignment:
    """As it is stored. Raise `ValidationError`."""
    if not 1 <= wanted.points <= MOST_POINTS:
        raise ValidationError(f"Points are between 1 and {MOST_POINTS}.", field="points")
    if not 0 <= wanted.pass_percent <= WHOLE:
        raise ValidationError(f"Percent are between 0 and {WHOLE}.", field="passPercent")
    return msgspec.structs.replace(
        wanted,
        title=accept_line(wanted.title, "title", longest=LONGEST_TITLE),
        instructions=accept_text(wanted.instructions, "instructions", longest=LONGEST_INSTRUCTIONS),
        due_at=None if wanted.due_at is None else accept_moment(wanted.due_at, "dueAt"),
        accepts=str(wanted.accepts),
    )


_KINDS: Final = frozenset(SubmissionKind)
