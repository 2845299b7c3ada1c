import itertools

import pytest

from harka.auth.permissions import Role, permissions_of
from harka.tenancy.permission import EVERY_PERMISSION, Permission


@pytest.mark.parametrize("role", Role)
def test_everybody_signed_in_may_read_the_organization_and_courses(role: Role) -> None:
    assert {Permission.ORGANIZATION_READ, Permission.COURSE_READ} <= permissions_of(role)


def test_each_role_may_what_the_one_below_may() -> None:
    ladder = [permissions_of(role) for role in Role]
    assert all(lower <= upper for lower, upper in itertools.pairwise(ladder))


@pytest.mark.parametrize(
    ("permission", "first"),
    [
        (Permission.PROGRESS_WRITE, Role.LEARNER),
        (Permission.ENROLLMENT_READ, Role.INSTRUCTOR),
        (Permission.USER_READ, Role.INSTRUCTOR),
        (Permission.COURSE_WRITE, Role.MANAGER),
        (Permission.ENROLLMENT_WRITE, Role.MANAGER),
        (Permission.USER_WRITE, Role.ADMIN),
        (Permission.ORGANIZATION_WRITE, Role.ADMIN),
    ],
)
def test_a_permission_begins_with_its_role(permission: Permission, first: Role) -> None:
    holders = [role for role in Role if permission in permissions_of(role)]
    assert holders[0] is first


def test_the_owner_may_everything() -> None:
    assert permissions_of("owner") == EVERY_PERMISSION


@pytest.mark.parametrize("role", ["", "root", "OWNER", "learner "])
def test_an_unknown_role_may_nothing(role: str) -> None:
    assert permissions_of(role) == frozenset()
