from collections.abc import Sequence
from typing import Final
from uuid import UUID

from harka.errors import NotFoundError, ValidationError
from harka.learning import group, user, visibility
from harka.learning.work import UnitOfWork
from harka.repositories import group_member as members
from harka.repositories import user as users
from harka.repositories.event import EventType
from harka.repositories.group import Group
from harka.repositories.group_member import GroupMember
from harka.repositories.scope import Scope
from harka.repositories.user import User
from harka.tenancy.permission import Permission

MOST_MEMBERS: Final = 1_000
"""Of one call."""


async def users_by_group(
    work: UnitOfWork, group_ids: Sequence[UUID], *, first: int, after: UUID | None = None
) -> dict[UUID, list[User]]:
    """The next `first` of each whom the reader may see, by their ids; empty ones are left out."""
    scope = _seen(work)
    pairs = await members.next_of_groups(work.session, scope, group_ids, after=after, first=first)
    found = await user.find_many(work, list({pair.user_id for pair in pairs})) if pairs else {}
    listed: dict[UUID, list[User]] = {}
    for pair in pairs:
        if pair.user_id in found:
            listed.setdefault(pair.group_id, []).append(found[pair.user_id])
    return listed


async def groups_by_user(
    work: UnitOfWork, user_ids: Sequence[UUID], *, first: int, after: UUID | None = None
) -> dict[UUID, list[Group]]:
    """The next `first` of each, in the order of their ids; who is in none, or not to be seen, is left out.

    Without `user:read` a person sees which they are in themselves.
    """
    scope = visibility.of_users(work.context)
    asked = _visible(scope, user_ids)
    if not asked:
        return {}
    pairs = await members.next_of_users(work.session, scope, asked, after=after, first=first)
    found = await group.find_many(work, list({pair.group_id for pair in pairs})) if pairs else {}
    listed: dict[UUID, list[Group]] = {}
    for pair in pairs:
        # a group that was deleted meanwhile, by a writing unit, is gone
        if pair.group_id in found:
            listed.setdefault(pair.user_id, []).append(found[pair.group_id])
    return listed


async def count_by_group(work: UnitOfWork, group_ids: Sequence[UUID]) -> dict[UUID, int]:
    """How many the reader may see; empty ones are left out."""
    return await members.count_of_groups(work.session, _seen(work), group_ids)


async def count_by_user(work: UnitOfWork, user_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Who is in none, or not to be seen, is left out."""
    scope = visibility.of_users(work.context)
    asked = _visible(scope, user_ids)
    return await members.count_of_users(work.session, scope, asked) if asked else {}


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


def _seen(work: UnitOfWork) -> Scope:
    work.context.require(Permission.USER_READ)
    return visibility.of_users(work.context)


def _visible(scope: Scope, user_ids: Sequence[UUID]) -> Sequence[UUID]:
    """Of a manager of groups the statement tells."""
    if scope.everything or scope.manager is not None:
        return user_ids
    return [id_ for id_ in user_ids if id_ == scope.user]


async def _require_visible(work: UnitOfWork, user_ids: Sequence[UUID]) -> None:
    scope = visibility.to_change(work.context)
    if len(await users.statuses(work.session, scope, user_ids)) != len(user_ids):
        raise NotFoundError("Somebody of them is not here.", field="userIds")


def _accepted(user_ids: Sequence[UUID]) -> list[UUID]:
    """Each once, in one order everywhere so that two writers cannot deadlock."""
    if len(user_ids) > MOST_MEMBERS:
        raise ValidationError(f"At most {MOST_MEMBERS} people at once.", field="userIds")
    return sorted(set(user_ids))
