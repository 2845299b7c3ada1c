"""Learning paths: ways through several courses, in an order or in any."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from harka import clock
from harka.errors import ConflictError, NotFoundError, ValidationError
from harka.ids import new_id
from harka.learning import course, visibility
from harka.learning.text import LONGEST_DESCRIPTION, LONGEST_TITLE, accept_line, accept_text
from harka.learning.work import UnitOfWork
from harka.queue.message import RECOUNT_PATH
from harka.repositories import course as courses
from harka.repositories import path as paths
from harka.repositories.course import Course, CourseStatus
from harka.repositories.event import EventType
from harka.repositories.page import OLDEST_FIRST, Order, Position
from harka.repositories.path import LearningPath, PathStatus
from harka.rows import ByKey
from harka.storage.session import ForeignKeyError
from harka.tenancy.permission import Permission

MOST_COURSES: Final = 100


class PathDraft(msgspec.Struct, frozen=True, kw_only=True):
    """`required_count`: how many of the courses complete it, None for all."""

    title: str
    description: str = ""
    course_ids: Sequence[UUID] = ()
    is_sequential: bool = True
    required_count: int | None = None
    awards_certificate: bool = False
    certificate_days: int | None = None


class PathChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What is UNSET stays as it is."""

    title: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    course_ids: Sequence[UUID] | UnsetType = UNSET
    is_sequential: bool | UnsetType = UNSET
    required_count: int | UnsetType | None = UNSET
    awards_certificate: bool | UnsetType = UNSET
    certificate_days: int | UnsetType | None = UNSET


async def find_many(work: UnitOfWork, ids: Sequence[UUID]) -> ByKey[LearningPath]:
    """By id, those the reader may see: authors all, others what is published and what they are on."""
    scope = visibility.of_courses(work.context)
    return ByKey(await paths.find_visible(work.session, scope, ids))


async def list_page(
    work: UnitOfWork,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
    status: str | None = None,
    title: str | None = None,
) -> Sequence[LearningPath]:
    """The next `first` that the reader may see, in that order. `title`: a part of it, in any case."""
    scope = visibility.of_courses(work.context)
    return await paths.list_page(
        work.session, scope, after=after, first=first, order=order, status=status, title=title
    )


async def count(work: UnitOfWork, *, status: str | None = None, title: str | None = None) -> int:
    scope = visibility.of_courses(work.context)
    return await paths.count(work.session, scope, status=status, title=title)


async def courses_by_path(work: UnitOfWork, ids: Sequence[UUID]) -> dict[UUID, list[Course]]:
    """In order, those courses that the reader may see; in two statements."""
    found = await paths.courses_of(work.session, ids)
    known = await course.find_many(work, list({each.course_id for each in found})) if found else {}
    of: dict[UUID, list[Course]] = {}
    for each in found:
        if each.course_id in known:
            of.setdefault(each.path_id, []).append(known[each.course_id])
    return of


async def create(work: UnitOfWork, draft: PathDraft) -> LearningPath:
    """A new draft. Raise `ValidationError`; `NotFoundError` for an unknown course."""
    work.context.require(Permission.COURSE_WRITE)
    now, course_ids = clock.now(), _accept_courses(draft.course_ids)
    made = LearningPath(
        id=new_id(),
        title=accept_line(draft.title, "title", longest=LONGEST_TITLE),
        description=accept_text(draft.description, "description", longest=LONGEST_DESCRIPTION),
        status=str(PathStatus.DRAFT),
        is_sequential=draft.is_sequential,
        required_count=_accept_count(draft.required_count, len(course_ids)),
        awards_certificate=draft.awards_certificate,
        certificate_days=course.accept_days(draft.certificate_days),
        published_at=None,
        archived_at=None,
        created_at=now,
        updated_at=now,
        version=1,
    )
    await paths.insert(work.session, made)
    await _set_courses(work, made.id, course_ids)
    work.record(EventType.LEARNING_PATH_CREATED, made.id)
    return made


async def update(work: UnitOfWork, id_: UUID, changes: PathChanges, *, version: int) -> LearningPath:
    """Change what `changes` names. Who is on the path is worked out again; who has completed it stays so.

    Raise `ConflictError` for another `version` and an archived path; `ValidationError`, for a published path
    that would lead nowhere, or to a course that is not published, too; `NotFoundError`, of a course too.
    """
    held = await _hold(work, id_, version)
    if held.status == PathStatus.ARCHIVED:
        raise ConflictError("An archived learning path cannot be changed.")
    given = {name: value for name, value in msgspec.structs.asdict(changes).items() if value is not UNSET}
    if "title" in given:
        given["title"] = accept_line(given["title"], "title", longest=LONGEST_TITLE)
    if "description" in given:
        given["description"] = accept_text(given["description"], "description", longest=LONGEST_DESCRIPTION)
    if "certificate_days" in given:
        given["certificate_days"] = course.accept_days(given["certificate_days"])
    told = list(given)
    if "course_ids" in given:
        course_ids: Sequence[UUID] = _accept_courses(given.pop("course_ids"))
        if held.status == PathStatus.PUBLISHED:
            await _require_open(work, id_, course_ids)
        await _set_courses(work, id_, course_ids)
    else:
        course_ids = [each.course_id for each in await paths.courses_of(work.session, [id_])]
    required = given.get("required_count", held.required_count)
    given["required_count"] = _accept_count(required, len(course_ids))
    changed = await paths.update(work.session, msgspec.structs.replace(held, **given))
    if held.status == PathStatus.PUBLISHED:
        await work.enqueue(RECOUNT_PATH, {"path_id": str(id_)}, dedupe_key=str(id_))
    work.record(EventType.LEARNING_PATH_UPDATED, id_, fields=told)
    return changed


async def publish(work: UnitOfWork, id_: UUID, *, version: int | None = None) -> LearningPath:
    """Open a path. Nothing changes when it is published already.

    Raise `ConflictError` for another `version`; `ValidationError` for a path without a course, or with one
    that is not published; `NotFoundError`.
    """
    held = await _hold(work, id_, version)
    if held.status == PathStatus.PUBLISHED:
        return held
    found = await paths.courses_of(work.session, [id_])
    if not found:
        raise _without_course()
    if any(each.status != CourseStatus.PUBLISHED for each in found):
        raise _with_closed_course()
    published = msgspec.structs.replace(
        held,
        status=str(PathStatus.PUBLISHED),
        published_at=held.published_at or clock.now(),
        archived_at=None,
    )
    await work.enqueue(RECOUNT_PATH, {"path_id": str(id_)}, dedupe_key=str(id_))
    work.record(EventType.LEARNING_PATH_PUBLISHED, id_)
    return await paths.update(work.session, published)


async def archive(work: UnitOfWork, id_: UUID, *, version: int | None = None) -> LearningPath:
    """Let nobody onto a path any more; who is on it stays, and opens no more courses.

    Nothing changes when it is archived already. Raise `ConflictError` for another `version`; `NotFoundError`.
    """
    held = await _hold(work, id_, version)
    if held.status == PathStatus.ARCHIVED:
        return held
    archived = msgspec.structs.replace(held, status=str(PathStatus.ARCHIVED), archived_at=clock.now())
    work.record(EventType.LEARNING_PATH_ARCHIVED, id_)
    return await paths.update(work.session, archived)


def no_path(field: str | None = None) -> NotFoundError:
    return NotFoundError("There is no such learning path here.", field=field)


async def _hold(work: UnitOfWork, id_: UUID, version: int | None) -> LearningPath:
    work.context.require(Permission.COURSE_WRITE)
    held = await paths.hold(work.session, id_)
    if held is None:
        raise no_path("id")
    if version is not None and held.version != version:
        raise ConflictError
    return held


async def _set_courses(work: UnitOfWork, id_: UUID, course_ids: Sequence[UUID]) -> None:
    try:
        await paths.set_courses(work.session, id_, course_ids)
    except ForeignKeyError as error:
        raise NotFoundError("There is no such course here.", field="courseIds") from error


async def _require_open(work: UnitOfWork, id_: UUID, course_ids: Sequence[UUID]) -> None:
    """Raise unless a published path leads somewhere. What is on it already may have been archived since."""
    if not course_ids:
        raise _without_course()
    known = {each.course_id for each in await paths.courses_of(work.session, [id_])}
    added = [id_ for id_ in course_ids if id_ not in known]
    found = await courses.lock_status(work.session, added)
    if any(each.status != CourseStatus.PUBLISHED for each in found):
        raise _with_closed_course()


def _accept_courses(ids: Sequence[UUID]) -> list[UUID]:
    if len(ids) > MOST_COURSES:
        raise ValidationError(f"A learning path has at most {MOST_COURSES} courses.", field="courseIds")
    if len(set(ids)) < len(ids):
        raise ValidationError("Name each course once.", field="courseIds")
    return list(ids)


def _accept_count(required: int | None, courses: int) -> int | None:
    if required is not None and not 1 <= required <= courses:
        raise ValidationError("Required are between 1 and all of its courses.", field="requiredCount")
    return required


def _with_closed_course() -> ValidationError:
    return ValidationError("Every course of it must be published.", field="courseIds")


def _without_course() -> ValidationError:
    return ValidationError("A published learning path has a course.", field="courseIds")
