"""A pool on a real server."""

import asyncio
from collections.abc import AsyncIterator, Callable

import asyncpg
import pytest

from harka.storage.databases import Databases
from harka.storage.pool import Pool
from harka.storage.wire import Wire
from storage.asking import later
from waiting import until

MakePool = Callable[[int], Pool]


@pytest.fixture
async def make_pool(databases: Databases) -> AsyncIterator[MakePool]:
    """`make_pool(size)`."""
    made: list[Pool] = []

    def make(size: int) -> Pool:
        made.append(Pool(databases.database("app")._connect, size=size))
        return made[-1]

    yield make
    for pool in made:
        await pool.close(0.0)


async def waiting(pool: Pool, count: int) -> list[asyncio.Task[Wire]]:
    """So many that wait for a connection, in this order."""
    tasks = []
    for _ in range(count):
        before = len(pool._waiters)
        tasks.append(asyncio.create_task(pool.acquire(later())))
        while len(pool._waiters) == before:  # noqa: ASYNC110 - the pool tells nobody
            await asyncio.sleep(0)
    return tasks


async def lined_up(pool: Pool, count: int) -> None:
    """Return when so many wait, and no connection is being opened."""

    async def are() -> bool:
        return len(pool._waiters) == count and not pool._opening

    await until(are)


async def test_the_connection_used_last_is_lent_first(make_pool: MakePool) -> None:
    pool = make_pool(3)
    one, other = await pool.acquire(later()), await pool.acquire(later())
    assert (pool.get_size(), pool.get_idle_size(), pool.used) == (2, 0, {one, other})
    pool.release(other)
    pool.release(one)
    assert (pool.get_size(), pool.get_idle_size(), pool.used) == (2, 2, frozenset())
    assert [await pool.acquire(later()), await pool.acquire(later())] == [one, other]


async def test_who_waits_is_served_in_order_by_no_more_connections_than_there_may_be(
    make_pool: MakePool,
) -> None:
    pool = make_pool(1)
    wire = await pool.acquire(later())
    tasks = await waiting(pool, 4)
    for task in tasks:
        assert not task.done()
        pool.release(wire)
        # nobody who comes now is before those who wait
        with pytest.raises(TimeoutError):
            await pool.acquire(asyncio.get_running_loop().time())
        assert await task is wire
    pool.release(wire)
    assert (pool.get_size(), pool.get_idle_size()) == (1, 1)


async def test_who_gave_up_is_passed_over(make_pool: MakePool) -> None:
    pool = make_pool(1)
    wire = await pool.acquire(later())
    first, second, third = await waiting(pool, 3)
    first.cancel()
    second.cancel()
    pool.release(wire)
    assert await third is wire
    assert first.cancelled()


async def test_a_connection_given_at_the_moment_of_giving_up_goes_to_the_next(make_pool: MakePool) -> None:
    pool = make_pool(1)
    wire = await pool.acquire(later())
    first, second = await waiting(pool, 2)
    pool.release(wire)
    first.cancel()
    assert await second is wire
    assert first.cancelled()
    pool.release(wire)
    assert (pool.get_size(), pool.get_idle_size()) == (1, 1)


async def test_room_given_at_the_moment_of_giving_up_goes_to_the_next(make_pool: MakePool) -> None:
    pool = make_pool(1)
    wire = await pool.acquire(later())
    first, second = await waiting(pool, 2)
    pool.discard(wire)
    first.cancel()
    assert await second is not wire
    assert pool.get_size() == 1


async def test_who_is_cancelled_while_a_connection_opens_leaves_it_to_the_next(make_pool: MakePool) -> None:
    pool, begun = make_pool(1), []
    connect = pool._connect

    async def counted() -> Wire:
        begun.append(len(begun))
        return await connect()

    pool._connect = counted
    opening = asyncio.create_task(pool.acquire(later()))
    (second,) = await waiting(pool, 1)
    while not begun:  # noqa: ASYNC110 - the pool tells nobody
        await asyncio.sleep(0)
    opening.cancel()
    wire = await second
    assert begun == [0]
    assert pool.used == {wire}
    assert not pool._opening


async def test_a_connection_that_was_lost_is_not_lent(make_pool: MakePool) -> None:
    pool = make_pool(2)
    idle, used = await pool.acquire(later()), await pool.acquire(later())
    pool.release(idle)
    for wire in (idle, used):
        wire.connection.terminate()
    pool.release(used)
    assert pool.get_idle_size() == 1
    wire = await pool.acquire(later())
    assert wire not in {idle, used}
    assert await wire.connection.fetchval("SELECT 1") == 1
    assert pool.get_size() == 1


async def test_one_holder_leaves_some_to_others(make_pool: MakePool) -> None:
    pool = make_pool(4)
    pool._share = 3
    held = [await pool.acquire(later(), b"a") for _ in range(3)]
    fourth = asyncio.create_task(pool.acquire(later(), b"a"))
    await asyncio.sleep(0)
    assert pool.is_crowded
    other = await pool.acquire(later(), b"b")
    pool.release(other)
    assert not fourth.done(), "there is one, but not for them"
    pool.release(held[0])
    assert await fourth is held[0]


async def test_of_the_last_quarter_there_is_one_left_for_another_shard(make_pool: MakePool) -> None:
    """Two that hang, whoever asks there, leave one connection of ten."""
    pool = make_pool(10)
    pool._share = 7
    await pool.acquire(later(), b"first", "fine")
    for wire in pool.used:
        pool.release(wire)
    stuck = [
        asyncio.create_task(pool.acquire(later(), b"%d" % number, shard))
        for shard in ("x", "y")
        for number in range(10)
    ]
    await lined_up(pool, len(stuck) - 9)
    assert pool._of_shard == {"fine": 0, "x": 7, "y": 2}
    fine = await pool.acquire(later(), b"fine", "fine")
    other = asyncio.create_task(pool.acquire(later(), b"other", "fine"))
    await asyncio.sleep(0)
    pool.release(fine)
    assert await other is fine, "the next one of a shard that answers"
    for task in stuck:
        task.cancel()


async def test_beside_one_that_hangs_a_shard_has_more_than_one(make_pool: MakePool) -> None:
    pool = make_pool(10)
    pool._share = 7
    for number in range(7):
        await pool.acquire(later(), b"%d" % number, "x")
    for number in range(2):
        await pool.acquire(later(), b"%d" % number, "fine")
    third = asyncio.create_task(pool.acquire(later(), b"third", "fine"))
    await pool.acquire(later(), b"other", "other")
    assert not third.done()
    third.cancel()


@pytest.mark.parametrize("how", ["release", "discard"])
async def test_one_that_comes_back_may_let_two_in(make_pool: MakePool, how: str) -> None:
    pool = make_pool(4)
    pool._share = 3
    first = await pool.acquire(later(), b"x", "x")
    for number in range(2):
        await pool.acquire(later(), b"%d" % number, "y")
    waiting = [asyncio.create_task(pool.acquire(later(), b"z%s" % shard.encode(), shard)) for shard in "yx"]
    await lined_up(pool, len(waiting))
    getattr(pool, how)(first)
    await asyncio.gather(*waiting)


async def test_a_change_of_turns_disturbs_nobody_in_line_while_there_is_none(make_pool: MakePool) -> None:
    pool = make_pool(4)
    pool._share = 3
    held = [await pool.acquire(later(), b"%d" % number, "aaab"[number]) for number in range(4)]
    waiting = [asyncio.create_task(pool.acquire(later(), b"c%d" % number, "c")) for number in range(3)]
    await lined_up(pool, len(waiting))
    before = [(waiter.holder, waiter.since) for waiter in pool._waiters]
    for shard in "abab":
        pool.charge(held[3], shard)
        await asyncio.sleep(0)
        assert [(waiter.holder, waiter.since) for waiter in pool._waiters] == before
    for task in waiting:
        task.cancel()


async def test_a_shard_that_nobody_asks_for_any_more_is_forgotten(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = make_pool(4)
    pool._share = 3
    pool.release(await pool.acquire(later(), b"x", "x"))
    held = [await pool.acquire(later(), b"%d" % number, "y") for number in range(3)]
    monkeypatch.setattr("harka.storage.pool._IDLE_SECONDS", 0.0)
    pool._close_idle()
    assert pool._of_shard == {"y": 3}
    held.append(await pool.acquire(later(), b"a", "y"))
    for wire in held:
        pool.release(wire)


async def test_one_shard_alone_may_hold_all(make_pool: MakePool) -> None:
    pool = make_pool(4)
    pool._share = 3
    held = [await pool.acquire(later(), b"%d" % number, "x") for number in range(4)]
    pool.release(held.pop())
    other = await pool.acquire(later(), b"a", "y")
    fifth = asyncio.create_task(pool.acquire(later(), b"b", "x"))
    await asyncio.sleep(0)
    pool.release(other)
    await asyncio.sleep(0)
    assert not fifth.done(), "there is one, but not for them"
    pool.release(held.pop())
    await fifth


async def test_a_connection_on_which_it_is_another_shards_turn_is_charged_to_that(
    make_pool: MakePool,
) -> None:
    pool = make_pool(4)
    pool._share = 3
    held = [await pool.acquire(later(), b"%s" % shard.encode(), shard) for shard in ("x", "x", "y")]
    waits = asyncio.create_task(pool.acquire(later(), b"", "y"))
    await asyncio.sleep(0)
    assert not waits.done()
    assert pool.charge(held[-1], "x")
    await waits
    assert pool._of_shard == {"x": 3, "y": 1}
    assert not pool.charge(held[-1], "x"), "it would not be lent to that now"
    pool.release(held[-1])
    assert (pool._of_shard, pool._held) == ({"x": 2, "y": 1}, {b"x": 2})


async def test_who_holds_the_fewest_is_served_first(make_pool: MakePool) -> None:
    pool = make_pool(3)
    held = [await pool.acquire(later(), b"a") for _ in range(3)]
    tasks = [asyncio.create_task(pool.acquire(later(), holder)) for holder in (b"a", b"b", b"a", b"b")]
    while len(pool._waiters) < 4:  # noqa: ASYNC110 - the pool tells nobody
        await asyncio.sleep(0)
    order = []
    for wire in held:
        pool.release(wire)
        order += [
            number for number, task in enumerate(tasks) if await _soon_done(task) and number not in order
        ]
    assert order == [1, 0, 2], "then both hold as many, and who came first is first"
    for number in order:
        pool.release(await tasks[number])
    pool.release(await tasks[3])


async def _soon_done(task: asyncio.Task[Wire]) -> bool:
    await asyncio.sleep(0)
    return task.done()


async def test_what_keeps_a_connection_from_opening_is_told_to_everybody_who_tries() -> None:
    tries = 0

    async def refuse() -> Wire:
        nonlocal tries
        tries += 1
        await asyncio.sleep(0)
        raise ConnectionRefusedError

    pool = Pool(refuse, size=1)
    outcomes = await asyncio.gather(*(pool.acquire(later()) for _ in range(3)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ConnectionRefusedError] * 3
    assert (tries, pool.get_size(), pool._opening) == (3, 0, {})
    await pool.close(0.0)


async def test_cut_connections_tell_who_waits_for_an_answer(make_pool: MakePool) -> None:
    pool = make_pool(2)
    wire, idle = await pool.acquire(later()), await pool.acquire(later())
    pool.release(idle)
    running = asyncio.ensure_future(wire.connection.fetch("SELECT pg_sleep(60)"))
    await asyncio.sleep(0)
    pool.terminate()
    with pytest.raises(asyncpg.PostgresConnectionError):
        await running
    assert idle.connection.is_closed()
    pool.release(wire)
    assert pool.get_size() == 0


async def test_only_what_nobody_used_for_long_is_closed(make_pool: MakePool) -> None:
    pool = make_pool(3)
    wires = [await pool.acquire(later()) for _ in range(3)]
    for wire in wires[:2]:
        pool.release(wire)
    wires[0].idle_since -= 1000
    pool._close_idle()
    assert pool.get_size() == 2
    await asyncio.wait(pool._ending)
    assert [wire.connection.is_closed() for wire in wires] == [True, False, False]
    assert pool._sweep is not None
    wires[1].idle_since -= 1000
    pool._close_idle()
    assert pool._sweep is None
    assert pool.used == {wires[2]}


async def test_idle_connections_are_looked_for_as_long_as_there_are_some(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harka.storage.pool._SWEEP_SECONDS", 0.001)
    monkeypatch.setattr("harka.storage.pool._IDLE_SECONDS", 0.02)
    pool = make_pool(1)
    for _ in range(2):
        wire = await pool.acquire(later())
        pool.release(wire)

        async def closed(wire: Wire = wire) -> bool:
            return wire.connection.is_closed() and pool._sweep is None

        await until(closed)
        assert pool.get_size() == 0


async def test_closing_waits_for_what_is_in_use(make_pool: MakePool) -> None:
    pool = make_pool(3)
    wire, other, idle = [await pool.acquire(later()) for _ in range(3)]
    pool.release(idle)
    closing = asyncio.create_task(pool.close(5.0))
    while not idle.connection.is_closed():  # noqa: ASYNC110 - the pool tells nobody
        await asyncio.sleep(0.001)
    with pytest.raises(asyncpg.InterfaceError):
        await pool.acquire(later())
    pool.release(other)
    assert other.connection.is_closed()
    await asyncio.wait([closing], timeout=0.01)
    assert not closing.done()
    assert await wire.connection.fetchval("SELECT 1") == 1
    pool.release(wire)
    await closing
    assert wire.connection.is_closed()
    assert pool.get_size() == 0


async def test_closing_tells_everybody_who_waits(make_pool: MakePool) -> None:
    pool = make_pool(1)
    wire = await pool.acquire(later())
    tasks = await waiting(pool, 3)
    closing = asyncio.create_task(pool.close(5.0))
    async with asyncio.timeout(1):
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [asyncpg.InterfaceError] * 3
    assert not closing.done()
    pool.release(wire)
    await closing


async def test_closing_does_not_wait_for_ever(make_pool: MakePool) -> None:
    pool = make_pool(1)
    wire = await pool.acquire(later())
    await pool.close(0.01)
    assert wire.connection.is_closed()
    assert pool.get_size() == 0


async def test_closing_waits_for_a_connection_that_is_being_opened(make_pool: MakePool) -> None:
    pool = make_pool(1)
    opening = asyncio.create_task(pool.acquire(later()))
    await asyncio.sleep(0)
    opening.cancel()
    await pool.close(5.0)
    assert opening.cancelled()
    assert (pool.get_size(), pool._opening) == (0, {})
