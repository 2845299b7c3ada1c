"""Many who miss the same at once, in one process and in several."""

import asyncio
from collections import Counter
from uuid import UUID, uuid4

import pytest

from cache.things import BUDGET, THINGS, Thing, thing
from harka.cache.tenant import Namespace, TenantCache
from waiting import until, until_trusted

QUERIES: Counter[UUID] = Counter()
SHARED = Namespace("shared", Thing, lease=0.3)


async def read(
    cache: TenantCache, tenant: UUID, one: Thing, namespace: Namespace[Thing] = THINGS
) -> Thing | None:
    """Through the cache from a database that takes its time, and counts."""

    async def query(_: object) -> dict[UUID, Thing]:
        QUERIES[tenant] += 1
        await asyncio.sleep(0.02)
        return {one.id: one}

    lookup = await cache.get_many(tenant, namespace, [one.id])
    if lookup.missing is None:
        return (await query(None))[one.id]
    fetched = {} if lookup.found else await cache.fetch(tenant, namespace, lookup, query, budget=BUDGET)
    return {**lookup.found, **fetched}.get(one.id)


async def test_500_who_miss_at_once_make_one_query(cache: TenantCache) -> None:
    tenant, one = uuid4(), thing()
    assert await asyncio.gather(*(read(cache, tenant, one) for _ in range(500))) == [one] * 500
    assert QUERIES[tenant] == 1


async def test_when_the_one_who_queries_leaves_one_of_those_who_wait_does(cache: TenantCache) -> None:
    tenant, one, queries = uuid4(), thing(), 0
    is_answered, have_looked = asyncio.Event(), 0
    await until_trusted(cache)

    async def query(_: object) -> dict[UUID, Thing]:
        nonlocal queries
        queries += 1
        await is_answered.wait()
        return {one.id: one}

    async def ask() -> Thing:
        nonlocal have_looked
        lookup = await cache.get_many(tenant, THINGS, [one.id])
        have_looked += 1
        return (await cache.fetch(tenant, THINGS, lookup, query, budget=BUDGET))[one.id]

    async def all_have_looked() -> bool:
        return have_looked == 500

    asking = [asyncio.create_task(ask()) for _ in range(500)]
    await until(all_have_looked)
    asking[0].cancel()
    await asyncio.sleep(0)
    is_answered.set()
    first, *others = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(first, asyncio.CancelledError)
    assert others == [one] * 499
    assert queries == 2


async def test_those_of_several_processes_make_one_query(cache: TenantCache, other: TenantCache) -> None:
    tenant, one = uuid4(), thing()
    both = [read(process, tenant, one, SHARED) for process in (cache, other) for _ in range(20)]
    assert await asyncio.gather(*both) == [one] * 40
    assert QUERIES[tenant] == 1


async def test_what_another_process_never_fetches_is_fetched_after_its_lease(
    cache: TenantCache, other: TenantCache
) -> None:
    tenant, one = uuid4(), thing()
    await cache.get_many(tenant, SHARED, [one.id])
    assert await read(other, tenant, one, SHARED) == one
    assert QUERIES[tenant] == 1


async def test_who_is_told_of_a_failure_fetches_it_themselves(cache: TenantCache) -> None:
    tenant, one = uuid4(), thing()

    async def fail(_: object) -> dict[UUID, Thing]:
        raise ConnectionError

    lookup = await cache.get_many(tenant, THINGS, [one.id])
    failing = asyncio.create_task(cache.fetch(tenant, THINGS, lookup, fail, budget=BUDGET))
    await asyncio.sleep(0)
    assert await read(cache, tenant, one) == one
    with pytest.raises(ConnectionError):
        await failing
