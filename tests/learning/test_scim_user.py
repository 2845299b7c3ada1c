"""People whom a directory keeps here, by the rules for all."""

import asyncio
from typing import Any

import msgspec
import pytest

from academy import Academy, academy, academy_settings, parts
from harka.errors import ForbiddenError, HarkaError, PlanLimitError, TakenError
from harka.ids import new_id
from harka.learning import scim_user, user
from harka.learning.scim_user import Person
from harka.repositories.scim_user import ScimUser
from harka.tenancy.permission import Permission
from harka.tenancy.plan import Resource

__all__ = ["academy", "academy_settings", "parts"]


def person(name: str, **more: Any) -> Person:
    unique = new_id().hex[20:]
    return Person(user_name=f"{name}-{unique}", email=f"{name}-{unique}@example.com", name=name, **more)


@pytest.mark.parametrize("shadow", [False, True])
async def test_seats_go_to_the_first_and_who_is_inactive_takes_none(
    academy: Academy, *, shadow: bool
) -> None:
    academy.grant(shadow=shadow, users=2)
    people = [person("a"), person("b", active=False), person("c"), person("d"), person("e", active=False)]
    async with academy.work() as work:
        fates = await scim_user.create_many(work, people)
    late = ScimUser if shadow else PlanLimitError
    assert [type(each) for each in fates] == [ScimUser, ScimUser, ScimUser, late, ScimUser]
    assert academy.refused == {(Resource.USERS, shadow): 1}
    if isinstance(fates[3], PlanLimitError):
        assert (fates[3].resource, fates[3].limit, fates[3].used) == ("users", 2, 2)


async def test_two_that_make_the_same_person_at_once_make_one(academy: Academy) -> None:
    same = person("same")

    async def make() -> ScimUser | HarkaError:
        try:
            async with academy.work() as work:
                return await scim_user.create(work, same)
        except HarkaError as error:
            return error

    fates = await asyncio.gather(*(make() for _ in range(4)))
    assert sorted(type(each).__name__ for each in fates) == ["ScimUser", *["TakenError"] * 3]


async def test_who_comes_back_needs_a_seat(academy: Academy) -> None:
    async with academy.work() as work:
        made = await scim_user.create(work, person("gone"))
    async with academy.work() as work:
        await scim_user.remove(work, await scim_user.hold(work, made.id))

    academy.grant(users=0)
    back = person("back")
    again = msgspec.structs.replace(back, user_name=made.user_name or "", email=made.email)
    async with academy.work() as work:
        (fate,) = await scim_user.create_many(work, [again])
        assert isinstance(fate, PlanLimitError)
        # and nothing of what they would have been
        (row,) = (await user.find_many(work, [made.id])).values()
    assert (row.name, row.status) == ("gone", "inactive")


async def test_whoever_may_not_write_people_makes_changes_and_takes_away_nobody(academy: Academy) -> None:
    async with academy.work() as work:
        made = await scim_user.create(work, person("kept"))
    everything = academy.operator
    context = msgspec.structs.replace(everything, permissions=frozenset({Permission.USER_READ}))
    async with academy.work(context) as work:
        for attempt in (
            scim_user.create(work, person("new")),
            scim_user.replace(work, made, person("other")),
            scim_user.remove(work, made),
        ):
            with pytest.raises(ForbiddenError):
                await attempt
        assert await scim_user.find(work, made.id) == made


async def test_a_name_is_taken_in_any_case(academy: Academy) -> None:
    one = person("one")
    async with academy.work() as work:
        await scim_user.create(work, one)
        loud = msgspec.structs.replace(person("two"), user_name=one.user_name.upper())
        with pytest.raises(TakenError):
            await scim_user.create(work, loud)
