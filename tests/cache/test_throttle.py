import asyncio
from typing import Any

import pytest

from harka.cache.tenant import TenantCache
from harka.cache.throttle import Rate, Throttle
from harka.errors import TenantRequiredError
from harka.ids import new_id

RATE = Rate("test", most=3, seconds=30.0)
KEY = b"k" * 16


@pytest.fixture(params=["valkey", "here"])
async def throttle(request: pytest.FixtureRequest, servers: Any) -> Any:
    """Over Valkey, and where there is none."""
    cache = TenantCache(servers.redis_url if request.param == "valkey" else None, KEY)
    yield Throttle(cache)
    await cache.close()


async def test_so_many_tries_and_then_one_must_wait(throttle: Throttle) -> None:
    tenant = new_id()
    assert [await throttle.take(tenant, RATE, "a") for _ in range(3)] == [0.0] * 3
    wait = await throttle.take(tenant, RATE, "a")
    assert 25.0 < wait <= 30.0
    # nothing was taken by who had to wait
    assert await throttle.take(tenant, RATE, "a") <= wait
    # of somebody else, of another kind and of another organization
    assert await throttle.take(tenant, RATE, "b") == 0.0
    assert await throttle.take(tenant, Rate("other", 3, 30.0), "a") == 0.0
    assert await throttle.take(new_id(), RATE, "a") == 0.0


async def test_what_is_given_back_may_be_taken_again(throttle: Throttle) -> None:
    tenant = new_id()
    for _ in range(9):
        assert await throttle.take(tenant, RATE, "a") == 0.0
        await throttle.give_back(tenant, RATE, "a")
    # no more than there is
    await throttle.give_back(tenant, RATE, "a")
    assert [await throttle.take(tenant, RATE, "a") > 0.0 for _ in range(4)] == [False] * 3 + [True]


async def test_a_try_comes_back_in_time(throttle: Throttle) -> None:
    tenant, fast = new_id(), Rate("fast", most=1, seconds=0.05)
    assert await throttle.take(tenant, fast, "a") == 0.0
    while wait := await throttle.take(tenant, fast, "a"):
        assert wait <= 0.05
        await asyncio.sleep(wait)


async def test_many_at_once_get_no_more_than_there_is(throttle: Throttle) -> None:
    tenant = new_id()
    waits = await asyncio.gather(*(throttle.take(tenant, RATE, "a") for _ in range(20)))
    assert waits.count(0.0) == 3


async def test_without_a_tenant_nothing_is_counted(throttle: Throttle) -> None:
    with pytest.raises(TenantRequiredError):
        await throttle.take(None, RATE, "a")  # type: ignore[arg-type] # what must not happen
