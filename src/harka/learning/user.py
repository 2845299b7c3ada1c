from collections.abc import Sequence
from functools import partial
from typing import Final, Unpack
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from harka.auth.permissions import Role, may_grant
from harka.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    PlanLimitError,
    UnauthenticatedError,
    ValidationError,
)
from harka.learning import break_glass, path_opening, visibility
from harka.learning.batch import batches
from harka.learning.user_row import accepted, allowed_to, require_grantable, row_of, taken
from harka.learning.work import UnitOfWork
from harka.repositories import api_key as api_keys
from harka.repositories import session as sessions
from harka.repositories import user as users
from harka.repositories.event import EventType
from harka.repositories.page import OLDEST_FIRST, Order, Position
from harka.repositories.user import User, UserFilter, UserStatus
from harka.rows import ByKey
from harka.storage.session import UniqueError
from harka.tenancy.context import ActorKind, TenantContext
from harka.tenancy.entitlement import limits_for
from harka.tenancy.permission import Permission
from harka.tenancy.plan import Resource

# what is different after every change
_COUNTED: Final = frozenset({"updated_at", "version"})


class UserDraft(msgspec.Struct, frozen=True, kw_only=True):
    """`locale` (BCP 47) and `timezone` (IANA name): None for the organization's.

    `role_id`: a role of the organization's own, in place of `role`. Who is inactive takes no seat.
    """

    email: str
    name: str
    role: str = Role.LEARNER
    locale: str | None = None
    timezone: str | None = None
    role_id: UUID | None = None
    status: str = UserStatus.ACTIVE


class UserChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What is UNSET stays as it is. `role`, `role_id`: one of them at most takes the place of both."""

    email: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    role: str | UnsetType = UNSET
    locale: str | UnsetType | None = UNSET
    timezone: str | UnsetType | None = UNSET
    role_id: UUID | UnsetType | None = UNSET


async def find_many(work: UnitOfWork, ids: Sequence[UUID]) -> ByKey[User]:
    """By id, those the reader may see."""
    scope = visibility.of_users(work.context)
    if scope.manager is not None:
        return ByKey(await users.find_visible(work.session, scope, ids))
    asked = ids if scope.everything else [id_ for id_ in ids if id_ == scope.user]
    return ByKey(await users.find_by_ids(work.session, asked) if asked else [])


async def list_page(
    work: UnitOfWork,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
    **only: Unpack[UserFilter],
) -> Sequence[User]:
    """The next `first` users the reader may see, in that order."""
    scope = visibility.of_users(work.context)
    if scope.everything:
        return await users.list_page(work.session, after=after, first=first, order=order, **only)
    if scope.manager is not None:
        return await users.page_of_manager(
            work.session, scope.manager, after=after, first=first, order=order, **only
        )
    # a position in a list of one is that of the one
    return (await _own(work, only))[:first] if after is None else []


async def count(work: UnitOfWork, **only: Unpack[UserFilter]) -> int:
    scope = visibility.of_users(work.context)
    if scope.everything:
        return await users.count(work.session, **only)
    if scope.manager is not None:
        return await users.count_of_manager(work.session, scope.manager, **only)
    return len(await _own(work, only))


async def create(work: UnitOfWork, draft: UserDraft) -> User:
    """A new active user.

    Raise `ValidationError` naming the field, for an address that is taken too; `ForbiddenError` for a role
    that may do what the actor may not; `PlanLimitError` when no seat is left.
    """
    return (await create_many(work, [draft]))[0]


async def create_many(work: UnitOfWork, drafts: Sequence[UserDraft]) -> list[User]:
    """Like `create`, in input order, in as many statements as for one. After an error undo the unit.

    Raise `ForbiddenError` for a manager of groups, who would not see whom they made.
    """
    work.context.require(Permission.USER_WRITE)
    work.context.require_everybody()
    made = [row_of(work, msgspec.structs.asdict(draft)) for draft in drafts]
    await require_grantable(work, made)
    await require_seats(work, sum(each.status == UserStatus.ACTIVE for each in made))
    await insert_many(work, made)
    return made


async def update(work: UnitOfWork, id_: UUID, changes: UserChanges, *, version: int) -> User:
    """Change what `changes` names. `version`: that of the user as the editor read them.

    Raise `ConflictError` when they have changed since, or are the last owner, or one who must be able to come
    in (`break_glass`), and would be none any more;
    `ForbiddenError` for who may do more than the actor, now or then; `ValidationError`; `NotFoundError`.
    """
    held = await hold(work, id_, version=version)
    given = {name: value for name, value in msgspec.structs.asdict(changes).items() if value is not UNSET}
    changed = msgspec.structs.replace(held, **accepted(work, given))
    if given.keys() & {"role", "role_id"}:
        await require_grantable(work, [changed])
    is_owner_no_more = changed.role != held.role and held.role == Role.OWNER
    if is_owner_no_more:
        await _require_other_owner(work, held)
    record_changes(work, held, changed)
    written = await write(work, changed)
    if is_owner_no_more:
        await break_glass.require_kept(work)
    return written


async def deactivate(work: UnitOfWork, id_: UUID, *, version: int | None = None) -> User:
    """Let somebody in no more; their seat is free. Nothing changes when they are inactive already.

    Raise `ConflictError` for oneself, for the last owner, one who must be able to come in (`break_glass`),
    and another `version`; `ForbiddenError` for who may do more than the actor; `NotFoundError`.
    """
    held = await hold(work, id_, version=version)
    if work.context.user is not None and work.context.user.id == id_:
        raise ConflictError("Nobody can deactivate themselves.", field="id")
    if held.status == UserStatus.INACTIVE:
        return held
    if held.role == Role.OWNER:
        await _require_other_owner(work, held)
    # who is let in again signs in again, and makes new keys
    await sessions.revoke_others(work.session, id_, None)
    work.record(EventType.USER_DEACTIVATED, id_)
    written = await write(work, msgspec.structs.replace(held, status=str(UserStatus.INACTIVE)))
    if held.role == Role.OWNER:
        await break_glass.require_kept(work)
    # not before: were this undone, their keys would be gone all the same
    work.after_commit(partial(api_keys.revoke_of_person, work.outside.catalog, work.context.id, id_))
    return written


async def reactivate(work: UnitOfWork, id_: UUID, *, version: int | None = None) -> User:
    """Let somebody in again, who signs in anew. Nothing changes when they are active already.

    Raise `PlanLimitError` when no seat is left; `ConflictError` for another `version`; `ForbiddenError` for
    who may do more than the actor; `NotFoundError`.
    """
    held = await hold(work, id_, version=version)
    if held.status == UserStatus.ACTIVE:
        return held
    await require_seats(work, 1)
    work.record(EventType.USER_REACTIVATED, id_)
    await path_opening.of_person(work, id_)
    written = await write(work, msgspec.structs.replace(held, status=str(UserStatus.ACTIVE)))
    # no key of theirs comes to life again, also one that nobody was left to revoke after the other commit
    await api_keys.revoke_of_person(work.outside.catalog, work.context.id, id_)
    return written


async def hold(work: UnitOfWork, id_: UUID, *, version: int | None = None, field: str = "id") -> User:
    """Keep a person, who may do no more than the actor, as they are until this unit ends.

    Raise `NotFoundError`, of `field`; `ForbiddenError` for who may do more; `ConflictError` for another
    version.
    """
    work.context.require(Permission.USER_WRITE)
    held = await users.lock(work.session, visibility.to_change(work.context), id_)
    if held is None:
        raise NotFoundError("There is no such user here.", field=field)
    if not may_grant(work.context, await allowed_to(work, held)):
        raise ForbiddenError("Nobody can change who may do more than they may.")
    if version is not None and held.version != version:
        raise ConflictError
    return held


def myself(context: TenantContext, *, version: int | None = None) -> User:
    """As the actor was when they were let in.

    Raise `ValidationError` for a program, which is nobody; `UnauthenticatedError` for who is not known;
    `ConflictError` for another `version`.
    """
    if context.user is None:
        if context.actor.kind is ActorKind.ANONYMOUS:
            raise UnauthenticatedError
        raise ValidationError("This is for people, not for programs.")
    if version is not None and context.user.version != version:
        raise ConflictError
    return context.user


async def _require_other_owner(work: UnitOfWork, owner: User) -> None:
    if owner.status == UserStatus.ACTIVE and not await users.count_others_locked(
        work.session, Role.OWNER, owner.id
    ):
        raise ConflictError("An organization keeps an active owner.", field="id")


async def insert_many(work: UnitOfWork, made: Sequence[User]) -> None:
    """Who may be made. Raise `ValidationError` for an address that is taken."""
    try:
        for batch in batches(made):
            await users.insert_many(work.session, batch)
    except UniqueError as error:
        raise taken() from error
    _forget(work, made)
    for each in made:
        work.record(EventType.USER_CREATED, each.id)


def record_changes(work: UnitOfWork, before: User, after: User) -> None:
    """The event of what is different now, beside whether they may sign in."""
    told, now = msgspec.structs.asdict(before), msgspec.structs.asdict(after)
    changed = [name for name in told if told[name] != now[name] and name not in _COUNTED]
    work.record(EventType.USER_UPDATED, after.id, fields=changed)


async def write_many(work: UnitOfWork, people: Sequence[User]) -> list[User]:
    """Like `write`, in as many statements as for one, and not of who may sign in."""
    try:
        written = await users.update_many(work.session, people)
    except UniqueError as error:
        raise taken() from error
    _forget(work, people)
    return written


async def write(work: UnitOfWork, user: User) -> User:
    """What is held and may be changed. Raise `ValidationError` for an address that is taken."""
    try:
        written = await users.update(work.session, user)
    except UniqueError as error:
        raise taken() from error
    _forget(work, [user])
    return written


async def _own(work: UnitOfWork, only: UserFilter) -> Sequence[User]:
    """The reader as a list of one, unless a filter says otherwise."""
    me = work.context.user
    return [] if me is None else await users.find_matching(work.session, me.id, **only)


async def require_seats(work: UnitOfWork, wanted: int) -> None:
    """Raise `PlanLimitError` unless the plan has so many more, or that is only counted."""
    seats = await count_seats(work)
    if seats is not None and wanted > seats.free and (error := seats.refusal(work)) is not None:
        raise error


class Seats(msgspec.Struct, frozen=True):
    """Of a plan that does not have any number of them. `taken`: by active people."""

    taken: int
    limit: int

    @property
    def free(self) -> int:
        return max(0, self.limit - self.taken)

    def refusal(self, work: UnitOfWork, given: int = 0) -> PlanLimitError | None:
        """Why somebody finds none, who is counted; None where they are no more than counted.

        `given`: how many this unit has given away before.
        """
        if work.lets_pass(Resource.USERS):
            return None
        return PlanLimitError(
            f"No seat is left for them: the organization's plan has {self.limit:,} users.",
            resource=Resource.USERS,
            limit=self.limit,
            used=self.taken + given,
        )


async def count_seats(work: UnitOfWork) -> Seats | None:
    """Nobody else gets an answer until this unit ends; None for any number."""
    limit = limits_for(work.context.organization).users
    return None if limit is None else Seats(await users.count_seats_locked(work.session), limit)


def _forget(work: UnitOfWork, people: Sequence[User]) -> None:
    for user in people:
        work.invalidate(f"user:{user.id}")
