"""What courses are about: each has any number of tags. Who may read courses reads tags."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from harka import clock
from harka.errors import ConflictError, NotFoundError, ValidationError
from harka.ids import new_id
from harka.learning import course
from harka.learning.text import accept_line
from harka.learning.work import UnitOfWork
from harka.repositories import tag as tags
from harka.repositories.course import Course
from harka.repositories.event import EventType
from harka.repositories.page import BY_NAME, Order, Position
from harka.repositories.tag import Tag
from harka.rows import ByKey
from harka.storage.session import ForeignKeyError, UniqueError
from harka.tenancy.permission import Permission

LONGEST_NAME: Final = 100
MOST_OF_COURSE: Final = 50


async def find_many(work: UnitOfWork, ids: Sequence[UUID]) -> ByKey[Tag]:
    work.context.require(Permission.COURSE_READ)
    return ByKey(await tags.find_by_ids(work.session, ids))


async def list_page(
    work: UnitOfWork,
    *,
    after: Position | None,
    first: int,
    order: Order = BY_NAME,
    name: str | None = None,
) -> Sequence[Tag]:
    """The next `first` in that order. `name`: a part of it, in any case; None for any."""
    work.context.require(Permission.COURSE_READ)
    return await tags.list_page(work.session, after=after, first=first, order=order, name=name)


async def count(work: UnitOfWork, *, name: str | None = None) -> int:
    work.context.require(Permission.COURSE_READ)
    return await tags.count(work.session, name=name)


async def create(work: UnitOfWork, name: str) -> Tag:
    """A new tag of no course yet. Raise `ValidationError`, for a name that is taken too."""
    work.context.require(Permission.COURSE_WRITE)
    now = clock.now()
    made = Tag(new_id(), accept_line(name, "name", longest=LONGEST_NAME), now, now, 1)
    try:
        await tags.insert(work.session, made)
    except UniqueError as error:
        raise _taken() from error
    work.invalidate("tag")
    work.record(EventType.TAG_CREATED, made.id)
    return made


async def rename(work: UnitOfWork, id_: UUID, name: str, *, version: int) -> Tag:
    """Raise `ConflictError` for another `version`; `ValidationError`; `NotFoundError`."""
    work.context.require(Permission.COURSE_WRITE)
    accepted = accept_line(name, "name", longest=LONGEST_NAME)
    try:
        renamed = await tags.update(work.session, id_, version, accepted)
    except UniqueError as error:
        raise _taken() from error
    if renamed is None:
        raise await _stale(work, id_)
    work.invalidate("tag")
    work.record(EventType.TAG_UPDATED, id_, fields=["name"])
    return renamed


async def delete(work: UnitOfWork, id_: UUID, *, version: int | None = None) -> None:
    """Courses that had it lose it. Raise `ConflictError` for another `version`; `NotFoundError`."""
    work.context.require(Permission.COURSE_WRITE)
    if not await tags.delete(work.session, id_, version):
        raise await _stale(work, id_)
    work.invalidate("tag")
    work.record(EventType.TAG_DELETED, id_)


async def by_course(work: UnitOfWork, course_ids: Sequence[UUID]) -> dict[UUID, list[Tag]]:
    """By name; courses without any are left out. For courses that the reader may see."""
    work.context.require(Permission.COURSE_READ)
    return await tags.of_courses(work.session, course_ids)


async def set_of_course(work: UnitOfWork, course_id: UUID, ids: Sequence[UUID], *, version: int) -> Course:
    """Let a course have these tags and no others; it has a new version, which is the answer.

    Raise `ConflictError` for an archived course or another `version`; `ValidationError`; `NotFoundError`.
    """
    work.context.require(Permission.COURSE_WRITE)
    wanted = sorted(set(ids))
    if len(wanted) > MOST_OF_COURSE:
        raise ValidationError(f"A course has at most {MOST_OF_COURSE} tags.", field="tagIds")
    touched = await course.touch(work, course_id, version=version)
    try:
        await tags.set_of_course(work.session, course_id, wanted)
    except ForeignKeyError as error:
        raise _no_tag("tagIds") from error
    work.record(EventType.COURSE_UPDATED, course_id, fields=["tags"])
    return touched


def _no_tag(field: str) -> NotFoundError:
    return NotFoundError("There is no such tag here.", field=field)


async def _stale(work: UnitOfWork, id_: UUID) -> ConflictError:
    if not await tags.find_by_ids(work.session, [id_]):
        raise _no_tag("id")
    return ConflictError()


def _taken() -> ValidationError:
    return ValidationError("Another tag has this name.", field="name")
