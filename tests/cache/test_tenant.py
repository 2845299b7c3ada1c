import asyncio
import time
from datetime import UTC, datetime
from uuid import UUID, uuid4

import msgspec
import pytest
from redis.asyncio import Redis

from harka import clock
from harka.cache.tenant import Lookup, Namespace, TenantCache
from harka.errors import TenantRequiredError
from own_valkey import OwnValkey
from waiting import until

KEY = bytes(range(16))


class Thing(msgspec.Struct, frozen=True):
    id: UUID
    title: str
    at: datetime


THINGS = Namespace("thing", Thing)


def thing(title: str = "Algebra") -> Thing:
    return Thing(uuid4(), title, datetime(2026, 1, 1, tzinfo=UTC))


async def store(cache: TenantCache, tenant: UUID, *things: Thing) -> None:
    lookup = await cache.get_many(tenant, THINGS, [each.id for each in things])
    await cache.set_many(tenant, THINGS, lookup, {each.id: each for each in things})


async def found(cache: TenantCache, tenant: UUID, *things: Thing) -> dict[UUID, Thing]:
    return dict((await cache.get_many(tenant, THINGS, [each.id for each in things])).found)


async def nothing_found(cache: TenantCache, tenant: UUID, *things: Thing) -> bool:
    return not await found(cache, tenant, *things)


async def stored_and_found(cache: TenantCache, tenant: UUID, *things: Thing) -> bool:
    await store(cache, tenant, *things)
    return bool(await found(cache, tenant, *things))


async def test_what_was_stored_is_found_and_the_rest_is_not(cache: TenantCache) -> None:
    tenant, one, other = uuid4(), thing(), thing()
    await store(cache, tenant, one)
    assert await found(cache, tenant, one, other) == {one.id: one}


async def test_another_process_finds_it_too(cache: TenantCache, shared_valkey: OwnValkey) -> None:
    tenant, one = uuid4(), thing()
    await store(cache, tenant, one)
    other = TenantCache(shared_valkey.url, KEY)
    assert await found(other, tenant, one) == {one.id: one}
    await other.close()


async def test_another_tenant_does_not_find_it(cache: TenantCache) -> None:
    one = thing()
    await store(cache, uuid4(), one)
    assert await found(cache, uuid4(), one) == {}


@pytest.mark.parametrize("tenant", [None, "", "00000000-0000-0000-0000-000000000001", b"1"])
async def test_without_a_tenant_it_refuses(cache: TenantCache, tenant: object) -> None:
    calls = [
        cache.get_many(tenant, THINGS, [uuid4()]),  # type: ignore[arg-type]  # the mistake under test
        cache.set_many(tenant, THINGS, Lookup({}, 1), {}),  # type: ignore[arg-type]  # the mistake under test
        cache.begin_write(tenant),  # type: ignore[arg-type]  # the mistake under test
        cache.invalidate(tenant),  # type: ignore[arg-type]  # the mistake under test
    ]
    for call in calls:
        with pytest.raises(TenantRequiredError):
            await call


async def test_after_a_write_nothing_old_is_found_by_anyone(
    cache: TenantCache, shared_valkey: OwnValkey
) -> None:
    tenant, one = uuid4(), thing()
    other = TenantCache(shared_valkey.url, KEY)
    await store(cache, tenant, one)
    assert await found(other, tenant, one) == {one.id: one}
    await cache.begin_write(tenant)
    await cache.invalidate(tenant)
    assert await found(cache, tenant, one) == {}
    assert await found(other, tenant, one) == {}
    await other.close()


async def test_another_tenants_values_survive_a_write(cache: TenantCache) -> None:
    tenant, one = uuid4(), thing()
    await store(cache, tenant, one)
    await cache.invalidate(uuid4())
    assert await found(cache, tenant, one) == {one.id: one}


@pytest.mark.parametrize("wrapped", [True, False], ids=["begun", "not-begun"])
async def test_a_reader_that_raced_a_writer_leaves_nothing_stale(
    cache: TenantCache, *, wrapped: bool
) -> None:
    tenant, old = uuid4(), thing("old")
    lookup = await cache.get_many(tenant, THINGS, [old.id])
    # the reader has read `old` from the database; now a writer commits, and only then the reader stores
    if wrapped:
        await cache.begin_write(tenant)
    await cache.invalidate(tenant)
    await cache.set_many(tenant, THINGS, lookup, {old.id: old})
    assert await found(cache, tenant, old) == {}


async def test_a_writer_killed_before_its_end_leaves_values_for_two_seconds_at_most(
    cache: TenantCache, shared_valkey: OwnValkey
) -> None:
    tenant, one = uuid4(), thing()
    await cache.begin_write(tenant)
    await store(cache, tenant, one)
    redis = Redis.from_url(shared_valkey.url)
    names = [name async for name in redis.scan_iter(f"harka:value:{tenant.hex}:*")]
    assert [0 < await redis.pttl(name) <= 2000 for name in names] == [True]
    await redis.aclose()


async def test_a_value_moved_under_another_key_is_refused(
    cache: TenantCache, shared_valkey: OwnValkey
) -> None:
    tenant, one, other = uuid4(), thing("one"), thing("other")
    await store(cache, tenant, one)
    redis = Redis.from_url(shared_valkey.url)
    (first,) = [name async for name in redis.scan_iter(f"harka:value:{tenant.hex}:*")]
    await store(cache, tenant, other)
    (second,) = [name async for name in redis.scan_iter(f"harka:value:{tenant.hex}:*") if name != first]
    await redis.set(second, await redis.get(first) or b"")
    assert await found(cache, tenant, one, other) == {one.id: one}
    await redis.aclose()


@pytest.mark.parametrize("garbage", [b"", b"x", b"x" * 200, bytes(16) + b"\x80"])
async def test_garbage_in_the_store_is_a_miss(
    cache: TenantCache, shared_valkey: OwnValkey, garbage: bytes
) -> None:
    tenant, one = uuid4(), thing()
    await store(cache, tenant, one)
    redis = Redis.from_url(shared_valkey.url)
    async for name in redis.scan_iter(f"harka:value:{tenant.hex}:*"):
        await redis.set(name, garbage)
    assert await found(cache, tenant, one) == {}
    await redis.aclose()


async def test_a_value_over_the_limit_is_not_stored(cache: TenantCache) -> None:
    tenant, large, small = uuid4(), thing("x" * 70_000), thing()
    await store(cache, tenant, large, small)
    assert await found(cache, tenant, large, small) == {small.id: small}


async def test_a_newer_version_of_a_type_does_not_read_the_older(cache: TenantCache) -> None:
    tenant, one = uuid4(), thing()
    await store(cache, tenant, one)
    newer = Namespace("thing", Thing, version=2)
    assert (await cache.get_many(tenant, newer, [one.id])).found == {}


async def test_a_lost_generation_never_brings_old_values_back(
    cache: TenantCache, shared_valkey: OwnValkey
) -> None:
    tenant, one = uuid4(), thing()
    await store(cache, tenant, one)
    redis = Redis.from_url(shared_valkey.url)
    await redis.delete(f"harka:generation:{tenant.hex}")
    assert await found(cache, tenant, one) == {}
    for _ in range(10):
        await cache.invalidate(tenant)
        assert await found(cache, tenant, one) == {}
    await redis.aclose()


async def test_without_a_url_nothing_is_cached() -> None:
    cache, tenant, one = TenantCache(None, KEY), uuid4(), thing()
    await store(cache, tenant, one)
    await cache.begin_write(tenant)
    await cache.invalidate(tenant)
    assert await found(cache, tenant, one) == {}
    assert await cache.ping()
    await cache.close()


async def test_down_it_finds_nothing_and_costs_nothing(own_valkey: OwnValkey) -> None:
    cache, tenant, one = TenantCache(own_valkey.url, KEY), uuid4(), thing()
    await store(cache, tenant, one)
    own_valkey.stop()
    for _ in range(3):
        assert await found(cache, tenant, one) == {}
    start = time.perf_counter()
    for _ in range(1000):
        await store(cache, tenant, one)
    assert time.perf_counter() - start < 0.1
    assert not await cache.ping()
    await cache.close()


async def test_frozen_it_costs_the_first_callers_a_quarter_of_a_second(own_valkey: OwnValkey) -> None:
    cache, tenant, one = TenantCache(own_valkey.url, KEY), uuid4(), thing()
    await store(cache, tenant, one)
    own_valkey.freeze()
    start = time.perf_counter()
    for _ in range(100):
        assert await found(cache, tenant, one) == {}
    assert time.perf_counter() - start < 1.5
    await cache.close()


async def test_back_again_it_is_used_again(own_valkey: OwnValkey) -> None:
    cache, tenant, one = TenantCache(own_valkey.url, KEY), uuid4(), thing()
    own_valkey.stop()
    for _ in range(3):
        await store(cache, tenant, one)
    own_valkey.start()
    await until(lambda: stored_and_found(cache, tenant, one))
    await cache.close()


async def test_a_failed_invalidation_bypasses_the_tenant_until_it_is_made_up_for(
    own_valkey: OwnValkey,
) -> None:
    cache, other = TenantCache(own_valkey.url, KEY), TenantCache(own_valkey.url, KEY)
    redis = Redis.from_url(own_valkey.url)
    tenant, one = uuid4(), thing()
    await store(cache, tenant, one)
    # full: it answers reads and refuses writes
    await redis.config_set("maxmemory-policy", "noeviction")
    await redis.config_set("maxmemory", "1")
    await cache.begin_write(tenant)
    await cache.invalidate(tenant)
    assert await cache.ping()
    assert await found(other, tenant, one) == {one.id: one}
    assert await found(cache, tenant, one) == {}
    await redis.config_set("maxmemory", "0")
    await until(lambda: nothing_found(other, tenant, one))
    await until(lambda: stored_and_found(cache, tenant, one))
    for client in (cache, other):
        await client.close()
    await redis.aclose()


async def test_a_cancelled_writer_still_forgets(cache: TenantCache) -> None:
    tenant, one = uuid4(), thing()
    await store(cache, tenant, one)
    task = asyncio.create_task(cache.invalidate(tenant))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: nothing_found(cache, tenant, one))


async def test_cancelled_readers_never_mix_up_answers(cache: TenantCache) -> None:
    tenant = uuid4()
    things = [thing(f"number {number}") for number in range(40)]
    await store(cache, tenant, *things)

    async def check(each: Thing) -> None:
        assert (await found(cache, tenant, each)).get(each.id, each) == each

    for round_ in range(20):
        tasks = [asyncio.create_task(check(each)) for each in things]
        for _ in range(round_):
            await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [
            r for r in results if isinstance(r, Exception) and not isinstance(r, asyncio.CancelledError)
        ] == []


async def test_a_hit_costs_one_round_trip(cache: TenantCache, shared_valkey: OwnValkey) -> None:
    tenant, one = uuid4(), thing()
    await store(cache, tenant, one)
    await found(cache, tenant, one)
    redis = Redis.from_url(shared_valkey.url)
    before = (await redis.info("stats"))["total_commands_processed"]
    for _ in range(10):
        assert await found(cache, tenant, one)
    after = (await redis.info("stats"))["total_commands_processed"]
    assert after - before <= 11
    await redis.aclose()


async def test_the_generation_starts_beyond_any_that_was_in_use(
    cache: TenantCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = uuid4()
    lookup = await cache.get_many(tenant, THINGS, [uuid4()])
    assert lookup.generation is not None
    assert abs((lookup.generation >> 20) / 1000 - clock.now().timestamp()) < 60
