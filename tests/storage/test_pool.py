"""The pool by itself, with real connections; `test_databases.py` has it under a database that breaks."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import msgspec
import pytest

from harka.config import Settings
from harka.storage.databases import Databases
from harka.storage.pool import Pool
from harka.storage.wire import Wire
from waiting import until


@pytest.fixture
async def pool(storage_settings: Settings) -> AsyncIterator[Pool]:
    """With room for two connections."""
    opened = Databases(msgspec.structs.replace(storage_settings, pool_size=2))
    yield opened.pool("app")
    await opened.close()


def soon(seconds: float = 5.0) -> float:
    return asyncio.get_running_loop().time() + seconds


async def both(pool: Pool) -> tuple[Wire, Wire]:
    return await pool.acquire(soon()), await pool.acquire(soon())


async def asleep(*tasks: "asyncio.Task[Wire]") -> None:
    """Until these wait for a connection: they run when we do not."""
    for _ in range(3):
        await asyncio.sleep(0)
    assert not any(task.done() for task in tasks)


async def test_the_one_used_last_is_lent_first(pool: Pool) -> None:
    first, second = await both(pool)
    pool.release(first)
    pool.release(second)
    assert (pool.get_size(), pool.get_idle_size()) == (2, 2)
    assert await pool.acquire(soon()) is second
    assert (pool.used, pool.get_idle_size()) == ({second}, 1)
    pool.release(second)


async def test_who_waits_is_served_in_order(pool: Pool) -> None:
    first, second = await both(pool)
    waiting = [asyncio.create_task(pool.acquire(soon())) for _ in range(2)]
    await asleep(*waiting)
    pool.release(second)
    assert await waiting[0] is second
    await asleep(waiting[1])
    pool.release(first)
    assert await waiting[1] is first
    for wire in (first, second):
        pool.release(wire)
    assert pool.get_idle_size() == 2


async def test_who_has_waited_too_long_gives_up_and_is_passed_over(pool: Pool) -> None:
    first, second = await both(pool)
    patient = asyncio.create_task(pool.acquire(soon()))
    with pytest.raises(TimeoutError):
        await pool.acquire(soon(0.01))
    pool.release(first)
    assert await patient is first
    pool.release(first)
    pool.release(second)


async def test_what_is_handed_to_somebody_who_is_cancelled_goes_to_the_next(pool: Pool) -> None:
    first, second = await both(pool)
    leaving, staying = [asyncio.create_task(pool.acquire(soon())) for _ in range(2)]
    await asleep(leaving, staying)
    pool.release(first)
    leaving.cancel()
    assert await staying is first
    with pytest.raises(asyncio.CancelledError):
        await leaving
    pool.release(first)
    pool.release(second)
    assert pool.get_idle_size() == 2


async def test_a_connection_whose_opener_was_cancelled_is_the_pools(pool: Pool) -> None:
    opening = asyncio.create_task(pool.acquire(soon()))
    await asleep(opening)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening

    async def is_there() -> bool:
        return pool.get_idle_size() == 1

    await until(is_there)
    assert not pool.used


async def test_room_that_a_discarded_one_leaves_is_filled_for_who_waits(pool: Pool) -> None:
    first, second = await both(pool)
    waiting = asyncio.create_task(pool.acquire(soon()))
    await asleep(waiting)
    pool.discard(first)
    fresh = await waiting
    assert fresh not in {first, second}
    assert pool.used == {fresh, second}
    pool.release(fresh)
    pool.release(second)


async def test_one_that_was_lost_while_it_idled_is_not_lent(pool: Pool) -> None:
    lost = await pool.acquire(soon())
    pool.release(lost)
    lost.connection.terminate()
    wire = await pool.acquire(soon())
    assert wire is not lost
    assert await wire.connection.fetchval("SELECT 1") == 1
    pool.release(wire)


async def test_what_nobody_used_for_long_is_closed(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harka.storage.pool._SWEEP_SECONDS", 0.01)
    monkeypatch.setattr("harka.storage.pool._IDLE_SECONDS", 0.01)
    first, second = await both(pool)
    pool.release(first)

    async def is_closed() -> bool:
        return first.connection.is_closed()

    await until(is_closed)
    assert (pool.get_size(), second.connection.is_closed()) == (1, False)
    pool.release(second)


async def test_closing_waits_for_what_is_in_use_and_lends_nothing_more(pool: Pool) -> None:
    wire = await pool.acquire(soon())
    closing = asyncio.create_task(pool.close(5.0))
    await asyncio.sleep(0)
    with pytest.raises(asyncpg.InterfaceError):
        await pool.acquire(soon())
    assert not closing.done()
    pool.release(wire)
    await closing
    assert wire.connection.is_closed()
