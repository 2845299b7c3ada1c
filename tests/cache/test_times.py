"""For how long values are kept."""

import asyncio
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from cache.things import KEY, THINGS, found, store, thing
from harka.cache import generation, writes
from harka.cache.tenant import TenantCache
from harka.valkey import Client, open_client
from own_valkey import OwnValkey
from waiting import until, until_trusted


async def test_a_writer_killed_before_its_end_leaves_values_for_two_seconds_at_most_for_a_minute(
    cache: TenantCache, other: TenantCache, shared_valkey: OwnValkey
) -> None:
    tenant, one = uuid4(), thing()
    await cache.begin_write(tenant)
    await store(cache, tenant, one)
    redis = Redis.from_url(shared_valkey.url)
    names = [name async for name in redis.scan_iter(f"harka:{{{tenant.hex}}}:value:*")]
    assert [0 < await redis.pttl(name) <= 2000 for name in names] == [True]
    (writer,) = await redis.zrange(generation.writers(tenant), 0, -1)
    seconds, _ = await redis.time()
    await redis.zadd(generation.writers(tenant), {writer: seconds - 61})
    await redis.unlink(*names)
    # others go on writing, and end
    await other.begin_write(tenant, ["course:1"])
    await other.invalidate(tenant, ["course:1"])
    await store(other, tenant, one)
    assert [await redis.pttl(name) > 2000 for name in names] == [True]
    await redis.aclose()


@pytest.mark.parametrize("is_cancelled", [False, True])
async def test_who_began_without_knowing_it_is_counted_no_longer_than_anybody(
    own_valkey: OwnValkey, *, is_cancelled: bool
) -> None:
    """Valkey hears of it later, when nobody waits for its answer any more."""
    tenant, client = uuid4(), open_client(own_valkey.url, connections=4, connect_timeout=1.0)
    cache = TenantCache(own_valkey.url, KEY, patience=10.0 if is_cancelled else 0.2)
    # by a connection that is there
    await cache.begin_write(uuid4())
    assert await cache.ping()

    async def has_writers() -> bool:
        return generation.has_writers((await generation.read(client, tenant, ()))[0])

    own_valkey.freeze()
    beginning = asyncio.create_task(cache.begin_write(tenant))
    if is_cancelled:
        # sent by then, which nobody can see
        await asyncio.sleep(0.1)
        beginning.cancel()
    await asyncio.gather(beginning, return_exceptions=True)
    own_valkey.thaw()
    await until(has_writers)
    await cache.invalidate(tenant)
    assert not await has_writers()
    await cache.close()
    await client.aclose()


async def test_until_an_interrupted_commit_must_have_been_seen_values_stay_for_two_seconds_at_most(
    cache: TenantCache, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant, one = uuid4(), thing()
    monkeypatch.setattr(writes, "_SEEN", 0.5)
    await store(cache, tenant, one)
    await cache.begin_write(tenant)
    await cache.invalidate_uncertain(tenant)
    assert await found(cache, tenant, one) == {}
    assert generation.has_writers((await generation.read(client, tenant, ()))[0])

    async def is_over() -> bool:
        return not generation.has_writers((await generation.read(client, tenant, ()))[0])

    await until(is_over)


async def test_what_was_stored_together_does_not_expire_together(cache: TenantCache, client: Client) -> None:
    tenant = uuid4()
    await store(cache, tenant, *(thing() for _ in range(20)))
    names = [name async for name in client.scan_iter(f"harka:{{{tenant.hex}}}:value:*", count=1000)]
    left = [await client.pttl(name) for name in names]
    assert 53_000 < min(left) < max(left) - 500 < 60_000


async def test_what_is_kept_here_does_not_outlive_its_time_in_valkey(
    cache: TenantCache, other: TenantCache, client: Client
) -> None:
    tenant, one = uuid4(), thing()
    await until_trusted(other)
    await store(cache, tenant, one)
    names = [name async for name in client.scan_iter(f"harka:{{{tenant.hex}}}:value:*", count=1000)]
    await client.pexpire(names[0], 500)
    assert await found(other, tenant, one) == {one.id: one}
    assert other.find(tenant, THINGS, one.id) == one

    async def is_over() -> bool:
        return other.find(tenant, THINGS, one.id) is None

    await until(is_over, within=2.0)
