"""What a user is made of: which values are accepted, and which roles the actor may give."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from harka import clock
from harka.auth.permissions import PERMISSIONS, Role, may_grant, permissions_of
from harka.errors import ForbiddenError, TakenError, ValidationError
from harka.ids import new_id
from harka.learning import role as roles
from harka.learning.locale import accept_locale, accept_timezone
from harka.learning.text import LONGEST_NAME, accept_email, accept_line
from harka.learning.work import UnitOfWork
from harka.repositories.user import User, UserStatus
from harka.tenancy.permission import Permission


def row_of(work: UnitOfWork, given: Mapping[str, Any]) -> User:
    """A new user of what was `accepted`, active unless it says otherwise; `require_grantable` comes after."""
    status = given.get("status", UserStatus.ACTIVE)
    return new_row(str(status), **accepted(work, {name: given[name] for name in given if name != "status"}))


def new_row(status: str = UserStatus.ACTIVE, **attributes: Any) -> User:
    """A new user."""
    now = clock.now()
    return User(id=new_id(), status=str(status), created_at=now, updated_at=now, version=1, **attributes)


def accepted(work: UnitOfWork, given: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of a user. A role of the organization's own goes before a built-in one."""
    role_id = given.get("role_id")
    passed_over = {"role_id"} if role_id is None else {"role_id", "role"}
    values = {name: _ACCEPT[name](work, given[name]) for name in given if name not in passed_over}
    if role_id is not None:
        return values | {"role": str(Role.CUSTOM), "role_id": role_id}
    if "role" in given:
        return values | {"role_id": None}
    if "role_id" in given:
        raise ValidationError("Name the role that they shall have instead.", field="roleId")
    return values


async def allowed_to(work: UnitOfWork, user: User) -> frozenset[Permission]:
    """What the role allows; of one of the organization's own it is held."""
    if user.role_id is None:
        return permissions_of(user.role)
    return (await roles.permissions_of_many(work, [user.role_id]))[user.role_id]


async def require_grantable(work: UnitOfWork, people: Sequence[User]) -> None:
    """Raise unless every role of the organization's own is there and allows no more than the actor may do."""
    await _require_grantable(work, {each.role_id for each in people if each.role_id is not None})


async def _require_grantable(work: UnitOfWork, asked: Collection[UUID]) -> None:
    found = await roles.permissions_of_many(work, asked)
    if len(found) < len(asked):
        raise roles.no_role()
    if not all(may_grant(work.context, permissions) for permissions in found.values()):
        raise _beyond()


async def grantable_role(work: UnitOfWork, role: str, role_id: UUID | None) -> tuple[str, UUID | None]:
    """As a user has them. Raise for a role that is not there, or that the actor may not give."""
    if role_id is None:
        return _accept_role(work, role), None
    await _require_grantable(work, {role_id})
    return str(Role.CUSTOM), role_id


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


def taken() -> TakenError:
    return TakenError("Another user has this address.", field="email")
