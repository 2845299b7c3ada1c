from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Unpack
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from harka import clock
from harka.cache.tenant import Namespace
from harka.errors import ConflictError, NotFoundError, ValidationError
from harka.ids import new_id
from harka.learning import category, course_version, outline, path_opening, seat, visibility
from harka.learning.batch import batches
from harka.learning.outline import ModuleOutline
from harka.learning.text import (
    LONGEST_CODE,
    LONGEST_DESCRIPTION,
    LONGEST_TITLE,
    accept_line,
    accept_slug,
    accept_text,
    slug_of,
    stored_form,
)
from harka.learning.work import UnitOfWork
from harka.queue.message import RECOUNT_COURSE
from harka.repositories import course as courses
from harka.repositories import lesson as lessons
from harka.repositories import module as modules
from harka.repositories.course import Course, CourseFilter, CourseStatus
from harka.repositories.event import EventType
from harka.repositories.lesson import Lesson
from harka.repositories.module import Module
from harka.repositories.page import OLDEST_FIRST, Order, Position
from harka.rows import ByKey
from harka.storage.session import ForeignKeyError, UniqueError
from harka.tenancy.permission import Permission

WHOLE: Final = 100
"""Percent."""
LONGEST_VALIDITY: Final = 36_500
"""Days of a certificate."""
PUBLISHED_TOPIC: Final = "course:published"
"""Topic of a tenant: a course was published. Payload {courseId}."""
_CACHED: Final = Namespace("course", Course, version=6, scope="course")


class CourseDraft(msgspec.Struct, frozen=True, kw_only=True):
    """`slug`: None makes one from the code. `published`: publish at once, for which it needs a lesson.

    `seats`: None for any number. `completion_percent`: see `Course`.
    """

    title: str
    code: str
    slug: str | None = None
    description: str = ""
    modules: tuple[ModuleOutline, ...] = ()
    published: bool = False
    seats: int | None = None
    completion_percent: int = WHOLE
    awards_certificate: bool = False
    certificate_days: int | None = None
    category_id: UUID | None = None
    self_enrollment: bool = False


class CourseChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What is UNSET stays as it is."""

    title: str | UnsetType = UNSET
    code: str | UnsetType = UNSET
    slug: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    seats: int | UnsetType | None = UNSET
    completion_percent: int | UnsetType = UNSET
    awards_certificate: bool | UnsetType = UNSET
    certificate_days: int | UnsetType | None = UNSET
    category_id: UUID | UnsetType | None = UNSET
    self_enrollment: bool | UnsetType = UNSET


async def find_many(work: UnitOfWork, ids: Sequence[UUID]) -> ByKey[Course]:
    """By id, those the reader may see."""
    scope = visibility.of_courses(work.context)

    async def fetch(missing: Sequence[UUID]) -> ByKey[Course]:
        return ByKey(await courses.find_visible(work.session, scope, missing))

    if not (scope.everything and work.reads_cache):
        return await fetch(ids)
    return ByKey(list((await work.read_through(_CACHED, ids, fetch)).values()))


async def by_code(work: UnitOfWork, codes: Sequence[str]) -> dict[str, Course]:
    """By the code as asked, those the reader may see."""
    scope = visibility.of_courses(work.context)
    # a text PostgreSQL cannot hold is nobody's code
    asked = {code: known for code in codes if (known := stored_form(code)) is not None}
    if not asked:
        return {}
    found = await courses.find_visible_by_codes(work.session, scope, list(asked.values()))
    by_stored = {course.code: course for course in found}
    return {code: by_stored[known] for code, known in asked.items() if known in by_stored}


async def list_page(
    work: UnitOfWork,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
    **only: Unpack[CourseFilter],
) -> Sequence[Course]:
    """The next `first` courses the reader may see, in that order."""
    scope = visibility.of_courses(work.context)
    return await courses.list_page(work.session, scope, after=after, first=first, order=order, **only)


async def count(work: UnitOfWork, **only: Unpack[CourseFilter]) -> int:
    return await courses.count(work.session, visibility.of_courses(work.context), **only)


async def create(work: UnitOfWork, draft: CourseDraft) -> Course:
    """A new course with its outline.

    Raise `ValidationError` naming the field, for a code or slug that is taken too; `NotFoundError` for an
    unknown category.
    """
    return (await create_many(work, [draft]))[0]


async def create_many(work: UnitOfWork, drafts: Sequence[CourseDraft]) -> list[Course]:
    """Like `create`, in input order, in as many statements as for one. After an error undo the unit."""
    work.context.require(Permission.COURSE_WRITE)
    made = [_rows(draft) for draft in drafts]
    module_rows = [row for _, rows, _ in made for row in rows]
    lesson_rows = [row for _, _, rows in made for row in rows]
    try:
        for batch in batches([course for course, _, _ in made]):
            await courses.insert_many(work.session, batch)
    except UniqueError as error:
        raise _taken(error) from error
    except ForeignKeyError as error:
        raise category.no_category("categoryId") from error
    for module_batch in batches(module_rows):
        await modules.insert_many(work.session, module_batch)
    for lesson_batch in batches(lesson_rows):
        await lessons.insert_many(work.session, lesson_batch)
    published = [course.id for course, _, _ in made if course.status == CourseStatus.PUBLISHED]
    for published_batch in batches(published):
        await course_version.keep_many(work, published_batch)
    for course, _, _ in made:
        _forget(work, course.id)
        work.record(EventType.COURSE_CREATED, course.id)
    return [course for course, _, _ in made]


async def update(work: UnitOfWork, id_: UUID, changes: CourseChanges, *, version: int) -> Course:
    """Change what `changes` names. `version`: that of the course as the author read it.

    Raise `ConflictError` when it has changed since, or is archived; `NotFoundError`; `ValidationError`, for
    fewer seats than are taken too. After an error undo the unit.
    """
    work.context.require(Permission.COURSE_WRITE)
    values = _accepted(changes)
    try:
        changed = await courses.update(work.session, id_, version, values)
    except UniqueError as error:
        raise _taken(error) from error
    except ForeignKeyError as error:
        raise category.no_category("categoryId") from error
    if changed is None:
        await _require_version(work, id_, version)
        raise _archived()
    if changes.seats is not UNSET:
        await seat.require_enough(work, changed)
        await path_opening.of_courses(work, [id_])
    if changes.completion_percent is not UNSET and changed.status == CourseStatus.PUBLISHED:
        await work.enqueue(RECOUNT_COURSE, {"course_id": id_}, dedupe_key=str(id_))
    _forget(work, id_)
    work.record(EventType.COURSE_UPDATED, id_, fields=values)
    return changed


async def publish(work: UnitOfWork, id_: UUID, *, version: int | None = None) -> Course:
    """Open a draft or archived course for enrollment, or keep what a published one has become.

    Nothing changes when it is what it was when it was published the last time. `version`: None for whichever
    there is. Raise `ConflictError`, `NotFoundError`, and `ValidationError` for a course without a lesson.
    """
    work.context.require(Permission.COURSE_WRITE)
    published = await courses.publish(work.session, id_, version)
    if published is None:
        return await _publish_again(work, id_, version)
    await course_version.keep_many(work, [id_])
    await work.enqueue(RECOUNT_COURSE, {"course_id": id_}, dedupe_key=str(id_))
    await path_opening.of_courses(work, [id_])
    _tell_published(work, id_)
    return published


async def _publish_again(work: UnitOfWork, id_: UUID, version: int | None) -> Course:
    """A course that was not opened just now: it is published, or cannot be."""
    # the authors of its lessons wait for it, and what it is now is compared by a statement after
    found = _of_version(await courses.hold(work.session, id_), version)
    if found.status != CourseStatus.PUBLISHED:
        raise _without_lesson()
    if not await course_version.keep_changes(work, id_):
        return found
    _tell_published(work, id_)
    return await _require_version(work, id_, None)


def _tell_published(work: UnitOfWork, id_: UUID) -> None:
    _forget(work, id_)
    work.publish(PUBLISHED_TOPIC, {"courseId": str(id_)})
    work.record(EventType.COURSE_PUBLISHED, id_)


async def archive(work: UnitOfWork, id_: UUID, *, version: int | None = None) -> Course:
    """Close a course for enrollment; who is enrolled keeps access.

    Nothing changes when it is archived already. Raise `ConflictError` and `NotFoundError`.
    """
    work.context.require(Permission.COURSE_WRITE)
    archived = await courses.archive(work.session, id_, version)
    if archived is None:
        return await _require_version(work, id_, version)
    _forget(work, id_)
    work.record(EventType.COURSE_ARCHIVED, id_)
    return archived


async def hold(work: UnitOfWork, id_: UUID) -> Course:
    """For a change of what is in the course: nobody else changes it, or what is in it, meanwhile.

    Raise `NotFoundError`, and `ConflictError` for an archived one.
    """
    found = await courses.hold(work.session, id_)
    _forget(work, id_)
    if found is None:
        raise _no_course()
    if found.status == CourseStatus.ARCHIVED:
        raise _archived()
    return found


async def touch(work: UnitOfWork, id_: UUID, *, version: int | None = None) -> Course:
    """Like `hold`, for a change of the list of its modules: the course has a new version.

    Raise `ConflictError` too when it is of another version than the one given.
    """
    touched = await courses.touch(work.session, id_, version)
    if touched is None:
        await _require_version(work, id_, version)
        raise _archived()
    _forget(work, id_)
    return touched


def require_lessons(course: Course, left: int) -> None:
    """Raise `ConflictError` for a published course that would have none left."""
    if course.status == CourseStatus.PUBLISHED and not left:
        raise ConflictError("A published course keeps a lesson: archive it first, or add another.")


def _forget(work: UnitOfWork, id_: UUID) -> None:
    work.invalidate(f"course:{id_}")


async def _require_version(work: UnitOfWork, id_: UUID, version: int | None) -> Course:
    """The course as it is. Raise `NotFoundError`, or `ConflictError` when it is of another version."""
    found = await courses.find_by_ids(work.session, [id_])
    return _of_version(found[0] if found else None, version)


def _of_version(found: Course | None, version: int | None) -> Course:
    """What was found, if so and of this version. Raise `NotFoundError` and `ConflictError`."""
    if found is None:
        raise _no_course()
    if version is not None and found.version != version:
        raise ConflictError
    return found


def _rows(draft: CourseDraft) -> tuple[Course, list[Module], list[Lesson]]:
    now, id_ = clock.now(), new_id()
    accepted = outline.accept_modules(draft.modules)
    if draft.published and not outline.has_lesson(accepted):
        raise _without_lesson()
    code = accept_line(draft.code, "code", longest=LONGEST_CODE)
    # a code without a Latin letter or digit: the random end of the id makes a slug nobody else has
    slug = accept_slug(draft.slug, "slug") if draft.slug is not None else slug_of(code) or id_.hex[-12:]
    course = Course(
        id=id_,
        code=code,
        slug=slug,
        title=accept_line(draft.title, "title", longest=LONGEST_TITLE),
        description=accept_text(draft.description, "description", longest=LONGEST_DESCRIPTION),
        status=str(CourseStatus.PUBLISHED if draft.published else CourseStatus.DRAFT),
        published_at=now if draft.published else None,
        archived_at=None,
        seats=seat.accept_seats(draft.seats),
        completion_percent=_accept_percent(draft.completion_percent),
        awards_certificate=draft.awards_certificate,
        certificate_days=accept_days(draft.certificate_days),
        category_id=draft.category_id,
        self_enrollment=draft.self_enrollment,
        course_version=int(draft.published),
        created_at=now,
        updated_at=now,
        version=1,
    )
    return course, *outline.rows_of(id_, accepted, now)


def _accepted(changes: CourseChanges) -> dict[str, Any]:
    """What was given, as it is stored. Raise `ValidationError`."""
    given = msgspec.structs.asdict(changes).items()
    return {name: _ACCEPT.get(name, _as_it_is)(value) for name, value in given if value is not UNSET}


def _as_it_is(value: Any) -> Any:
    return value


def _accept_percent(percent: int) -> int:
    if not 0 <= percent <= WHOLE:
        raise ValidationError("A percentage is between 0 and 100.", field="completionPercent")
    return percent


def accept_days(days: int | None) -> int | None:
    """How long a certificate is valid; None for ever. Raise `ValidationError`."""
    if days is not None and not 1 <= days <= LONGEST_VALIDITY:
        raise ValidationError(f"Days are between 1 and {LONGEST_VALIDITY:,}.", field="certificateDays")
    return days


_ACCEPT: Final[Mapping[str, Callable[[Any], Any]]] = {
    "title": lambda title: accept_line(title, "title", longest=LONGEST_TITLE),
    "code": lambda code: accept_line(code, "code", longest=LONGEST_CODE),
    "slug": lambda slug: accept_slug(slug, "slug"),
    "description": lambda text: accept_text(text, "description", longest=LONGEST_DESCRIPTION),
    "seats": seat.accept_seats,
    "completion_percent": _accept_percent,
    "certificate_days": accept_days,
}


def _taken(error: UniqueError) -> ValidationError:
    if error.constraint == "course_slug_unique":
        message = "Another course has this slug; where none is given it is made of the code."
        return ValidationError(message, field="slug")
    return ValidationError("Another course has this code.", field="code")


def _without_lesson() -> ValidationError:
    return ValidationError("A course needs a lesson before it can be published.", field="modules")


def _no_course() -> NotFoundError:
    return NotFoundError("There is no such course here.")


def _archived() -> ConflictError:
    return ConflictError("An archived course cannot be changed.")
