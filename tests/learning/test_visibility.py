import pytest

from academy import Academy
from harka.errors import ForbiddenError, UnauthenticatedError
from harka.learning import visibility
from harka.repositories.scope import Scope
from harka.tenancy.permission import Permission

EVERYTHING = {
    "learner": set(),
    "instructor": {"of_enrollments", "of_users"},
    "manager": {"of_courses", "of_enrollments", "of_users"},
    "owner": {"of_courses", "of_enrollments", "of_users"},
}
SCOPES = ("of_courses", "of_enrollments", "of_users")


@pytest.mark.parametrize("role", EVERYTHING)
async def test_a_role_sees_all_or_its_own(academy: Academy, role: str) -> None:
    user = await academy.user(role)

    for name in SCOPES:
        scope = getattr(visibility, name)(academy.acting(user))
        assert scope == Scope(everything=name in EVERYTHING[role], user=user.id), name


@pytest.mark.parametrize("name", SCOPES)
async def test_without_a_permission_or_a_self_there_is_nothing(academy: Academy, name: str) -> None:
    with pytest.raises(UnauthenticatedError):
        getattr(visibility, name)(academy.anonymous())
    with pytest.raises(ForbiddenError):
        getattr(visibility, name)(academy.key(Permission.ORGANIZATION_READ))


async def test_an_api_key_reads_what_its_scopes_say(academy: Academy) -> None:
    key = academy.key(Permission.COURSE_READ, Permission.ENROLLMENT_READ, Permission.USER_READ)

    assert visibility.of_courses(key) == Scope(everything=False)
    assert visibility.of_enrollments(key) == Scope(everything=True)
    assert visibility.of_users(key) == Scope(everything=True)
