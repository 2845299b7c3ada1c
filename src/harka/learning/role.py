"""Roles of an organization's own. Nobody puts into one what they may not do, or gives away more than that."""

from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from harka import clock
from harka.auth.permissions import may_grant, permissions_named
from harka.errors import ConflictError, ForbiddenError, NotFoundError, ValidationError
from harka.ids import new_id
from harka.learning.text import accept_line
from harka.learning.work import UnitOfWork
from harka.repositories import role as roles
from harka.repositories.event import EventType
from harka.repositories.page import OLDEST_FIRST, Order, Position
from harka.repositories.role import CustomRole
from harka.rows import ByKey
from harka.storage.session import ForeignKeyError, UniqueError
from harka.tenancy.permission import EVERY_PERMISSION, Permission

LONGEST_NAME: Final = 60
GRANTABLE: Final = EVERY_PERMISSION - {Permission.ORGANIZATION_OWN}
"""What a custom role may hold: owners alone make owners."""


class RoleChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What is UNSET stays as it is."""

    name: str | UnsetType = UNSET
    permissions: Sequence[str] | UnsetType = UNSET


async def find_many(work: UnitOfWork, ids: Sequence[UUID]) -> ByKey[CustomRole]:
    """By id. Without `user:read` a person sees their own role."""
    context = work.context
    own = None if context.user is None else context.user.role_id
    asked = ids if context.allows(Permission.USER_READ) else [id_ for id_ in ids if id_ == own]
    return ByKey(await roles.find_by_ids(work.session, asked) if asked else [])


async def list_page(
    work: UnitOfWork,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
    name: str | None = None,
    permission: str | None = None,
) -> list[CustomRole]:
    """The next `first` in that order. `name`: a part of it, in any case. `permission`: that it has."""
    work.context.require(Permission.USER_READ)
    return await roles.list_page(
        work.session, after=after, first=first, order=order, name=name, permission=permission
    )


async def count(work: UnitOfWork, *, name: str | None = None, permission: str | None = None) -> int:
    work.context.require(Permission.USER_READ)
    return await roles.count(work.session, name=name, permission=permission)


async def create(work: UnitOfWork, *, name: str, permissions: Sequence[str]) -> CustomRole:
    """Raise `ValidationError` naming the field; `ForbiddenError` for what the actor may not do themselves.

    Like all changes of roles, not for a manager of groups (`ForbiddenError`): whoever holds it is everywhere.
    """
    _require_writer(work)
    now = clock.now()
    accepted = _accept_permissions(work, permissions)
    made = CustomRole(new_id(), accept_line(name, "name", longest=LONGEST_NAME), accepted, now, now, 1)
    try:
        await roles.insert(work.session, made)
    except UniqueError as error:
        raise _taken() from error
    work.record(EventType.ROLE_CREATED, made.id)
    return made


async def update(work: UnitOfWork, id_: UUID, changes: RoleChanges, *, version: int) -> CustomRole:
    """Whoever holds it may do what it says from their next request on.

    Raise `ConflictError` when it has changed since `version`; `ForbiddenError` for a role that may do, now or
    then, what the actor may not; `ValidationError`; `NotFoundError`.
    """
    held = await _hold(work, id_, version)
    changed: dict[str, object] = {}
    if changes.name is not UNSET:
        changed["name"] = accept_line(changes.name, "name", longest=LONGEST_NAME)
    if changes.permissions is not UNSET:
        changed["permissions"] = _accept_permissions(work, changes.permissions)
    work.record(EventType.ROLE_UPDATED, id_, fields=changed)
    try:
        return await roles.update(work.session, msgspec.structs.replace(held, **changed))
    except UniqueError as error:
        raise _taken() from error


async def delete(work: UnitOfWork, id_: UUID, *, version: int | None = None) -> CustomRole:
    """Answers what it was. Raise `ConflictError` while somebody holds it; else like `update`."""
    held = await _hold(work, id_, version)
    try:
        await roles.delete(work.session, id_)
    except ForeignKeyError as error:
        raise ConflictError("Somebody holds this role: give them another first.", field="id") from error
    work.record(EventType.ROLE_DELETED, id_)
    return held


async def permissions_of_many(work: UnitOfWork, ids: Iterable[UUID]) -> dict[UUID, frozenset[Permission]]:
    """What these roles may do, and will until this unit ends. Unknown ids are left out."""
    asked = sorted(set(ids))
    found = await roles.hold_many(work.session, asked) if asked else []
    return {each.id: permissions_named(each.permissions) for each in found}


def no_role(field: str = "roleId") -> NotFoundError:
    return NotFoundError("There is no such role here.", field=field)


def _require_writer(work: UnitOfWork) -> None:
    work.context.require(Permission.USER_WRITE)
    work.context.require_everybody()


async def _hold(work: UnitOfWork, id_: UUID, version: int | None) -> CustomRole:
    _require_writer(work)
    held = await roles.lock(work.session, id_)
    if held is None:
        raise no_role("id")
    if not may_grant(work.context, permissions_named(held.permissions)):
        raise ForbiddenError("Nobody can change a role that may do more than they may.")
    if version is not None and held.version != version:
        raise ConflictError
    return held


def _accept_permissions(work: UnitOfWork, permissions: Sequence[str]) -> list[str]:
    unknown = set(permissions) - GRANTABLE
    if unknown or not permissions:
        known = ", ".join(sorted(GRANTABLE))
        raise ValidationError(f"One or more of: {known}.", field="permissions")
    accepted = permissions_named(permissions)
    if not may_grant(work.context, accepted):
        raise ForbiddenError("Nobody can give what they may not do.")
    return sorted(accepted)


def _taken() -> ValidationError:
    return ValidationError("Another role has this name.", field="name")
