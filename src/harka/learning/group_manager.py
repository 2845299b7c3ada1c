"""Who manages which groups. Who manages some sees and changes nobody but the people of these, and below."""

from collections.abc import Sequence
from uuid import UUID

from harka.auth.permissions import Role
from harka.errors import ConflictError, ValidationError
from harka.learning import group, user, visibility
from harka.learning.work import UnitOfWork
from harka.repositories import group_manager as managers
from harka.repositories.group import Group
from harka.repositories.scope import Scope
from harka.repositories.user import User
from harka.tenancy.permission import Permission


async def users_by_group(
    work: UnitOfWork, group_ids: Sequence[UUID], *, first: int, after: UUID | None = None
) -> dict[UUID, list[User]]:
    """The next `first` of each whom the reader may see, by their ids; groups without any are left out."""
    scope = _seen(work)
    pairs = await managers.next_of_groups(work.session, scope, group_ids, after=after, first=first)
    found = await user.find_many(work, list({pair.user_id for pair in pairs})) if pairs else {}
    listed: dict[UUID, list[User]] = {}
    for pair in pairs:
        if pair.user_id in found:
            listed.setdefault(pair.group_id, []).append(found[pair.user_id])
    return listed


async def groups_by_user(
    work: UnitOfWork, user_ids: Sequence[UUID], *, first: int, after: UUID | None = None
) -> dict[UUID, list[Group]]:
    """The next `first` of each, in the order of their ids; who manages none is left out."""
    scope = _seen(work)
    pairs = await managers.next_of_users(work.session, scope, user_ids, after=after, first=first)
    found = await group.find_many(work, list({pair.group_id for pair in pairs})) if pairs else {}
    listed: dict[UUID, list[Group]] = {}
    for pair in pairs:
        if pair.group_id in found:
            listed.setdefault(pair.user_id, []).append(found[pair.group_id])
    return listed


async def count_by_group(work: UnitOfWork, group_ids: Sequence[UUID]) -> dict[UUID, int]:
    """How many the reader may see; groups without any are left out."""
    return await managers.count_of_groups(work.session, _seen(work), group_ids)


async def count_by_user(work: UnitOfWork, user_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Who manages none, or is not to be seen, is left out."""
    return await managers.count_of_users(work.session, _seen(work), user_ids)


async def assign(work: UnitOfWork, group_id: UUID, user_id: UUID) -> tuple[Group, User, bool]:
    """Let a person manage a group, and see nobody beyond their groups. Answers whether that is new.

    From their next request on; their role says what they may do there. Raise `NotFoundError`;
    `ValidationError` for an owner, whom nothing bounds; `ConflictError` for oneself; `ForbiddenError` for who
    may do more than the actor, and for an actor who manages some groups only.
    """
    held, person = await _held(work, group_id, user_id)
    if person.role == Role.OWNER:
        raise ValidationError("An owner sees everybody.", field="userId")
    return held, person, await managers.insert(work.session, group_id, user_id)


async def unassign(work: UnitOfWork, group_id: UUID, user_id: UUID) -> tuple[Group, User, bool]:
    """Take a group from its manager, who sees everybody after the last one. Answers whether they had it.

    Raise like `assign`.
    """
    held, person = await _held(work, group_id, user_id)
    return held, person, await managers.delete(work.session, group_id, user_id)


async def _held(work: UnitOfWork, group_id: UUID, user_id: UUID) -> tuple[Group, User]:
    work.context.require(Permission.USER_WRITE)
    work.context.require_everybody()
    if work.context.user is not None and work.context.user.id == user_id:
        raise ConflictError("Nobody gives groups to themselves.", field="userId")
    # the group before the person, as everywhere, so that two writers cannot deadlock
    return await group.hold(work, group_id, field="groupId"), await user.hold(work, user_id, field="userId")


def _seen(work: UnitOfWork) -> Scope:
    work.context.require(Permission.USER_READ)
    return visibility.of_users(work.context)
