import asyncio
import time
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis

from cache.things import BUDGET, KEY, OF_ANY_CHANGE, THINGS, Thing, found, opened_cache, store, thing
from harka import clock
from harka.cache import generation
from harka.cache.news import LEASE
from harka.cache.tenant import Lookup, Namespace, TenantCache
from harka.errors import TenantRequiredError
from harka.valkey import Client
from own_valkey import OwnValkey
from waiting import until, until_trusted


async def nothing_found(cache: TenantCache, tenant: UUID, *things: Thing) -> bool:
    return not await found(cache, tenant, *things)


async def stored_and_found(cache: TenantCache, tenant: UUID, *things: Thing) -> bool:
    await store(cache, tenant, *things)
    return bool(await found(cache, tenant, *things))


async def test_what_was_stored_is_found_and_the_rest_is_not(cache: TenantCache) -> None:
    tenant, one, other = uuid4(), thing(), thing()
    await store(cache, tenant, one)
    assert await found(cache, tenant, one, other) == {one.id: one}


async def test_another_process_finds_it_too(cache: TenantCache, other: TenantCache) -> None:
    tenant, one = uuid4(), thing()
    await store(cache, tenant, one)
    assert await found(other, tenant, one) == {one.id: one}


async def test_another_tenant_does_not_find_it(cache: TenantCache) -> None:
    one = thing()
    await store(cache, uuid4(), one)
    assert await found(cache, uuid4(), one) == {}


@pytest.mark.parametrize("tenant", [None, "", "00000000-0000-0000-0000-000000000001", b"1"])
async def test_without_a_tenant_it_refuses(cache: TenantCache, tenant: object) -> None:
    calls = [
        cache.get_many(tenant, THINGS, [uuid4()]),  # type: ignore[arg-type]  # the mistake under test
        cache.set_many(tenant, THINGS, Lookup({}), {}, budget=BUDGET),  # type: ignore[arg-type]  # the mistake under test
        cache.begin_write(tenant),  # type: ignore[arg-type]  # the mistake under test
        cache.invalidate(tenant),  # type: ignore[arg-type]  # the mistake under test
    ]
    for call in calls:
        with pytest.raises(TenantRequiredError):
            await call


async def test_after_a_write_nothing_old_is_found_by_anyone(cache: TenantCache, other: TenantCache) -> None:
    tenant, one = uuid4(), thing()
    await store(cache, tenant, one)
    assert await found(other, tenant, one) == {one.id: one}
    await cache.begin_write(tenant)
    await cache.invalidate(tenant)
    assert await found(cache, tenant, one) == {}
    assert await found(other, tenant, one) == {}


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
    await cache.set_many(tenant, THINGS, lookup, {old.id: old}, budget=BUDGET)
    assert await found(cache, tenant, old) == {}


async def test_a_value_moved_under_another_key_is_refused(
    cache: TenantCache, other: TenantCache, shared_valkey: OwnValkey
) -> None:
    tenant, one, two = uuid4(), thing("one"), thing("two")
    await store(cache, tenant, one)
    redis = Redis.from_url(shared_valkey.url)
    (first,) = [name async for name in redis.scan_iter(f"harka:{{{tenant.hex}}}:value:*")]
    await store(cache, tenant, two)
    (second,) = [name async for name in redis.scan_iter(f"harka:{{{tenant.hex}}}:value:*") if name != first]
    await redis.set(second, await redis.get(first) or b"")
    assert await found(other, tenant, one, two) == {one.id: one}
    await redis.aclose()


@pytest.mark.parametrize("garbage", [b"", b"x", b"x" * 200, bytes(16) + b"\x80"])
async def test_garbage_in_the_store_is_a_miss(
    cache: TenantCache, other: TenantCache, shared_valkey: OwnValkey, garbage: bytes
) -> None:
    tenant, one = uuid4(), thing()
    await store(cache, tenant, one)
    redis = Redis.from_url(shared_valkey.url)
    async for name in redis.scan_iter(f"harka:{{{tenant.hex}}}:value:*"):
        await redis.set(name, garbage)
    assert await found(other, tenant, one) == {}
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
    cache: TenantCache, other: TenantCache, shared_valkey: OwnValkey
) -> None:
    tenant, one = uuid4(), thing()
    await store(cache, tenant, one)
    redis = Redis.from_url(shared_valkey.url)
    await redis.delete(generation.name(tenant))
    assert await found(other, tenant, one) == {}
    for _ in range(10):
        await cache.invalidate(tenant)
        assert await found(other, tenant, one) == {}
    await redis.aclose()


async def test_a_generation_begun_anew_by_a_clock_that_is_behind_brings_nothing_back(
    cache: TenantCache, other: TenantCache, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant, one = uuid4(), thing()
    await until_trusted(other)
    await kept_of_any_change(other, tenant, one)
    await client.delete(generation.name(tenant))
    behind = clock.now() - timedelta(minutes=1)
    monkeypatch.setattr(clock, "now", lambda: behind)
    await cache.begin_write(tenant, [f"course:{one.id}"])
    await cache.invalidate(tenant, [f"course:{one.id}"])
    assert other.find(tenant, OF_ANY_CHANGE, one.id) is None
    await until(lambda: kept_of_any_change(other, tenant, one))


async def test_without_a_url_nothing_is_cached() -> None:
    cache, tenant, one = TenantCache(None, KEY), uuid4(), thing()
    await store(cache, tenant, one)
    await cache.begin_write(tenant)
    await cache.invalidate(tenant)
    assert await found(cache, tenant, one) == {}
    assert await cache.ping()
    await cache.close()


async def test_down_it_finds_nothing_and_costs_nothing(own_valkey: OwnValkey) -> None:
    cache, tenant, one = opened_cache(own_valkey), uuid4(), thing()
    await store(cache, tenant, one)
    assert await cache.stored_bytes(tenant) > 0
    assert await cache.stored_bytes(uuid4()) == 0
    own_valkey.stop()
    assert await cache.stored_bytes(tenant) == 0
    await until(lambda: nothing_found(cache, tenant, one))
    for _ in range(3):
        assert await found(cache, tenant, one) == {}
    asked = cache.counts["failed"]
    for _ in range(1000):
        await store(cache, tenant, one)
    # now and then somebody looks whether it is back
    assert cache.counts["failed"] - asked < 10
    assert not await cache.ping()
    await cache.close()


async def test_frozen_it_costs_the_first_callers_20_ms(own_valkey: OwnValkey) -> None:
    cache, tenant, one = TenantCache(own_valkey.url, KEY), uuid4(), thing()
    await until(lambda: stored_and_found(cache, tenant, one))
    own_valkey.freeze()
    await asyncio.sleep(LEASE)
    start = time.perf_counter()
    for _ in range(100):
        assert await found(cache, tenant, one) == {}
    assert time.perf_counter() - start < 0.2
    await cache.close()


async def test_after_it_stood_still_nobody_is_given_what_was_changed_meanwhile(
    own_valkey: OwnValkey,
) -> None:
    """The writer has its answer before it can tell anybody; then it can, and the others wait for that."""
    cache, other = (TenantCache(own_valkey.url, KEY, patience=0.1) for _ in range(2))
    tenant, old = uuid4(), thing("old")
    await until(lambda: kept_here(other, tenant, old))
    await store(cache, tenant, old)
    own_valkey.freeze()
    await cache.begin_write(tenant)
    await cache.invalidate(tenant)
    new = Thing(old.id, "new", old.at)
    assert await found(other, tenant, old) == {}
    own_valkey.thaw()
    seen: set[str] = set()

    async def new_is_cached() -> bool:
        lookup = await other.get_many(tenant, THINGS, [old.id])
        seen.update(each.title for each in lookup.found.values())
        await other.set_many(tenant, THINGS, lookup, {old.id: new}, budget=BUDGET)
        return bool(seen)

    await until(new_is_cached)
    assert seen == {"new"}
    for process in (cache, other):
        await process.close()


async def test_back_again_it_is_used_again(own_valkey: OwnValkey) -> None:
    cache, tenant, one = opened_cache(own_valkey), uuid4(), thing()
    own_valkey.stop()
    for _ in range(3):
        await store(cache, tenant, one)
    own_valkey.start()
    await until(lambda: stored_and_found(cache, tenant, one))
    await cache.close()


async def test_a_failed_invalidation_bypasses_the_tenant_until_it_is_made_up_for(
    own_valkey: OwnValkey,
) -> None:
    cache, other = opened_cache(own_valkey), opened_cache(own_valkey)
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


async def test_a_hit_here_asks_nobody(cache: TenantCache, client: Client) -> None:
    tenant, one = uuid4(), thing()
    await until(lambda: kept_here(cache, tenant, one))
    before = (await client.info("commandstats"))["cmdstat_evalsha"]["calls"]
    assert await found(cache, tenant, one) == {one.id: one}
    assert cache.find(tenant, THINGS, one.id) == one
    assert (await client.info("commandstats"))["cmdstat_evalsha"]["calls"] == before


async def test_a_hit_elsewhere_costs_one_round_trip(
    cache: TenantCache, other: TenantCache, client: Client
) -> None:
    tenant, one = uuid4(), thing()
    await store(cache, tenant, one)
    await cache.invalidate(tenant)
    await store(cache, tenant, one)
    before = (await client.info("commandstats"))["cmdstat_evalsha"]["calls"]
    assert await found(other, tenant, one) == {one.id: one}
    assert (await client.info("commandstats"))["cmdstat_evalsha"]["calls"] == before + 1


async def test_a_write_forgets_what_other_processes_keep_before_it_returns(
    cache: TenantCache, other: TenantCache
) -> None:
    tenant, one = uuid4(), thing()
    await store(cache, tenant, one)
    await until(lambda: kept_here(other, tenant, one))
    await cache.begin_write(tenant)
    await cache.invalidate(tenant)
    assert other.find(tenant, THINGS, one.id) is None
    assert await found(other, tenant, one) == {}


async def test_a_write_of_a_course_forgets_that_course_alone(cache: TenantCache, other: TenantCache) -> None:
    courses = Namespace("course", Thing, scope="course")
    tenant, one, two = uuid4(), thing("one"), thing("two")
    lookup = await cache.get_many(tenant, courses, [one.id, two.id])
    await cache.set_many(tenant, courses, lookup, {one.id: one, two.id: two}, budget=BUDGET)
    await cache.begin_write(tenant, [f"course:{one.id}"])
    await cache.invalidate(tenant, [f"course:{one.id}"])
    for process in (cache, other):
        assert (await process.get_many(tenant, courses, [one.id, two.id])).found == {two.id: two}


@pytest.mark.parametrize("count", [101, 9000])
async def test_a_write_of_many_forgets_all(cache: TenantCache, other: TenantCache, count: int) -> None:
    """Lua hands on 8,000 words at once, no more: what fails always cannot be made up for."""
    tenant, one, scopes = uuid4(), thing(), [f"course:{number}" for number in range(count)]
    await store(cache, tenant, one)
    await cache.begin_write(tenant, scopes)
    await cache.invalidate(tenant, scopes)
    assert await found(other, tenant, one) == {}
    assert await stored_and_found(cache, tenant, one), "it does without for no longer than any other"


@pytest.mark.parametrize("is_hash", [True, False])
async def test_what_is_broken_of_one_tenant_is_no_outage_for_another(
    cache: TenantCache, client: Client, *, is_hash: bool
) -> None:
    broken, whole, one = uuid4(), uuid4(), thing()
    await store(cache, whole, one)
    await cache.invalidate(broken)
    if is_hash:
        await client.hset(generation.name(broken), "", "no number")
    else:
        await client.set(generation.name(broken), b"no hash")
    for _ in range(5):
        assert await found(cache, broken, one) == {}
    assert cache.counts["failed"] == 5
    assert await cache.stored_bytes(whole) > 0
    assert await found(cache, whole, one) == {one.id: one}
    assert cache.counts["refused"] == 0


async def test_any_write_forgets_what_depends_on_every_change(cache: TenantCache) -> None:
    tenant, one = uuid4(), thing()
    await kept_of_any_change(cache, tenant, one)
    await cache.invalidate(tenant, ["user:1"])
    assert (await cache.get_many(tenant, OF_ANY_CHANGE, [one.id])).found == {}


async def test_a_process_that_hears_nothing_uses_nothing_it_keeps(
    cache: TenantCache, other: TenantCache
) -> None:
    tenant, one = uuid4(), thing()
    await store(cache, tenant, one)
    await until(lambda: kept_here(other, tenant, one))
    assert other._news is not None
    await other._news.close()
    start = time.perf_counter()
    await cache.invalidate(tenant)
    assert time.perf_counter() - start < 0.5
    assert other.find(tenant, THINGS, one.id) is None
    assert await found(other, tenant, one) == {}


async def test_beyond_its_budget_a_tenant_forgets_and_others_do_not(
    cache: TenantCache, client: Client
) -> None:
    tenant, neighbour = uuid4(), uuid4()
    await store(cache, neighbour, *(thing() for _ in range(20)))
    many = [thing("x" * 1000) for _ in range(50)]
    lookup = await cache.get_many(tenant, THINGS, [each.id for each in many])
    await cache.set_many(tenant, THINGS, lookup, {each.id: each for each in many}, budget=20_000)
    for each, names in ((tenant, range(10, 20)), (neighbour, range(20, 21))):
        stored = [name async for name in client.scan_iter(f"harka:{{{each.hex}}}:value:*", count=1000)]
        assert len(stored) in names


async def kept_of_any_change(cache: TenantCache, tenant: UUID, one: Thing) -> bool:
    lookup = await cache.get_many(tenant, OF_ANY_CHANGE, [one.id])
    await cache.set_many(tenant, OF_ANY_CHANGE, lookup, {one.id: one}, budget=BUDGET)
    return cache.find(tenant, OF_ANY_CHANGE, one.id) == one


async def kept_here(cache: TenantCache, tenant: UUID, one: Thing) -> bool:
    await stored_and_found(cache, tenant, one)
    return cache.find(tenant, THINGS, one.id) == one
