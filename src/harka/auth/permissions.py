"""What each role of a tenant's people may do."""

import enum
import functools
from collections.abc import Iterable, Mapping

from harka.tenancy.context import TenantContext
from harka.tenancy.permission import EVERY_PERMISSION, Permission


class Role(enum.StrEnum):
    """The values are what `"user".role` holds.

    That a learner's progress and enrollments are their own ones is the rules' business (`learning`).
    """

    LEARNER = "learner"
    INSTRUCTOR = "instructor"
    MANAGER = "manager"
    ADMIN = "admin"
    OWNER = "owner"
    CUSTOM = "custom"
    """A role of the organization's own: `"user".role_id` says which."""


_LEARNER = frozenset(
    {
        Permission.ORGANIZATION_READ,
        Permission.COURSE_READ,
        Permission.PROGRESS_WRITE,
        Permission.FILE_WRITE,
    }
)
_INSTRUCTOR = _LEARNER | {Permission.ENROLLMENT_READ, Permission.USER_READ, Permission.SUBMISSION_GRADE}
_MANAGER = _INSTRUCTOR | {Permission.ENROLLMENT_WRITE, Permission.COURSE_WRITE, Permission.ANALYTICS_READ}
_ADMIN = _MANAGER | {
    Permission.USER_WRITE,
    Permission.ORGANIZATION_WRITE,
    Permission.JOB_READ,
    Permission.JOB_WRITE,
    Permission.EVENT_READ,
}

PERMISSIONS: Mapping[str, frozenset[Permission]] = {
    Role.LEARNER: _LEARNER,
    Role.INSTRUCTOR: _INSTRUCTOR,
    Role.MANAGER: _MANAGER,
    Role.ADMIN: _ADMIN,
    Role.OWNER: EVERY_PERMISSION,
}
"""What the built-in roles allow."""

# what touches nobody else: all that may be given by who manages some groups only
_OF_ONESELF = frozenset(
    {
        Permission.ORGANIZATION_READ,
        Permission.COURSE_READ,
        Permission.PROGRESS_WRITE,
        Permission.FILE_WRITE,
    }
)
_REMEMBERED = 1024


def permissions_of(role: str) -> frozenset[Permission]:
    """What a built-in role allows; nothing for one that does not exist."""
    return PERMISSIONS.get(role, frozenset())


def permissions_named(names: Iterable[str]) -> frozenset[Permission]:
    """Those of these names; one this version does not know allows nothing."""
    return _named(tuple(names))


@functools.lru_cache(_REMEMBERED)
def _named(names: tuple[str, ...]) -> frozenset[Permission]:
    return frozenset(each for each in Permission if each in names)


def may_grant(context: TenantContext, permissions: frozenset[Permission]) -> bool:
    """Whether the actor may do all of this, wherever whoever gets it could.

    A manager of groups gives only what touches nobody else: whoever has no groups to manage reaches
    everybody, with a permission of a later version too.
    """
    most = context.permissions & _OF_ONESELF if context.manages_groups else context.permissions
    return permissions <= most
