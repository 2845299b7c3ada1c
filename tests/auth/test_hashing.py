import asyncio

from harka.auth.hashing import Hasher
from harka.ids import new_id


async def test_a_password_is_verified() -> None:
    hasher, tenant = Hasher(workers=1), new_id()
    hashed = await hasher.hash(tenant, "vexed kiln plumage 4")
    assert await hasher.verify(tenant, hashed, "vexed kiln plumage 4")
    assert not await hasher.verify(tenant, hashed, "another")
    assert not await hasher.verify(tenant, None, "another")
    hasher.close()


async def test_after_a_wrong_password_its_organization_rests_and_no_other() -> None:
    hasher, guessed, quiet = Hasher(workers=2, rest=1e6), new_id(), new_id()
    hashed = await hasher.hash(guessed, "vexed kiln plumage 4")
    assert await hasher.verify(guessed, hashed, "vexed kiln plumage 4")
    assert not await hasher.verify(guessed, hashed, "another")
    waiting = asyncio.create_task(hasher.verify(guessed, hashed, "vexed kiln plumage 4"))
    for _ in range(2):
        assert await hasher.verify(quiet, hashed, "vexed kiln plumage 4")
    assert not waiting.done()
    waiting.cancel()
    hasher.close()
