"""What each role of a tenant's people may do."""

import enum
from collections.abc import Mapping

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


_LEARNER = frozenset({Permission.ORGANIZATION_READ, Permission.COURSE_READ, Permission.PROGRESS_WRITE})
_INSTRUCTOR = _LEARNER | {Permission.ENROLLMENT_READ, Permission.USER_READ}
_MANAGER = _INSTRUCTOR | {Permission.ENROLLMENT_WRITE, Permission.COURSE_WRITE, Permission.ANALYTICS_READ}
_ADMIN = _MANAGER | {Permission.USER_WRITE, Permission.ORGANIZATION_WRITE}

PERMISSIONS: Mapping[str, frozenset[Permission]] = {
    Role.LEARNER: _LEARNER,
    Role.INSTRUCTOR: _INSTRUCTOR,
    Role.MANAGER: _MANAGER,
    Role.ADMIN: _ADMIN,
    Role.OWNER: EVERY_PERMISSION,
}


def permissions_of(role: str) -> frozenset[Permission]:
    """Nothing for a role that does not exist."""
    return PERMISSIONS.get(role, frozenset())
