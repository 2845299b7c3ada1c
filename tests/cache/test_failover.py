"""A Valkey that fails while it is in use, in each way there is: nobody is given what was changed before."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import msgspec
import pytest

from cache.test_fuzz import Database, at_random
from harka.cache.server import PATIENCE
from harka.cache.tenant import Namespace, TenantCache
from own_cluster import OwnCluster
from own_pair import OwnPair
from own_valkey import OwnValkey
from waiting import until

KEY = bytes(range(16))
BUDGET = 2**20
LONGEST = 4.0
"""Seconds for a look or a write: a writer tries for a second to move the numbers, and another to tell."""
_PATIENCE = 45.0
"""Seconds until a cluster that lost a node is used again, on a machine that does other things, too."""


class Thing(msgspec.Struct, frozen=True):
    title: str


THINGS = Namespace("thing", Thing)


@asynccontextmanager
async def processes(url: str, count: int, patience: float = PATIENCE) -> AsyncIterator[list[TenantCache]]:
    caches = [TenantCache(url, KEY, patience=patience) for _ in range(count)]
    try:
        yield caches
    finally:
        for each in caches:
            await each.close()


async def test_what_was_changed_is_not_found_though_the_fail_over_lost_that_it_was(own_pair: OwnPair) -> None:
    async with processes(own_pair.url, 2, patience=1.0) as (writer, reader):
        seen = await _found_after_a_change(own_pair, writer, reader)
    assert seen == {"new"}


async def _found_after_a_change(own_pair: OwnPair, writer: TenantCache, reader: TenantCache) -> set[str]:
    tenant, seen = uuid4(), set[str]()

    async def look(title: str) -> bool:
        lookup = await reader.get_many(tenant, THINGS, ["a"])
        seen.update(each.title for each in lookup.found.values())
        await reader.set_many(tenant, THINGS, lookup, {"a": Thing(title)}, budget=BUDGET)
        return title in seen

    await until(lambda: look("old"))
    assert own_pair.primary.client.wait(1, 1000) == 1, "the replica has it"
    own_pair.part()
    await writer.begin_write(tenant)
    await writer.invalidate(tenant)
    seen.clear()
    own_pair.fail_over()
    await until(lambda: look("new"))
    return seen


async def _killed(valkey: OwnValkey) -> None:
    valkey.stop()
    await asyncio.sleep(0.1)
    valkey.start()


async def _paused(valkey: OwnValkey) -> None:
    valkey.freeze()
    await asyncio.sleep(0.3)
    valkey.thaw()


@pytest.mark.parametrize("disturb", [_killed, _paused])
async def test_nobody_is_given_what_is_old_while_it_is_away(
    own_valkey: OwnValkey, disturb: Callable[[OwnValkey], Awaitable[None]]
) -> None:
    await _under_load(own_valkey.url, lambda: disturb(own_valkey))


async def test_nobody_is_given_what_is_old_while_it_fails_over(own_pair: OwnPair) -> None:
    async def fail_over() -> None:
        own_pair.part()
        await asyncio.sleep(0.02)
        own_pair.fail_over()

    await _under_load(own_pair.url, fail_over)


@pytest.mark.parametrize("of", ["the organization", "the news"])
async def test_nobody_is_given_what_is_old_while_a_node_of_a_cluster_fails_over(
    replicated_cluster: OwnCluster, of: str
) -> None:
    tenant = uuid4()
    key = f"{{{tenant.hex}}}" if of == "the organization" else "{harka:news}"

    async def kill() -> None:
        await asyncio.to_thread(replicated_cluster.kill_owner, key)

    await _under_load(replicated_cluster.url, kill, tenant)


async def _under_load(url: str, disturb: Callable[[], Awaitable[None]], tenant: UUID | None = None) -> None:
    """Four processes read and write at random, before, meanwhile, and until the cache is used again."""
    async with processes(url, 4) as caches:
        await _at_work(caches, disturb, tenant or uuid4())


async def _at_work(caches: list[TenantCache], disturb: Callable[[], Awaitable[None]], tenant: UUID) -> None:
    database = Database()
    over = asyncio.Event()

    async def work(cache: TenantCache) -> None:
        while not over.is_set():
            async with asyncio.timeout(LONGEST):
                await at_random(cache, tenant, database)

    def hits() -> int:
        return min(cache.counts["hit"] + cache.counts["local"] for cache in caches)

    async def is_used() -> bool:
        return hits() > used

    async with asyncio.TaskGroup() as group:
        for cache in caches:
            group.create_task(work(cache))
        used = 0
        await until(is_used, within=_PATIENCE)
        await disturb()
        used = max(cache.counts["hit"] + cache.counts["local"] for cache in caches) + 5
        await until(is_used, within=_PATIENCE)
        over.set()
