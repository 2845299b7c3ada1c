"""The cache and the events over a real cluster of three nodes."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import pytest

from harka.cache.tenant import Namespace, TenantCache
from harka.pubsub import PubSub
from own_cluster import OwnCluster
from waiting import until

KEY = bytes(range(16))
NAMES = Namespace("name", str, scope="course", lease=0.2)


@pytest.fixture(scope="module")
def cluster() -> Iterator[OwnCluster]:
    started = OwnCluster()
    started.start()
    yield started
    started.remove()


@asynccontextmanager
async def processes(cluster: OwnCluster) -> AsyncIterator[list[TenantCache]]:
    opened = [TenantCache(cluster.url, KEY, patience=1.0) for _ in range(2)]
    try:
        yield opened
    finally:
        for cache in opened:
            await cache.close()


@pytest.fixture
async def caches(cluster: OwnCluster) -> AsyncIterator[list[TenantCache]]:
    async with processes(cluster) as opened:
        yield opened


async def store(cache: TenantCache, tenant: UUID, **values: str) -> None:
    lookup = await cache.get_many(tenant, NAMES, list(values))
    await cache.set_many(tenant, NAMES, lookup, values, budget=2**20)


async def test_tenants_of_all_nodes_are_found_by_every_process(caches: list[TenantCache]) -> None:
    writer, reader = caches
    for tenant in [uuid4() for _ in range(12)]:

        async def is_found(tenant: UUID = tenant) -> bool:
            """A process that was busy for a moment keeps and finds nothing for a while."""
            await store(writer, tenant, a=str(tenant), b="b")
            found = (await reader.get_many(tenant, NAMES, ["a", "b"])).found
            assert found in ({}, {"a": str(tenant), "b": "b"})
            return bool(found)

        await until(is_found)
    assert writer.counts["failed"] == reader.counts["failed"] == 0


async def test_what_a_writer_cannot_tell_is_used_by_nobody(own_cluster: OwnCluster) -> None:
    """The node of the tenant's is gone, and nobody but the writer notices: the news are on another."""
    news = own_cluster.owner("{harka:news}")
    tenant = next(each for each in iter(uuid4, None) if own_cluster.owner(f"{{{each.hex}}}") != news)
    async with processes(own_cluster) as (writer, reader):

        async def is_kept() -> bool:
            await store(reader, tenant, a="old")
            return reader.find(tenant, NAMES, "a") == "old"

        await until(is_kept)
        own_cluster.kill_owner(f"{{{tenant.hex}}}")
        await writer.invalidate(tenant)
        assert reader.find(tenant, NAMES, "a") is None
        assert (await reader.get_many(tenant, NAMES, ["a"])).missing is None


async def test_a_change_is_known_to_every_process_when_the_writer_goes_on(caches: list[TenantCache]) -> None:
    writer, reader = caches
    for tenant in [uuid4() for _ in range(6)]:

        async def is_kept(tenant: UUID = tenant) -> bool:
            await store(writer, tenant, a="old", b="b")
            await reader.get_many(tenant, NAMES, ["a", "b"])
            return reader.find(tenant, NAMES, "a") == "old"

        await until(is_kept)
        await writer.begin_write(tenant, ["course:a"])
        await writer.invalidate(tenant, ["course:a"])
        assert reader.find(tenant, NAMES, "a") is None
        assert (await reader.get_many(tenant, NAMES, ["a", "b"])).found == {"b": "b"}


@pytest.fixture
async def speaker(cluster: OwnCluster) -> AsyncIterator[PubSub]:
    opened = PubSub(cluster.url)
    yield opened
    await opened.close()


@pytest.fixture
async def listener(cluster: OwnCluster) -> AsyncIterator[PubSub]:
    opened = PubSub(cluster.url)
    yield opened
    await opened.close()


async def test_events_are_heard_whichever_node_they_are_told_to(speaker: PubSub, listener: PubSub) -> None:
    for tenant in [uuid4() for _ in range(6)]:

        async def is_told(tenant: UUID = tenant) -> bool:
            """A busy machine may look like a server that is away: then it is not tried for a while."""
            return await speaker.publish(tenant, "news", {"said": str(tenant)})

        async with listener.subscribe(tenant, "news") as events:
            await until(is_told)
            async with asyncio.timeout(5.0):
                assert (await anext(events)).payload == {"said": str(tenant)}
