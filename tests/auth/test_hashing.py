import asyncio

import pytest

from harka.auth import hashing
from harka.auth.hashing import Hasher
from harka.ids import new_id

PASSWORD = "vexed kiln plumage 4"


async def test_a_password_is_verified() -> None:
    hasher, tenant = Hasher(workers=1), new_id()
    hashed = await hasher.hash(tenant, PASSWORD)
    assert await hasher.verify(tenant, hashed, PASSWORD)
    assert not await hasher.verify(tenant, hashed, "another")
    assert not await hasher.verify(tenant, None, "another")
    hasher.close()


@pytest.mark.parametrize(
    ("password", "may_enter", "rests"),
    [(PASSWORD, True, False), (PASSWORD, False, True), ("another", True, True), ("another", False, True)],
)
async def test_strangers_rest_behind_whoever_does_not_come_in(
    *, monkeypatch: pytest.MonkeyPatch, password: str, may_enter: bool, rests: bool
) -> None:
    """And nobody else does; what is not told is not told by how long the next one waits, either."""
    monkeypatch.setattr(hashing, "_REST", 60.0)
    hasher, tenant = Hasher(workers=2), new_id()
    hashed = await hasher.hash(tenant, PASSWORD)
    told = await hasher.verify_of_stranger(tenant, hashed, password, may_enter=may_enter)
    assert told is (password == PASSWORD)
    following = asyncio.create_task(hasher.verify_of_stranger(tenant, hashed, PASSWORD, may_enter=True))
    assert await hasher.verify_of_stranger(new_id(), hashed, PASSWORD, may_enter=True)
    assert await hasher.verify(tenant, hashed, PASSWORD)
    if rests:
        assert not following.done()
        following.cancel()
    else:
        assert await following
    hasher.close()
