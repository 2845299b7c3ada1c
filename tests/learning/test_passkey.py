"""So many passkeys a person has, each once; and whoever is nobody makes none."""

import pytest

from authenticator import Authenticator
from entering import PASSWORD, give_password
from harka import clock
from harka.auth.passkey import Place
from harka.errors import ForbiddenError, PlanLimitError, UnauthenticatedError, ValidationError
from harka.ids import new_id
from harka.learning import passkey
from harka.learning.passkey import MOST
from harka.repositories import passkey as passkeys
from harka.repositories.passkey import Passkey
from harka.repositories.user import User
from harka.tenancy.context import ANONYMOUS, Actor, ActorKind, TenantContext
from school import School, school

__all__ = ["school"]


def acting(school: School, person: User) -> TenantContext:
    return TenantContext(
        organization=school.organization, actor=Actor(ActorKind.USER, person.id), user=person
    )


async def keep(school: School, number: int) -> None:
    now = clock.now()
    async with school.work() as work:
        for _ in range(number):
            made = Passkey(
                new_id(),
                school.learner.id,
                "Phone",
                school.host,
                is_synced=False,
                last_used_at=None,
                created_at=now,
                updated_at=now,
                version=1,
            )
            await passkeys.insert(work.session, made, made.id.bytes, b"key", 0)


async def test_so_many_and_no_more_also_when_two_are_made_at_once(school: School) -> None:
    await give_password(school, school.learner)
    entrance, me = school.runtime.entrance, acting(school, school.learner)
    place, device = Place(school.host, f"http://{school.host}"), Authenticator(f"http://{school.host}")
    await keep(school, MOST - 1)
    options, ceremony = await passkey.begin(entrance, me, PASSWORD, place)
    assert len(options["excludeCredentials"]) == MOST - 1
    # another one came in between
    await keep(school, 1)
    with pytest.raises(PlanLimitError):
        await passkey.register(entrance, me, ceremony, device.create(options), "Late", place)
    with pytest.raises(PlanLimitError):
        await passkey.begin(entrance, me, PASSWORD, place)


async def test_who_does_not_know_the_password_makes_none(school: School) -> None:
    await give_password(school, school.learner)
    entrance, place = school.runtime.entrance, Place(school.host, f"http://{school.host}")
    with pytest.raises(ValidationError):
        await passkey.begin(entrance, acting(school, school.learner), "wrong", place)
    # who comes in by a provider alone has none to show
    with pytest.raises(ValidationError):
        await passkey.begin(entrance, acting(school, school.other), "", place)
    nobody = TenantContext(organization=school.organization, actor=ANONYMOUS)
    with pytest.raises((UnauthenticatedError, ForbiddenError)):
        await passkey.begin(entrance, nobody, PASSWORD, place)
