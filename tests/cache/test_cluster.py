"""The cache, the events and what is counted over a real cluster of three nodes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest

from harka.cache.once import is_first
from harka.cache.pool_ledger import Ask, SharedLedger
from harka.cache.tenant import Namespace, TenantCache
from harka.cache.throttle import Rate, Throttle
from harka.errors import UnavailableError
from harka.ids import new_id
from harka.pubsub import PubSub
from harka.valkey import Client, Script
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


def tenants_of_all_nodes(cluster: OwnCluster) -> list[UUID]:
    found: dict[int, UUID] = {}
    while len(found) < len(cluster.ports):
        tenant = new_id()
        found.setdefault(cluster.owner(f"{{{tenant.hex}}}"), tenant)
    return list(found.values())


def ask(pool: str, **changes: float) -> Ask:
    """`flows`: so slowly that nothing comes back here; `held`: comes back at once."""
    amounts = {"held": 0.0, "idle": 0.0, "back": 0.0, "need": 0.0, "want": 0.0, "most": 0.0} | changes
    rate = 1e-6 if pool == "flows" else 0.0
    return Ask(pool=pool, rate=rate, capacity=100.0, window="", debt=0.0, seed=0.0, **amounts)


async def granted(ledger: SharedLedger, tenant: UUID, *asks: Ask) -> list[float]:
    """Of a drawing that reached the node: on a busy machine one may be late, and then draws nothing."""
    answers: list[list[float]] = []

    async def is_answered() -> bool:
        try:
            answers.append([each.granted for each in await ledger.draw(tenant, asks)])
        except UnavailableError:
            return False
        return True

    await until(is_answered)
    return answers[-1]


Open = Callable[..., SharedLedger]


@pytest.fixture
async def opened(cluster: OwnCluster) -> AsyncIterator[Open]:
    """Call it for a ledger as another process has it."""
    async with AsyncExitStack() as stack:

        def make(**options: Any) -> SharedLedger:
            ledger = SharedLedger(cluster.url, uuid4().hex, processes=9, **options)
            stack.push_async_callback(ledger.close)
            return ledger

        yield make


async def test_processes_draw_on_every_node_what_there_is_and_no_more(
    cluster: OwnCluster, opened: Open
) -> None:
    ledgers, tenants = [opened(), opened()], tenants_of_all_nodes(cluster)
    wanted = [ask("flows", need=70.0), ask("held", need=60.0)]
    # all at once: drawings of one process are under way on several nodes
    told = await asyncio.gather(
        *(granted(ledger, tenant, *wanted) for tenant in tenants for ledger in ledgers)
    )
    for number, tenant in enumerate(tenants):
        flows, held = zip(*told[2 * number : 2 * number + 2], strict=True)
        assert (sorted(flows), sorted(held)) == ([30.0, 70.0], [40.0, 60.0])
        assert await granted(opened(), tenant, *wanted) == [0.0, 0.0]


async def test_what_a_process_that_is_gone_had_idle_goes_back_on_every_node(
    cluster: OwnCluster, opened: Open
) -> None:
    gone, there = opened(lease=0.05), opened()
    for tenant in tenants_of_all_nodes(cluster):
        had = await granted(
            gone, tenant, ask("flows", need=50.0, want=40.0, most=40.0), ask("held", need=100.0)
        )
        assert had == [90.0, 100.0]

        async def is_back(tenant: UUID = tenant) -> bool:
            return await granted(there, tenant, ask("held", need=1.0)) == [1.0]

        await until(is_back)
        told = await granted(there, tenant, ask("flows", need=100.0), ask("held", held=1.0, need=100.0))
        assert told == [50.0, 99.0], "of what flows, what was in use is spent"
        assert await granted(gone, tenant, ask("flows", back=40.0, need=1.0)) == [0.0], "it went back already"


async def test_processes_are_counted_in_a_cluster(opened: Open) -> None:
    ledgers = [opened() for _ in range(3)]

    async def are_counted() -> bool:
        for each in ledgers:
            await each.beat()
        return [each.share for each in ledgers] == [1 / 3] * 3

    await until(are_counted)


async def test_nodes_need_not_agree_on_the_time(
    cluster: OwnCluster, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By their own clock they refuse a drawing that comes too late."""
    ledger, (fast, *others) = opened(), tenants_of_all_nodes(cluster)
    run = Script.run

    async def skewed(script: Script, client: Client, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        if fast.hex in keys[0]:
            script = Script(script.text.replace("/ 1000000", "/ 1000000 + 60"))
        return await run(script, client, keys, arguments)

    monkeypatch.setattr(Script, "run", skewed)
    for tenant in (fast, *others):
        await granted(ledger, tenant, ask("flows"))
    refused = 0
    for tenant in (fast, *others) * 10:
        try:
            await ledger.draw(tenant, [ask("flows", need=1.0)])
        except UnavailableError:
            refused += 1
    assert refused < 5, "at most what a busy machine is late with"


async def test_tries_are_counted_over_all_processes(cluster: OwnCluster, caches: list[TenantCache]) -> None:
    one, other = map(Throttle, caches)
    rate = Rate("test", most=3, seconds=30.0)
    for tenant in tenants_of_all_nodes(cluster):
        # several keys of a tenant, each wherever it is
        for of in ("a", "b", "c"):
            assert [await one.take(tenant, rate, of) for _ in range(2)] == [0.0, 0.0]
            assert await other.take(tenant, rate, of) == 0.0
            assert 0.0 < await other.take(tenant, rate, of) <= 30.0
            await one.give_back(tenant, rate, of)
            assert await other.take(tenant, rate, of) == 0.0


async def test_once_is_once_over_all_processes(cluster: OwnCluster, caches: list[TenantCache]) -> None:
    for tenant in tenants_of_all_nodes(cluster):
        for of in ("a", "b", "c"):
            asked = [is_first(cache, tenant, "test", of, seconds=60.0) for cache in caches * 5]
            assert sorted(await asyncio.gather(*asked)) == [False] * 9 + [True]
