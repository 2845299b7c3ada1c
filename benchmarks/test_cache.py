"""What a cached value costs, by where it lies: `pytest benchmarks/test_cache.py --benchmark-only`.

One round is 1,000 looks, so a time shown in ms is µs a look. The hash is that of the name which a look into
Valkey needs; a look into this process needs none.
"""

import asyncio
import time
from collections.abc import Iterator
from uuid import UUID, uuid4

import msgspec
import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from servers import Ground

from harka.cache.tenant import Namespace, TenantCache
from harka.fastpath import cache_key

LOOKS = 1000
KEY = bytes(range(16))


class Thing(msgspec.Struct, frozen=True):
    id: UUID
    title: str


THINGS = Namespace("thing", Thing)


@pytest.fixture
def cached(loop: asyncio.AbstractEventLoop, ground: Ground) -> Iterator[tuple[TenantCache, UUID, Thing]]:
    cache = TenantCache(ground.settings.redis_url, KEY, patience=1.0)
    tenant, thing = uuid4(), Thing(uuid4(), "Algebra")

    async def fill() -> None:
        while cache.find(tenant, THINGS, thing.id) is None:
            lookup = await cache.get_many(tenant, THINGS, [thing.id])
            await cache.set_many(tenant, THINGS, lookup, {thing.id: thing}, budget=2**20)

    loop.run_until_complete(fill())
    yield cache, tenant, thing
    loop.run_until_complete(cache.close())


@pytest.mark.benchmark(group="cached value", timer=time.process_time)
def test_hash(benchmark: BenchmarkFixture) -> None:
    tenant, key = uuid4().bytes, uuid4().bytes

    def run() -> None:
        for _ in range(LOOKS):
            cache_key(KEY, tenant, 0, 1, "thing", (key,))

    benchmark(run)


@pytest.mark.benchmark(group="cached value", timer=time.process_time)
def test_local(benchmark: BenchmarkFixture, cached: tuple[TenantCache, UUID, Thing]) -> None:
    cache, tenant, thing = cached
    assert cache._news is not None  # noqa: SLF001 - the loop that renews it stands still here
    cache._news.until = 1e12  # noqa: SLF001 - see above
    assert cache.find(tenant, THINGS, thing.id) == thing

    def run() -> None:
        for _ in range(LOOKS):
            cache.find(tenant, THINGS, thing.id)

    benchmark(run)


@pytest.mark.benchmark(group="cached value", timer=time.process_time)
def test_valkey(
    benchmark: BenchmarkFixture, loop: asyncio.AbstractEventLoop, cached: tuple[TenantCache, UUID, Thing]
) -> None:
    cache, tenant, thing = cached

    async def looks() -> None:
        for _ in range(LOOKS):
            cache._local.clear()  # noqa: SLF001 - as in a process that has not seen it yet
            await cache.get_many(tenant, THINGS, [thing.id])

    benchmark.pedantic(lambda: loop.run_until_complete(looks()), rounds=3)
