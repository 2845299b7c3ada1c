"""What courses are sorted by: each is in one category or in none. Who may read courses reads categories."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from harka import clock
from harka.errors import ConflictError, NotFoundError, ValidationError
from harka.ids import new_id
from harka.learning.text import accept_line
from harka.learning.work import UnitOfWork
from harka.repositories import category as categories
from harka.repositories.category import Category
from harka.repositories.event import EventType
from harka.repositories.page import BY_NAME, Order, Position
from harka.rows import ByKey
from harka.storage.session import UniqueError
from harka.tenancy.permission import Permission

LONGEST_NAME: Final = 100


async def find_many(work: UnitOfWork, ids: Sequence[UUID]) -> ByKey[Category]:
    work.context.require(Permission.COURSE_READ)
    return ByKey(await categories.find_by_ids(work.session, ids))


async def list_page(
    work: UnitOfWork,
    *,
    after: Position | None,
    first: int,
    order: Order = BY_NAME,
    name: str | None = None,
) -> Sequence[Category]:
    """The next `first` in that order. `name`: a part of it, in any case; None for any."""
    work.context.require(Permission.COURSE_READ)
    return await categories.list_page(work.session, after=after, first=first, order=order, name=name)


async def count(work: UnitOfWork, *, name: str | None = None) -> int:
    work.context.require(Permission.COURSE_READ)
    return await categories.count(work.session, name=name)


async def create(work: UnitOfWork, name: str) -> Category:
    """A new category of no course yet. Raise `ValidationError`, for a name that is taken too."""
    work.context.require(Permission.COURSE_WRITE)
    now = clock.now()
    made = Category(new_id(), accept_line(name, "name", longest=LONGEST_NAME), now, now, 1)
    try:
        await categories.insert(work.session, made)
    except UniqueError as error:
        raise _taken() from error
    work.invalidate("category")
    work.record(EventType.CATEGORY_CREATED, made.id)
    return made


async def rename(work: UnitOfWork, id_: UUID, name: str, *, version: int) -> Category:
    """Raise `ConflictError` for another `version`; `ValidationError`; `NotFoundError`."""
    work.context.require(Permission.COURSE_WRITE)
    accepted = accept_line(name, "name", longest=LONGEST_NAME)
    try:
        renamed = await categories.update(work.session, id_, version, accepted)
    except UniqueError as error:
        raise _taken() from error
    if renamed is None:
        raise await _stale(work, id_)
    work.invalidate("category")
    work.record(EventType.CATEGORY_UPDATED, id_, fields=["name"])
    return renamed


async def delete(work: UnitOfWork, id_: UUID, *, version: int | None = None) -> None:
    """Courses that were in it are in none. Raise `ConflictError` for another `version`; `NotFoundError`."""
    work.context.require(Permission.COURSE_WRITE)
    if not await categories.delete(work.session, id_, version):
        raise await _stale(work, id_)
    work.invalidate()
    work.record(EventType.CATEGORY_DELETED, id_)


def no_category(field: str) -> NotFoundError:
    return NotFoundError("There is no such category here.", field=field)


async def _stale(work: UnitOfWork, id_: UUID) -> ConflictError:
    if not await categories.find_by_ids(work.session, [id_]):
        raise no_category("id")
    return ConflictError()


def _taken() -> ValidationError:
    return ValidationError("Another category has this name.", field="name")
