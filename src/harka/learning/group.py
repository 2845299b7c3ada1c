"""Groups of people as a tree. Who may read people reads groups; who may write people writes them.

Everybody reads which they are in themselves.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from harka import clock
from harka.errors import ConflictError, ForbiddenError, NotFoundError, ValidationError
from harka.ids import new_id
from harka.learning import visibility
from harka.learning.text import LONGEST_NAME, accept_line
from harka.learning.work import UnitOfWork
from harka.repositories import group as groups
from harka.repositories.event import EventType
from harka.repositories.group import ALL, Group, GroupFilter
from harka.repositories.page import OLDEST_FIRST, Order, Position
from harka.rows import ByKey, Grouped
from harka.storage.session import ForeignKeyError
from harka.tenancy.permission import Permission

MOST_LEVELS: Final = 10
"""Of the tree; `user_group_path.distance` is bounded by it."""


class GroupChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What is UNSET stays as it is. `parent_id`: None for the top."""

    name: str | UnsetType = UNSET
    parent_id: UUID | UnsetType | None = UNSET


async def find_many(work: UnitOfWork, ids: Sequence[UUID]) -> ByKey[Group]:
    """By id. Without `user:read` a person finds the groups that they are in themselves, and no other."""
    scope = visibility.of_users(work.context)
    member = None if work.context.allows(Permission.USER_READ) else scope.user
    return ByKey(await groups.find_by_ids(work.session, ids, member=member))


async def list_page(
    work: UnitOfWork,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
    name: str | None = None,
    is_top: bool | None = None,
) -> Sequence[Group]:
    """The next `first` of every level in that order.

    `name`: a part, in any case. `is_top`: below none, or below one. None for any.
    """
    work.context.require(Permission.USER_READ)
    return await groups.list_page(
        work.session, after=after, first=first, order=order, name=name, is_top=is_top
    )


async def count(work: UnitOfWork, *, name: str | None = None, is_top: bool | None = None) -> int:
    work.context.require(Permission.USER_READ)
    return await groups.count(work.session, name=name, is_top=is_top)


async def pages_by_parent(
    work: UnitOfWork,
    parent_ids: Sequence[UUID],
    only: GroupFilter = ALL,
    *,
    first: int,
    order: Order = OLDEST_FIRST,
) -> Grouped[Group]:
    """The first `first` directly below each, in the order; parents of none are left out."""
    work.context.require(Permission.USER_READ)
    found = await groups.first_of_parents(work.session, parent_ids, only, first=first, order=order)
    return Grouped(found, "parent_id")


async def page_of_parent(
    work: UnitOfWork,
    parent_id: UUID,
    only: GroupFilter = ALL,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
) -> Sequence[Group]:
    """The next `first` directly below it, in the order."""
    work.context.require(Permission.USER_READ)
    return await groups.page_of_parent(work.session, parent_id, only, after=after, first=first, order=order)


async def count_by_parent(
    work: UnitOfWork, parent_ids: Sequence[UUID], only: GroupFilter = ALL
) -> dict[UUID, int]:
    """How many are directly below each; parents of none are left out."""
    work.context.require(Permission.USER_READ)
    return await groups.count_of_parents(work.session, parent_ids, only)


async def create(work: UnitOfWork, *, name: str, parent_id: UUID | None = None) -> Group:
    """A new group without people. Raise `ValidationError`, also for a tree too deep; `NotFoundError`.

    Like all changes of the tree, not for a manager of groups (`ForbiddenError`): who could move a branch
    below their own would see its people.
    """
    work.context.require(Permission.USER_WRITE)
    work.context.require_everybody()
    now = clock.now()
    made = Group(new_id(), parent_id, accept_line(name, "name", longest=LONGEST_NAME), now, now, 1)
    if parent_id is not None:
        await groups.lock_tree(work.session)
        await _require_place(work, parent_id, made.id)
    await groups.insert(work.session, made)
    work.record(EventType.GROUP_CREATED, made.id)
    return made


async def update(work: UnitOfWork, id_: UUID, changes: GroupChanges, *, version: int) -> Group:
    """Rename a group or move it with all below it. `version`: that of the group as the editor read it.

    Raise `ConflictError` when it has changed since; `ValidationError` for a place below itself or too deep;
    `NotFoundError` for an unknown group or parent.
    """
    work.context.require(Permission.USER_WRITE)
    work.context.require_everybody()
    changed: dict[str, object] = {}
    if changes.name is not UNSET:
        changed["name"] = accept_line(changes.name, "name", longest=LONGEST_NAME)
    if changes.parent_id is not UNSET:
        # before the group: whoever holds a group waits for nobody who holds the tree
        await groups.lock_tree(work.session)
    held = await hold(work, id_, version=version)
    if changes.parent_id is not UNSET and changes.parent_id != held.parent_id:
        if changes.parent_id is not None:
            await _require_place(work, changes.parent_id, id_)
        await groups.move(work.session, id_, changes.parent_id)
        changed["parent_id"] = changes.parent_id
    work.record(EventType.GROUP_UPDATED, id_, fields=changed)
    return await groups.update(work.session, msgspec.structs.replace(held, **changed))


async def delete(work: UnitOfWork, id_: UUID, *, version: int | None = None) -> Group:
    """Take a group away; who was in it stays in the organization. Answers what it was.

    Raise `ConflictError` while groups are below it or somebody manages it, and for another `version`;
    `NotFoundError`. After an error undo the unit.
    """
    work.context.require(Permission.USER_WRITE)
    work.context.require_everybody()
    await groups.lock_tree(work.session)
    held = await hold(work, id_, version=version)
    if await groups.count_of_parents(work.session, [id_]):
        raise ConflictError("Groups are below it: move or delete them first.", field="id")
    try:
        await groups.delete(work.session, id_)
    except ForeignKeyError as error:
        raise ConflictError("Somebody manages it: take it from them first.", field="id") from error
    work.record(EventType.GROUP_DELETED, id_)
    return held


async def hold(work: UnitOfWork, id_: UUID, *, version: int | None = None, field: str = "id") -> Group:
    """Keep a group as it is until this unit ends.

    Raise `NotFoundError`; `ConflictError` for another `version`.
    """
    held = await groups.lock(work.session, id_)
    if held is None:
        raise NotFoundError("There is no such group here.", field=field)
    if version is not None and held.version != version:
        raise ConflictError
    return held


async def require_managed(work: UnitOfWork, ids: Sequence[UUID]) -> None:
    """Raise `ForbiddenError` when the actor, a manager of groups, manages not all of these, or none above."""
    manager = work.context.manager
    if manager is not None and await groups.managed(work.session, manager, ids) != set(ids):
        raise ForbiddenError("This is for who manages the group, or one above it.")


async def _require_place(work: UnitOfWork, parent_id: UUID, id_: UUID) -> None:
    place = await groups.place_below(work.session, parent_id, id_)
    if not place.level:
        raise NotFoundError("There is no such group here.", field="parentId")
    if place.is_below:
        raise ValidationError("A group cannot be below itself.", field="parentId")
    if place.level + 1 + place.height > MOST_LEVELS:
        raise ValidationError(f"The tree has at most {MOST_LEVELS} levels.", field="parentId")
