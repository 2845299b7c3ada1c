"""Who manages which groups. Who manages some sees and changes nobody but the people of these, and below."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from harka.auth.permissions import Role
from harka.errors import ConflictError, NotFoundError, ValidationError
from harka.learning import group, user
from harka.learning.user import UserDraft
from harka.learning.work import UnitOfWork
from harka.repositories import group_manager as managers
from harka.repositories.event import EventType
from harka.repositories.group import Group
from harka.repositories.user import User
from harka.storage.session import ForeignKeyError
from harka.tenancy.permission import Permission

MOST_MANAGED: Final = 20
"""Groups that somebody gets who comes in."""


async def assign(
    work: UnitOfWork, group_id: UUID, user_id: UUID, *, version: int | None = None
) -> tuple[Group, User, bool]:
    """Let a person manage a group, and see nobody beyond their groups. Answers whether that is new.

    From their next request on; their role says what they may do there. Raise `NotFoundError`;
    `ValidationError` for an owner, whom nothing bounds; `ConflictError` for oneself, and for a person of
    another `version`; `ForbiddenError` for who may do more than the actor, and for an actor who manages some
    groups only.
    """
    held, person = await _held(work, group_id, user_id, version)
    if person.role == Role.OWNER:
        raise ValidationError("An owner sees everybody.", field="userId")
    is_new = await managers.insert(work.session, group_id, user_id)
    if is_new:
        work.record(EventType.GROUP_MANAGER_ASSIGNED, group_id, user_id=user_id)
    return held, person, is_new


async def unassign(
    work: UnitOfWork, group_id: UUID, user_id: UUID, *, frees: bool = False, version: int | None = None
) -> tuple[Group, User, bool]:
    """Take a group from its manager, who sees nobody else after the last one. Answers whether they had it.

    `frees`: once they have none they see everybody whom their role lets them see. Raise like `assign`.
    """
    held, person = await _held(work, group_id, user_id, version)
    had = await managers.delete(work.session, group_id, user_id, frees=frees)
    if had:
        work.record(EventType.GROUP_MANAGER_UNASSIGNED, group_id, user_id=user_id)
    return held, person, had


async def create(work: UnitOfWork, draft: UserDraft, group_ids: Sequence[UUID]) -> User:
    """Somebody new who manages these groups from the first moment; of none, like `user.create`.

    Raise like that, and `NotFoundError` for an unknown group. After an error undo the unit.
    """
    asked = accept_managed(work, draft.role, group_ids)
    made = await user.create(work, draft)
    if asked:
        try:
            await managers.insert_many(work.session, made.id, asked)
        except ForeignKeyError as error:
            raise no_managed_group() from error
    for group_id in asked:
        work.record(EventType.GROUP_MANAGER_ASSIGNED, group_id, user_id=made.id)
    return made


def accept_managed(work: UnitOfWork, role: str, group_ids: Sequence[UUID]) -> list[UUID]:
    """What somebody new may be given to manage. Raise `ValidationError`, `ForbiddenError`."""
    if not group_ids:
        return []
    work.context.require_everybody()
    asked = sorted(set(group_ids))
    if len(asked) > MOST_MANAGED:
        raise ValidationError(f"At most {MOST_MANAGED} groups.", field="managedGroupIds")
    if role == Role.OWNER:
        raise ValidationError("An owner sees everybody.", field="managedGroupIds")
    return asked


def no_managed_group() -> NotFoundError:
    return NotFoundError("One of these groups is not here.", field="managedGroupIds")


async def _held(work: UnitOfWork, group_id: UUID, user_id: UUID, version: int | None) -> tuple[Group, User]:
    work.context.require(Permission.USER_WRITE)
    work.context.require_everybody()
    if work.context.user is not None and work.context.user.id == user_id:
        raise ConflictError("Nobody gives groups to themselves.", field="userId")
    # the group before the person, as everywhere, so that two writers cannot deadlock
    held = await group.hold(work, group_id, field="groupId")
    return held, await user.hold(work, user_id, version=version, field="userId")
