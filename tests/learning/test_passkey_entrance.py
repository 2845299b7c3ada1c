"""Two who show the same use of a passkey at once: one of them is let in."""

import asyncio

from authenticator import Authenticator
from entering import give_password
from harka.auth.passkey import Place
from harka.errors import WrongPasswordError
from harka.ids import new_id
from harka.learning import passkey, passkey_entrance
from harka.learning.session import Begun, Device
from harka.tenancy.context import ANONYMOUS, Actor, ActorKind, TenantContext
from school import School, school

__all__ = ["school"]

BROWSER = Device("browser", "203.0.113.7")


async def test_a_count_is_used_once_however_many_show_it_at_once(school: School) -> None:
    await give_password(school, school.learner)
    entrance, place = school.runtime.entrance, Place(school.host, f"http://{school.host}")
    me = TenantContext(
        organization=school.organization,
        actor=Actor(ActorKind.USER, school.learner.id),
        user=school.learner,
    )
    nobody = TenantContext(organization=school.organization, actor=ANONYMOUS)
    device = Authenticator(place.origin)
    options, ceremony = await passkey.begin(entrance, me, "vexed kiln plumage 4", place)
    await passkey.register(entrance, me, ceremony, device.create(options), str(new_id()), place)

    async def enter() -> Begun:
        asked, ceremony = passkey_entrance.begin(entrance, nobody, place)
        device.count = 4
        return await passkey_entrance.sign_in(entrance, nobody, ceremony, device.get(asked), place, BROWSER)

    answers = await asyncio.gather(*(enter() for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(each, Begun) for each in answers) == 1
    assert all(isinstance(each, Begun | WrongPasswordError) for each in answers)
