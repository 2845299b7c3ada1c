from collections.abc import Sequence
from uuid import UUID

import msgspec

from harka import clock
from harka.auth.permissions import Role, permissions_of
from harka.errors import ForbiddenError, PlanLimitError, ValidationError
from harka.ids import new_id
from harka.learning import visibility
from harka.learning.batch import batches
from harka.learning.text import LONGEST_NAME, accept_email, accept_line
from harka.learning.work import UnitOfWork
from harka.repositories import user as users
from harka.repositories.page import Position
from harka.repositories.user import User, UserStatus
from harka.rows import ByKey
from harka.storage.session import UniqueError
from harka.tenancy.permission import Permission
from harka.tenancy.plan import limits_of

_LONGEST_LOCALE = 35
_LONGEST_TIMEZONE = 64


class UserDraft(msgspec.Struct, frozen=True, kw_only=True):
    """`locale` (BCP 47) and `timezone` (IANA name): None for the organization's."""

    email: str
    name: str
    role: str = Role.LEARNER
    locale: str | None = None
    timezone: str | None = None


async def find_many(work: UnitOfWork, ids: Sequence[UUID]) -> ByKey[User]:
    """By id, those the reader may see."""
    scope = visibility.of_users(work.context)
    asked = ids if scope.everything else [id_ for id_ in ids if id_ == scope.user]
    return ByKey(await users.find_by_ids(work.session, asked) if asked else [])


async def list_page(
    work: UnitOfWork,
    *,
    after: Position | None,
    first: int,
    role: str | None = None,
    status: str | None = None,
) -> Sequence[User]:
    """The next `first` users the reader may see, oldest first."""
    scope = visibility.of_users(work.context)
    if scope.everything:
        return await users.list_page(work.session, after=after, first=first, role=role, status=status)
    found = await _own(work, role=role, status=status)
    return [user for user in found if after is None or (user.created_at, user.id) > after][:first]


async def count(work: UnitOfWork, *, role: str | None = None, status: str | None = None) -> int:
    if visibility.of_users(work.context).everything:
        return await users.count(work.session, role=role, status=status)
    return len(await _own(work, role=role, status=status))


async def create(work: UnitOfWork, draft: UserDraft) -> User:
    """A new active user.

    Raise `ValidationError` naming the field, for an address that is taken too; `ForbiddenError` for a role
    that may do what the actor may not; `PlanLimitError` when no seat is left.
    """
    return (await create_many(work, [draft]))[0]


async def create_many(work: UnitOfWork, drafts: Sequence[UserDraft]) -> list[User]:
    """Like `create`, in input order, in as many statements as for one. After an error undo the unit."""
    work.context.require(Permission.USER_WRITE)
    made = [_row(work, draft) for draft in drafts]
    await _require_seats(work, len(made))
    try:
        for batch in batches(made):
            await users.insert_many(work.session, batch)
    except UniqueError as error:
        raise ValidationError("Another user has this address.", field="email") from error
    work.invalidate()
    return made


async def _own(work: UnitOfWork, *, role: str | None, status: str | None) -> list[User]:
    """The reader as a list of one, unless a filter says otherwise."""
    me = work.context.user
    found = [] if me is None else await users.find_by_ids(work.session, [me.id])
    return [user for user in found if role in {None, user.role} and status in {None, user.status}]


async def _require_seats(work: UnitOfWork, wanted: int) -> None:
    limit = limits_of(work.context.organization.plan).users
    if limit is not None and await users.count_seats_locked(work.session) + wanted > limit:
        raise PlanLimitError(f"The organization's plan has {limit} users.")


def _row(work: UnitOfWork, draft: UserDraft) -> User:
    now = clock.now()
    return User(
        id=new_id(),
        email=accept_email(draft.email, "email"),
        name=accept_line(draft.name, "name", longest=LONGEST_NAME),
        role=_accept_role(work, draft.role),
        status=str(UserStatus.ACTIVE),
        locale=None if draft.locale is None else accept_line(draft.locale, "locale", longest=_LONGEST_LOCALE),
        timezone=None
        if draft.timezone is None
        else accept_line(draft.timezone, "timezone", longest=_LONGEST_TIMEZONE),
        created_at=now,
        updated_at=now,
        version=1,
    )


def _accept_role(work: UnitOfWork, role: str) -> str:
    if role not in frozenset(Role):
        raise ValidationError("There is no such role.", field="role")
    if not permissions_of(role) <= work.context.permissions:
        raise ForbiddenError("Nobody can give a role that may do more than they may.")
    return str(role)
