"""Values of one tenant are under no key of another, and useless under one."""

import itertools
from typing import Any

import msgspec
import pytest
from attack import PAIRS
from redis.asyncio import Redis
from speaker import Speaker
from worlds import World

from harka.cache.tenant import Namespace, TenantCache
from harka.errors import TenantRequiredError
from harka.runtime import Runtime
from waiting import until, until_trusted


class Note(msgspec.Struct, frozen=True):
    text: str


NOTES = Namespace("isolation-note", Note)


@pytest.fixture(autouse=True)
async def the_cache_is_trusted(runtime: Runtime) -> None:
    """Where nothing is kept, nothing is refused."""
    await until_trusted(runtime.cache)


@pytest.mark.parametrize(("writer", "reader"), PAIRS)
async def test_a_value_is_not_found_under_an_equal_key(
    runtime: Runtime, worlds: dict[str, World], writer: str, reader: str
) -> None:
    mine, other = worlds[writer], worlds[reader]
    lookup = await runtime.cache.get_many(mine.organization.id, NOTES, ["same key"])
    await runtime.cache.set_many(
        mine.organization.id, NOTES, lookup, {"same key": Note(mine.canary)}, budget=2**20
    )
    found = (await runtime.cache.get_many(other.organization.id, NOTES, ["same key"])).found
    assert all(note.text == other.canary for note in found.values())


async def test_a_value_moved_to_another_tenants_key_is_refused(
    runtime: Runtime, worlds: dict[str, World]
) -> None:
    mine, other = worlds["pool-a"].organization.id, worlds["pool-b"].organization.id
    assert runtime.settings.redis_url is not None
    async with Redis.from_url(runtime.settings.redis_url) as valkey:
        for tenant in (mine, other):
            lookup = await runtime.cache.get_many(tenant, NOTES, ["moved"])
            await runtime.cache.set_many(tenant, NOTES, lookup, {"moved": Note(str(tenant))}, budget=2**20)
        names = {tenant: await _names(valkey, tenant.hex) for tenant in (mine, other)}
        for name in names[other]:
            await valkey.delete(name)
        # another process, which keeps nothing itself
        reader = TenantCache(runtime.settings.redis_url, runtime.keyring.cache, local_bytes=0, patience=1.0)
        for source, target in itertools.product(names[mine], names[other]):
            await valkey.copy(source, target, replace=True)
            found = (await reader.get_many(other, NOTES, ["moved"])).found
            assert found == {}
        await reader.close()


@pytest.mark.parametrize("list_", ["courses", "tags", "categories"])
async def test_a_whole_answer_that_was_kept_is_not_given_to_another_tenant(
    speaker: Speaker, worlds: dict[str, World], list_: str
) -> None:
    text = f"{{ {list_}(first: 50) {{ nodes {{ id }} }} }}"
    first = {name: (await speaker.ask(world, text)).text for name, world in worlds.items()}
    assert len(set(first.values())) == len(worlds)

    async def is_kept() -> bool:
        """Who asks is looked up, and nothing else."""
        again = {name: await speaker.ask(world, text) for name, world in worlds.items()}
        assert {name: answer.text for name, answer in again.items()} == first
        return max(answer.statements for answer in again.values()) <= 1

    await until(is_kept)


async def _names(valkey: Redis, tenant: str) -> list[Any]:
    return [name async for name in valkey.scan_iter(f"harka:{{{tenant}}}:value:*")]


@pytest.mark.parametrize("tenant", [None, "", "pool-a"])
async def test_nothing_opens_without_a_tenant(runtime: Runtime, tenant: Any) -> None:
    with pytest.raises(TenantRequiredError):
        await runtime.cache.get_many(tenant, NOTES, ["key"])
    with pytest.raises(TenantRequiredError):
        await runtime.pubsub.publish(tenant, "topic", {})
    with pytest.raises(TenantRequiredError):
        runtime.files.sign(tenant, "a.txt", lifetime=1)
