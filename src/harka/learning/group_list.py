"""Lists between groups and people: who is in a group, who manages it, and which groups those are.

They hold the ids first, in their order; people and groups are found by these, like everywhere.
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar
from uuid import UUID

from harka.learning import group, user, visibility
from harka.learning.work import UnitOfWork
from harka.repositories import group_list as lists
from harka.repositories.group import ALL, Group, GroupFilter
from harka.repositories.group_list import EVERYBODY, PeopleFilter, Tie, Tied
from harka.repositories.page import BY_ID, Order, Position
from harka.repositories.scope import Scope
from harka.repositories.user import User
from harka.tenancy.permission import Permission

T = TypeVar("T")


async def people_by_group(
    work: UnitOfWork,
    tie: Tie,
    group_ids: Sequence[UUID],
    only: PeopleFilter = EVERYBODY,
    *,
    first: int,
    order: Order = BY_ID,
) -> dict[UUID, list[User]]:
    """The first `first` of each whom the reader may see, in the order; groups without any are left out."""
    scope = _reading(work)
    pairs = await lists.first_of_groups(work.session, scope, tie, group_ids, only, first=first, order=order)
    return await _people(work, pairs)


async def page_of_group(
    work: UnitOfWork,
    tie: Tie,
    group_id: UUID,
    only: PeopleFilter = EVERYBODY,
    *,
    after: Position | None,
    first: int,
    order: Order = BY_ID,
) -> list[User]:
    """The next `first` whom the reader may see, in the order."""
    scope = _reading(work)
    pairs = await lists.page_of_group(
        work.session, scope, tie, group_id, only, after=after, first=first, order=order
    )
    return (await _people(work, pairs)).get(group_id, [])


async def groups_by_user(
    work: UnitOfWork,
    tie: Tie,
    user_ids: Sequence[UUID],
    only: GroupFilter = ALL,
    *,
    first: int,
    order: Order = BY_ID,
) -> dict[UUID, list[Group]]:
    """The first `first` of each, in the order; who has none, or is not to be seen, is left out.

    Without `user:read` a person sees which they are in themselves.
    """
    scope = _of_users(work, tie, only)
    asked = _visible(scope, user_ids)
    if not asked:
        return {}
    pairs = await lists.first_of_users(work.session, scope, tie, asked, only, first=first, order=order)
    return await _groups(work, pairs)


async def page_of_user(
    work: UnitOfWork,
    tie: Tie,
    user_id: UUID,
    only: GroupFilter = ALL,
    *,
    after: Position | None,
    first: int,
    order: Order = BY_ID,
) -> list[Group]:
    """The next `first`, in the order; like `groups_by_user`."""
    scope = _of_users(work, tie, only)
    if not _visible(scope, [user_id]):
        return []
    pairs = await lists.page_of_user(
        work.session, scope, tie, user_id, only, after=after, first=first, order=order
    )
    return (await _groups(work, pairs)).get(user_id, [])


async def count_by_group(
    work: UnitOfWork, tie: Tie, group_ids: Sequence[UUID], only: PeopleFilter = EVERYBODY
) -> dict[UUID, int]:
    """How many the reader may see; groups without any are left out."""
    return await lists.count_of_groups(work.session, _reading(work), tie, group_ids, only)


async def count_by_user(
    work: UnitOfWork, tie: Tie, user_ids: Sequence[UUID], only: GroupFilter = ALL
) -> dict[UUID, int]:
    """Who has none, or is not to be seen, is left out."""
    scope = _of_users(work, tie, only)
    asked = _visible(scope, user_ids)
    return await lists.count_of_users(work.session, scope, tie, asked, only) if asked else {}


async def _people(work: UnitOfWork, pairs: Sequence[Tied]) -> dict[UUID, list[User]]:
    found = await user.find_many(work, list({pair.user_id for pair in pairs})) if pairs else {}
    return _listed([(pair.group_id, pair.user_id) for pair in pairs], found)


async def _groups(work: UnitOfWork, pairs: Sequence[Tied]) -> dict[UUID, list[Group]]:
    found = await group.find_many(work, list({pair.group_id for pair in pairs})) if pairs else {}
    return _listed([(pair.user_id, pair.group_id) for pair in pairs], found)


def _listed(pairs: Sequence[tuple[UUID, UUID]], found: Mapping[UUID, T]) -> dict[UUID, list[T]]:
    """What belongs to what. Whatever was deleted meanwhile, by a writing unit, is gone."""
    listed: dict[UUID, list[T]] = {}
    for of, id_ in pairs:
        if id_ in found:
            listed.setdefault(of, []).append(found[id_])
    return listed


def _reading(work: UnitOfWork) -> Scope:
    work.context.require(Permission.USER_READ)
    return visibility.of_users(work.context)


def _of_users(work: UnitOfWork, tie: Tie, only: GroupFilter) -> Scope:
    """Which groups people are in they see of themselves; what they manage is for who reads people.

    So is whether a group is below another: that one they may not see.
    """
    if tie == Tie.MEMBER and only.is_top is None:
        return visibility.of_users(work.context)
    return _reading(work)


def _visible(scope: Scope, user_ids: Sequence[UUID]) -> Sequence[UUID]:
    """Of a manager of groups the statement tells."""
    if scope.everything or scope.manager is not None:
        return user_ids
    return [id_ for id_ in user_ids if id_ == scope.user]
