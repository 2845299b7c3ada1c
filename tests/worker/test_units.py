"""Units of work of a job, each of its own."""

import pytest

from academy import Academy
from harka.auth.delegation import delegate_of
from harka.errors import UnauthenticatedError, ValidationError
from harka.learning import user
from harka.learning.user import UserDraft
from harka.runtime import Runtime
from harka.worker.units import Units


async def test_what_one_unit_did_stays_when_the_next_fails(runtime: Runtime, academy: Academy) -> None:
    boss = await academy.user("admin")
    units = Units(runtime, academy.organization, "test")
    delegate = delegate_of(academy.acting(boss))
    acting = await units.acting(delegate)
    assert (acting.user, acting.permissions) == (boss, academy.acting(boss).permissions)
    async with units.begin(acting, timeout=5.0) as work:
        await user.create(work, UserDraft(email="one@example.com", name="One"))
    taken = [UserDraft(email=f"{name}@example.com", name=name) for name in ("two", "one")]
    with pytest.raises(ValidationError):
        async with units.begin(acting, timeout=5.0) as work:
            await user.create_many(work, taken)
    assert len(await academy.rows('"user"')) == 2
    async with academy.work() as work:
        await user.deactivate(work, boss.id)
    with pytest.raises(UnauthenticatedError):
        await units.acting(delegate)
