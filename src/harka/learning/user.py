from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Unpack
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from harka import clock
from harka.auth.permissions import PERMISSIONS, Role, may_grant, permissions_of
from harka.errors import ConflictError, ForbiddenError, NotFoundError, PlanLimitError, ValidationError
from harka.ids import new_id
from harka.learning import role as roles
from harka.learning import visibility
from harka.learning.batch import batches
from harka.learning.locale import accept_locale, accept_timezone
from harka.learning.text import LONGEST_NAME, accept_email, accept_line
from harka.learning.work import UnitOfWork
from harka.repositories import user as users
from harka.repositories.page import OLDEST_FIRST, Order, Position
from harka.repositories.user import User, UserFilter, UserStatus
from harka.rows import ByKey
from harka.storage.session import UniqueError
from harka.tenancy.permission import Permission
from harka.tenancy.plan import limits_of


class UserDraft(msgspec.Struct, frozen=True, kw_only=True):
    """`locale` (BCP 47) and `timezone` (IANA name): None for the organization's.

    `role_id`: a role of the organization's own, in place of `role`.
    """

    email: str
    name: str
    role: str = Role.LEARNER
    locale: str | None = None
    timezone: str | None = None
    role_id: UUID | None = None


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
    made = [_row(work, draft) for draft in drafts]
    await _require_grantable(work, made)
    await _require_seats(work, len(made))
    try:
        for batch in batches(made):
            await users.insert_many(work.session, batch)
    except UniqueError as error:
        raise _taken() from error
    work.invalidate()
    return made


async def update(work: UnitOfWork, id_: UUID, changes: UserChanges, *, version: int) -> User:
    """Change what `changes` names. `version`: that of the user as the editor read them.

    Raise `ConflictError` when they have changed since, or are the last owner and would be none any more;
    `ForbiddenError` for who may do more than the actor, now or then; `ValidationError`; `NotFoundError`.
    """
    held = await hold(work, id_, version=version)
    given = {name: value for name, value in msgspec.structs.asdict(changes).items() if value is not UNSET}
    accepted = msgspec.structs.replace(held, **_accepted(work, given))
    if given.keys() & {"role", "role_id"}:
        await _require_grantable(work, [accepted])
    if accepted.role != held.role and held.role == Role.OWNER:
        await _require_other_owner(work, held)
    return await _written(work, accepted)


async def deactivate(work: UnitOfWork, id_: UUID, *, version: int | None = None) -> User:
    """Let somebody in no more; their seat is free. Nothing changes when they are inactive already.

    Raise `ConflictError` for oneself, for the last owner, and for another `version`; `ForbiddenError` for who
    may do more than the actor; `NotFoundError`.
    """
    held = await hold(work, id_, version=version)
    if work.context.user is not None and work.context.user.id == id_:
        raise ConflictError("Nobody can deactivate themselves.", field="id")
    if held.status == UserStatus.INACTIVE:
        return held
    if held.role == Role.OWNER:
        await _require_other_owner(work, held)
    return await _written(work, msgspec.structs.replace(held, status=str(UserStatus.INACTIVE)))


async def reactivate(work: UnitOfWork, id_: UUID, *, version: int | None = None) -> User:
    """Let somebody in again. Nothing changes when they are active already.

    Raise `PlanLimitError` when no seat is left; `ConflictError` for another `version`; `ForbiddenError` for
    who may do more than the actor; `NotFoundError`.
    """
    held = await hold(work, id_, version=version)
    if held.status == UserStatus.ACTIVE:
        return held
    await _require_seats(work, 1)
    return await _written(work, msgspec.structs.replace(held, status=str(UserStatus.ACTIVE)))


async def hold(work: UnitOfWork, id_: UUID, *, version: int | None = None, field: str = "id") -> User:
    """Keep a person, who may do no more than the actor, as they are until this unit ends.

    Raise `NotFoundError`, of `field`; `ForbiddenError` for who may do more; `ConflictError` for another
    version.
    """
    work.context.require(Permission.USER_WRITE)
    held = await users.lock(work.session, visibility.to_change(work.context), id_)
    if held is None:
        raise NotFoundError("There is no such user here.", field=field)
    if not may_grant(work.context, await _allowed_to(work, held)):
        raise ForbiddenError("Nobody can change who may do more than they may.")
    if version is not None and held.version != version:
        raise ConflictError
    return held


async def _require_other_owner(work: UnitOfWork, owner: User) -> None:
    if owner.status == UserStatus.ACTIVE and not await users.count_others_locked(
        work.session, Role.OWNER, owner.id
    ):
        raise ConflictError("An organization keeps an active owner.", field="id")


async def _written(work: UnitOfWork, user: User) -> User:
    try:
        written = await users.update(work.session, user)
    except UniqueError as error:
        raise _taken() from error
    work.invalidate()
    return written


async def _own(work: UnitOfWork, only: UserFilter) -> Sequence[User]:
    """The reader as a list of one, unless a filter says otherwise."""
    me = work.context.user
    return [] if me is None else await users.find_matching(work.session, me.id, **only)


async def _require_seats(work: UnitOfWork, wanted: int) -> None:
    limit = limits_of(work.context.organization.plan).users
    if limit is not None and await users.count_seats_locked(work.session) + wanted > limit:
        raise PlanLimitError(f"The organization's plan has {limit} users.")


def _taken() -> ValidationError:
    return ValidationError("Another user has this address.", field="email")


def _row(work: UnitOfWork, draft: UserDraft) -> User:
    now = clock.now()
    return User(
        id=new_id(),
        status=str(UserStatus.ACTIVE),
        created_at=now,
        updated_at=now,
        version=1,
        **_accepted(work, msgspec.structs.asdict(draft)),
    )


def _accepted(work: UnitOfWork, given: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of a user. A role of the organization's own goes before a built-in one."""
    role_id = given.get("role_id")
    passed_over = {"role_id"} if role_id is None else {"role_id", "role"}
    accepted = {name: _ACCEPT[name](work, given[name]) for name in given if name not in passed_over}
    if role_id is not None:
        return accepted | {"role": str(Role.CUSTOM), "role_id": role_id}
    if "role" in given:
        return accepted | {"role_id": None}
    if "role_id" in given:
        raise ValidationError("Name the role that they shall have instead.", field="roleId")
    return accepted


async def _allowed_to(work: UnitOfWork, user: User) -> frozenset[Permission]:
    if user.role_id is None:
        return permissions_of(user.role)
    return (await roles.permissions_of_many(work, [user.role_id]))[user.role_id]


async def _require_grantable(work: UnitOfWork, people: Sequence[User]) -> None:
    """Raise unless every role of the organization's own is there and allows no more than the actor may do."""
    asked = {each.role_id for each in people if each.role_id is not None}
    found = await roles.permissions_of_many(work, asked)
    if len(found) < len(asked):
        raise roles.no_role()
    if not all(may_grant(work.context, permissions) for permissions in found.values()):
        raise _beyond()


def _beyond() -> ForbiddenError:
    return ForbiddenError("Nobody can give a role that may do more than they may.")


def _accept_email(_: UnitOfWork, email: str) -> str:
    return accept_email(email, "email")


def _accept_name(_: UnitOfWork, name: str) -> str:
    return accept_line(name, "name", longest=LONGEST_NAME)


def _accept_locale(_: UnitOfWork, locale: str | None) -> str | None:
    return None if locale is None else accept_locale(locale)


def _accept_timezone(_: UnitOfWork, timezone: str | None) -> str | None:
    return None if timezone is None else accept_timezone(timezone)


def _accept_role(work: UnitOfWork, role: str) -> str:
    if role not in PERMISSIONS:
        raise ValidationError("There is no such role, or it is to be named by roleId.", field="role")
    if not may_grant(work.context, permissions_of(role)):
        raise _beyond()
    return str(role)


_ACCEPT: Final[Mapping[str, Callable[[UnitOfWork, Any], Any]]] = {
    "email": _accept_email,
    "name": _accept_name,
    "role": _accept_role,
    "locale": _accept_locale,
    "timezone": _accept_timezone,
}
