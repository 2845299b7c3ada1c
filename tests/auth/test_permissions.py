import itertools

import msgspec
import pytest

from harka.auth.permissions import PERMISSIONS, Role, may_grant, permissions_named, permissions_of
from harka.tenancy.context import operator_context
from harka.tenancy.permission import EVERY_PERMISSION, Permission
from tenancy.samples import organization


@pytest.mark.parametrize("role", PERMISSIONS)
def test_everybody_of_a_built_in_role_may_read_the_organization_and_courses(role: Role) -> None:
    assert {Permission.ORGANIZATION_READ, Permission.COURSE_READ} <= permissions_of(role)


def test_each_role_may_what_the_one_below_may() -> None:
    ladder = [permissions_of(role) for role in PERMISSIONS]
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


@pytest.mark.parametrize("role", ["", "root", "OWNER", "learner ", "custom"])
def test_an_unknown_role_may_nothing(role: str) -> None:
    assert permissions_of(role) == frozenset()


def test_a_name_of_no_permission_allows_nothing() -> None:
    assert permissions_named(["course:read", "course:fly"]) == {Permission.COURSE_READ}


def test_nobody_grants_more_than_they_may_nor_a_manager_what_reaches_others() -> None:
    everything = operator_context(organization())
    manager = msgspec.structs.replace(everything, manages_groups=True)
    few = msgspec.structs.replace(everything, permissions=frozenset({Permission.COURSE_READ}))
    reaching = frozenset({Permission.USER_READ, Permission.SUBMISSION_GRADE})
    harmless = frozenset({Permission.COURSE_READ})
    granted = [(may_grant(each, reaching), may_grant(each, harmless)) for each in (everything, manager, few)]
    assert granted == [(True, True), (False, True), (False, True)]


@pytest.mark.parametrize("permission", sorted(EVERY_PERMISSION))
def test_what_a_manager_of_groups_grants_is_what_touches_nobody_else(permission: Permission) -> None:
    manager = msgspec.structs.replace(operator_context(organization()), manages_groups=True)
    alone = {
        *(Permission.ORGANIZATION_READ, Permission.COURSE_READ),
        *(Permission.PROGRESS_WRITE, Permission.FILE_WRITE),
    }
    assert may_grant(manager, frozenset({permission})) == (permission in alone)
