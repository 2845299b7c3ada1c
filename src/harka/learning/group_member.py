from collections.abc import Sequence
from typing import Final
from uuid import UUID

from harka.errors import NotFoundError, ValidationError
from harka.learning import group, visibility
from harka.learning.work import UnitOfWork
from harka.repositories import group_member as members
from harka.repositories import user as users
from harka.repositories.event import EventType
from harka.repositories.group import Group
from harka.repositories.group_member import GroupMember
from harka.tenancy.permission import Permission

MOST_MEMBERS: Final = 1_000
"""Of one call."""


async def add(
    work: UnitOfWork, group_id: UUID, user_ids: Sequence[UUID], *, version: int | None = None
) -> tuple[Group, int]:
    """Put people into a group. Answers it, and how many are new in it. `version`: of the group, None for any.

    Raise `ValidationError` for more than `MOST_MEMBERS`; `NotFoundError` for an unknown group or person, and
    then nobody is added; `ForbiddenError` for a group that a manager of groups does not manage;
    `ConflictError` for another `version`.
    """
    work.context.require(Permission.USER_WRITE)
    asked = _accepted(user_ids)
    held = await group.hold(work, group_id, version=version)
    await group.require_managed(work, [group_id])
    await _require_visible(work, asked)
    return held, len(
        _told(work, EventType.GROUP_MEMBER_ADDED, await members.insert_many(work.session, group_id, asked))
    )


async def remove(
    work: UnitOfWork, group_id: UUID, user_ids: Sequence[UUID], *, version: int | None = None
) -> tuple[Group, int]:
    """Take people out of a group. Answers it, and how many were in it; who was not is no error.

    Raise `ValidationError` for more than `MOST_MEMBERS`; `NotFoundError` for an unknown group; of a manager
    of groups `ForbiddenError` for another group, `NotFoundError` for a person of another group;
    `ConflictError` for another `version` of the group.
    """
    work.context.require(Permission.USER_WRITE)
    asked = _accepted(user_ids)
    held = await group.hold(work, group_id, version=version)
    await group.require_managed(work, [group_id])
    if work.context.manager is not None:
        await _require_visible(work, asked)
    return held, len(
        _told(work, EventType.GROUP_MEMBER_REMOVED, await members.delete_many(work.session, group_id, asked))
    )


async def leave_all(work: UnitOfWork, user_id: UUID) -> int:
    """Take somebody, who is held, out of every group. Answers in how many they were."""
    work.context.require(Permission.USER_WRITE)
    work.context.require_everybody()
    return len(
        _told(work, EventType.GROUP_MEMBER_REMOVED, await members.delete_of_user(work.session, user_id))
    )


def _told(work: UnitOfWork, type_: EventType, pairs: Sequence[GroupMember]) -> Sequence[GroupMember]:
    for pair in pairs:
        work.record(type_, pair.group_id, user_id=pair.user_id)
    return pairs


async def _require_visible(work: UnitOfWork, user_ids: Sequence[UUID]) -> None:
    scope = visibility.to_change(work.context)
    if len(await users.statuses(work.session, scope, user_ids)) != len(user_ids):
        raise NotFoundError("Somebody of them is not here.", field="userIds")


def _accepted(user_ids: Sequence[UUID]) -> list[UUID]:
    """Each once, in one order everywhere so that two writers cannot deadlock."""
    if len(user_ids) > MOST_MEMBERS:
        raise ValidationError(f"At most {MOST_MEMBERS} people at once.", field="userIds")
    return sorted(set(user_ids))
