"""A job acts as who asked for it, with no more than they might then and may now."""

from datetime import timedelta

import msgspec
import pytest

from academy import Academy
from harka import clock
from harka.auth.delegation import Delegate, context_for, delegate_of
from harka.errors import UnauthenticatedError
from harka.ids import new_id
from harka.learning import user
from harka.learning.user import UserChanges
from harka.repositories.api_key import ApiKey
from harka.tenancy.context import ActorKind, TenantContext
from harka.tenancy.permission import Permission


async def later(academy: Academy, delegate: Delegate, *keys: ApiKey) -> TenantContext:
    async with academy.work(read_only=True) as work:
        return await context_for(work.session, academy.organization, delegate, keys, request_id="test")


def live_key(academy: Academy, *, hours: int) -> ApiKey:
    """As the catalog has it, for `hours` from now."""
    values = dict.fromkeys(ApiKey.__struct_fields__)
    ends = clock.now() + timedelta(hours=hours)
    return ApiKey(**{**values, "id": new_id(), "tenant_id": academy.organization.id, "expires_at": ends})  # type: ignore[arg-type]  # the others are not looked at


async def test_a_person_may_what_they_might_then_and_may_now(academy: Academy) -> None:
    boss = await academy.user("admin")
    full = academy.acting(boss)
    narrow = msgspec.structs.replace(full, permissions=frozenset({Permission.USER_READ}))
    assert (await later(academy, delegate_of(full))).permissions == full.permissions
    assert (await later(academy, delegate_of(narrow))).permissions == {Permission.USER_READ}
    async with academy.work() as work:
        await user.update(work, boss.id, UserChanges(role="learner"), version=boss.version)
    assert Permission.USER_WRITE not in (await later(academy, delegate_of(full))).permissions
    async with academy.work() as work:
        await user.deactivate(work, boss.id)
    with pytest.raises(UnauthenticatedError):
        await later(academy, delegate_of(full))


async def test_a_program_acts_while_its_key_is_valid(academy: Academy) -> None:
    valid, over = live_key(academy, hours=1), live_key(academy, hours=-1)
    asked = academy.key(Permission.USER_WRITE)
    for key, others in ((valid, [over]), (over, [valid])):
        actor = msgspec.structs.replace(asked.actor, id=key.id)
        delegate = delegate_of(msgspec.structs.replace(asked, actor=actor))
        with pytest.raises(UnauthenticatedError):
            await later(academy, delegate, *others)
        if key is valid:
            context = await later(academy, delegate, key, *others)
            assert context.permissions == {Permission.USER_WRITE}
            assert (context.actor.kind, context.actor.id) == (ActorKind.API_KEY, key.id)
        else:
            with pytest.raises(UnauthenticatedError):
                await later(academy, delegate, key)
