import msgspec
import pytest

from academy import Academy, academy, academy_settings, parts
from harka.errors import ForbiddenError
from harka.learning import external_id, scim_group, scim_user
from harka.learning.scim_user import Person
from harka.tenancy.permission import Permission

__all__ = ["academy", "academy_settings", "parts"]


async def test_it_is_told_of_those_that_the_directory_calls_something(academy: Academy) -> None:
    async with academy.work() as work:
        unknown = await academy.user()
        known = await scim_user.create(
            work, Person(user_name="k", email=f"{unknown.id.hex}@k.example", name="K", external_id="e1")
        )
        team = await scim_group.create(work, name="Team", external_id="e2")
        assert await external_id.of_users(work, [known.id, unknown.id]) == {known.id: "e1"}
        assert await external_id.of_groups(work, [team.id]) == {team.id: "e2"}
    nobody = msgspec.structs.replace(
        academy.operator, permissions=frozenset(Permission) - {Permission.USER_READ}
    )
    async with academy.work(nobody) as work:
        for asked in (external_id.of_users, external_id.of_groups):
            with pytest.raises(ForbiddenError):
                await asked(work, [known.id])
