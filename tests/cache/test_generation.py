import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from harka import clock
from harka.cache import generation
from harka.cache.generation import ANY, BEGIN, END, FORGET, TENANT, has_writers
from harka.valkey import Client, command

COURSE = "course:1"


async def number(client: Client, tenant: UUID) -> int:
    return (await generation.read(client, tenant, ()))[0]


async def scope(client: Client, tenant: UUID, name: str) -> int:
    return (await generation.read(client, tenant, [(name, "n")]))[1][0].scope


async def test_it_is_the_same_for_every_reader_until_somebody_moves_it(client: Client) -> None:
    tenant = uuid4()
    first = {await number(client, tenant) for _ in range(5)}
    await generation.move(client, tenant, [TENANT], FORGET)
    assert len(first) == 1
    assert await number(client, tenant) == first.pop() + FORGET


async def test_readers_who_come_first_together_agree(client: Client) -> None:
    tenant = uuid4()
    seen = await asyncio.gather(*(number(client, tenant) for _ in range(8)))
    assert len(set(seen)) == 1


async def test_moving_a_scope_moves_neither_the_tenant_nor_another_scope(client: Client) -> None:
    tenant = uuid4()
    before = await number(client, tenant)
    told = await generation.move(client, tenant, [COURSE], FORGET)
    assert await number(client, tenant) == before
    assert await scope(client, tenant, COURSE) == told[COURSE] > 0
    assert await scope(client, tenant, "course:2") == 0


@pytest.mark.parametrize("scopes", [[TENANT], [COURSE]])
async def test_every_change_moves_what_counts_changes(client: Client, scopes: list[str]) -> None:
    tenant = uuid4()
    await number(client, tenant)
    before = await scope(client, tenant, ANY)
    await generation.move(client, tenant, scopes, FORGET)
    assert await scope(client, tenant, ANY) == before + FORGET


async def test_values_come_along_in_order(client: Client) -> None:
    tenant = uuid4()
    current = await number(client, tenant)
    await client.set(f"test:{tenant}:{current}:0", b"value")
    _, readings = await generation.read(client, tenant, [(TENANT, "missing"), (TENANT, f"test:{tenant}")])
    assert [reading.sealed for reading in readings] == [None, b"value"]


async def test_of_those_who_find_nothing_one_is_to_fetch_it(client: Client) -> None:
    tenant = uuid4()
    asked = [(TENANT, f"test:{tenant}")]
    readers = [reader for reader in "abcd" for _ in range(2)]
    seen = await asyncio.gather(
        *(generation.read(client, tenant, asked, lease=5.0, reader=reader) for reader in readers)
    )
    fetchers = {reader for reader, (_, (one,)) in zip(readers, seen, strict=True) if not one.is_fetched}
    assert len(fetchers) == 1
    assert [one.is_fetched for _, (one,) in seen].count(False) == 2


async def test_writers_at_work_are_counted(client: Client) -> None:
    tenant, seen = uuid4(), []
    for change, writer in ((BEGIN, "one"), (BEGIN, "other"), (END, "one"), (END, "other")):
        told = await generation.move(client, tenant, [COURSE], change, writer)
        seen.append([has_writers(told[name]) for name in (TENANT, ANY, COURSE)])
    at_work = [False, True, True]
    assert seen == [at_work, at_work, at_work, [False] * 3]


async def test_one_that_was_lost_comes_back_higher(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    tenant = uuid4()
    for _ in range(100):
        await generation.move(client, tenant, [TENANT], FORGET)
    before = await number(client, tenant)
    await client.delete(generation.name(tenant))
    later = clock.now() + timedelta(seconds=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert await number(client, tenant) > before


async def test_who_ends_what_was_lost_takes_back_no_writer(client: Client) -> None:
    tenant = uuid4()
    await generation.move(client, tenant, [COURSE], BEGIN)
    await client.delete(generation.name(tenant))
    told = await generation.move(client, tenant, [COURSE], END)
    assert not any(has_writers(told[name]) for name in (TENANT, ANY, COURSE))


async def test_who_was_killed_at_work_is_counted_for_a_minute(client: Client) -> None:
    tenant = uuid4()

    async def is_changing() -> bool:
        return (await generation.read(client, tenant, [(ANY, "none")]))[1][0].is_changing

    assert not await is_changing()
    await generation.move(client, tenant, [TENANT], BEGIN, "killed")
    assert await is_changing()
    seconds, _ = await client.time()
    await client.zadd(generation.writers(tenant), {"killed": seconds - 61})
    assert not await is_changing()
    await generation.move(client, tenant, [TENANT], FORGET)
    assert not await is_changing()


async def test_who_was_killed_at_work_is_not_counted_for_longer_because_others_write(client: Client) -> None:
    tenant = uuid4()

    async def is_changing() -> bool:
        return (await generation.read(client, tenant, [(ANY, "none")]))[1][0].is_changing

    await generation.move(client, tenant, [TENANT], BEGIN, "killed")
    seconds, _ = await client.time()
    await client.zadd(generation.writers(tenant), {"killed": seconds - 61})
    await generation.move(client, tenant, [COURSE], BEGIN, "other")
    assert await is_changing()
    await generation.move(client, tenant, [COURSE], END, "other")
    assert has_writers(await number(client, tenant)), "the count itself is not taken back"
    assert not await is_changing()


async def test_who_ends_twice_is_taken_back_once(client: Client) -> None:
    """As whoever heard no answer tells it again."""
    tenant = uuid4()
    for writer in ("one", "other"):
        await generation.move(client, tenant, [COURSE], BEGIN, writer)
    for _ in range(2):
        ended = await generation.move(client, tenant, [COURSE], END, "one")
        assert all(has_writers(ended[name]) for name in (ANY, COURSE))
    again = await generation.move(client, tenant, [COURSE], END, "other")
    assert not any(has_writers(again[name]) for name in (ANY, COURSE))
    assert again[COURSE] > ended[COURSE]


async def test_too_many_scopes_begin_anew_and_with_them_the_tenant(client: Client) -> None:
    tenant = uuid4()
    before = await number(client, tenant)
    many = [word for each in range(10_001) for word in (f"course:{each}", 7)]
    await command(client, "HSET", generation.name(tenant), *many)
    await generation.move(client, tenant, [COURSE], FORGET)
    assert await number(client, tenant) > before
    assert await client.hlen(generation.name(tenant)) == 4, (
        "the tenant's, that of any, a course's, and the origin"
    )


async def test_it_does_not_stay_for_ever(client: Client) -> None:
    tenant = uuid4()
    await generation.move(client, tenant, [TENANT], FORGET)
    assert 80_000 < await client.ttl(generation.name(tenant)) <= 86_400
