import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from harka import clock
from harka.cache import generation
from own_valkey import OwnValkey


@pytest.fixture
async def redis(shared_valkey: OwnValkey) -> AsyncIterator[Redis]:
    client = Redis.from_url(shared_valkey.url)
    yield client
    await client.aclose()


async def test_it_is_the_same_for_every_reader_until_somebody_moves_it(redis: Redis) -> None:
    tenant = uuid4()
    first = {(await generation.read(redis, tenant, ()))[0] for _ in range(5)}
    await generation.move(redis, tenant, generation.EDGE)
    second, _ = await generation.read(redis, tenant, ())
    assert len(first) == 1
    assert second == first.pop() + generation.EDGE


async def test_readers_who_come_first_together_agree(redis: Redis) -> None:
    tenant = uuid4()
    seen = await asyncio.gather(*(generation.read(redis, tenant, ()) for _ in range(20)))
    assert len({found for found, _ in seen}) == 1


async def test_values_come_along_in_order(redis: Redis) -> None:
    tenant = uuid4()
    await redis.set(f"test:{tenant}", b"value")
    _, values = await generation.read(redis, tenant, [f"missing:{tenant}", f"test:{tenant}"])
    assert values == [None, b"value"]


async def test_writers_at_work_are_counted(redis: Redis) -> None:
    tenant = uuid4()
    seen = []
    for change in (generation.EDGE + generation.WRITER,) * 2 + (generation.EDGE - generation.WRITER,) * 2:
        await generation.move(redis, tenant, change)
        seen.append((await generation.read(redis, tenant, ()))[0])
    assert [generation.has_writers(found) for found in seen] == [True, True, True, False]
    assert seen == sorted(set(seen))


async def test_one_that_was_lost_comes_back_higher(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    tenant = uuid4()
    for _ in range(100):
        await generation.move(redis, tenant, generation.EDGE)
    before, _ = await generation.read(redis, tenant, ())
    await redis.delete(generation.name(tenant))
    later = clock.now() + timedelta(seconds=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    after, _ = await generation.read(redis, tenant, ())
    assert after > before


async def test_it_does_not_stay_for_ever(redis: Redis) -> None:
    tenant = uuid4()
    await generation.move(redis, tenant, generation.EDGE)
    assert 80_000 < await redis.ttl(generation.name(tenant)) <= 86_400
