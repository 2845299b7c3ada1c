"""Who asks, in which organization, with which permissions: made once per request, job or socket."""

import enum
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any
from uuid import UUID

import msgspec

from harka import clock
from harka.errors import ForbiddenError, UnauthenticatedError
from harka.repositories.organization import Organization
from harka.repositories.user import User
from harka.tenancy.permission import EVERY_PERMISSION, Permission


class ActorKind(enum.StrEnum):
    ANONYMOUS = "anonymous"
    USER = "user"
    API_KEY = "api_key"
    SCIM = "scim"
    JOB = "job"
    OPERATOR = "operator"


class Actor(msgspec.Struct, frozen=True):
    """`id`: of the user, API key, SCIM token or job; None for others. `name`: never a personal datum."""

    kind: ActorKind
    id: UUID | None = None
    name: str = ""


ANONYMOUS = Actor(ActorKind.ANONYMOUS)


class TenantContext(msgspec.Struct, frozen=True, kw_only=True):
    """`user` is the person who acts, when a person acts. `deadline`: monotonic seconds, None for no limit.

    `manages_groups`: the person has groups to manage, and sees nobody else than the people in these.
    `session`: in which they are signed in, if they are. `place`: of the gate, for each unit of work; nothing
    where whoever made the context holds one around it all, or has no gate.
    """

    organization: Organization
    actor: Actor
    user: User | None = None
    permissions: frozenset[Permission] = frozenset()
    manages_groups: bool = False
    request_id: str = ""
    deadline: float | None = None
    session: UUID | None = None
    place: Callable[[], AbstractAsyncContextManager[None]] = nullcontext

    @property
    def id(self) -> UUID:
        return self.organization.id

    @property
    def settings(self) -> Mapping[str, Any]:
        return self.organization.settings

    @property
    def manager(self) -> UUID | None:
        """Whose groups bound whom the actor sees; None for who sees everybody they may."""
        return self.user.id if self.user is not None and self.manages_groups else None

    def seconds_left(self, otherwise: float) -> float:
        """Until the deadline, negative after it; `otherwise` where there is none."""
        return otherwise if self.deadline is None else self.deadline - clock.monotonic()

    def allows(self, permission: Permission) -> bool:
        return permission in self.permissions

    def require(self, permission: Permission) -> None:
        """Raise `UnauthenticatedError` when nobody signed in, `ForbiddenError` without `permission`."""
        if permission in self.permissions:
            return
        if self.actor.kind is ActorKind.ANONYMOUS:
            raise UnauthenticatedError
        raise ForbiddenError

    def require_everybody(self) -> None:
        """For what concerns everybody alike. Raise `ForbiddenError` for who manages some groups only."""
        if self.manages_groups:
            raise ForbiddenError("This is for who sees everybody, not for a manager of some groups.")


def job_context(organization: Organization, job: UUID, name: str, *, request_id: str = "") -> TenantContext:
    """Make the context that job `job` of type `name` runs in: the platform acts, with every permission."""
    actor = Actor(ActorKind.JOB, job, name)
    return TenantContext(
        organization=organization, actor=actor, permissions=EVERY_PERMISSION, request_id=request_id
    )


def operator_context(organization: Organization, name: str = "operator") -> TenantContext:
    """Make the context of the command line and of the demo loader."""
    actor = Actor(ActorKind.OPERATOR, None, name)
    return TenantContext(organization=organization, actor=actor, permissions=EVERY_PERMISSION)
