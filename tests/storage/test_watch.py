"""The watch by itself; `test_databases.py` has it look at a server that falls silent."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from harka.config import Settings
from harka.storage.databases import Databases
from harka.storage.pool import Pool
from harka.storage.watch import Watch
from waiting import until


@pytest.fixture
async def pool(storage_settings: Settings) -> AsyncIterator[Pool]:
    opened = Databases(msgspec.structs.replace(storage_settings, pool_size=2))
    yield opened.pool("app")
    await opened.close()


class Newcomers:
    """Sent to the server by a watch; whether they are let in is up to the test."""

    def __init__(self, *, welcome: bool) -> None:
        self.welcome = welcome
        self.sent = 0

    async def answers(self) -> bool:
        self.sent += 1
        return self.welcome

    async def were_sent(self) -> bool:
        return self.sent > 0


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harka.storage.watch._PERIOD", 0.01)
    monkeypatch.setattr("harka.storage.watch._PATIENCE", 0.02)


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_a_server_that_lets_nobody_in_hangs_until_it_does(pool: Pool) -> None:
    wire = await pool.acquire(now() + 5)
    newcomers = Newcomers(welcome=False)
    watch = Watch(pool, newcomers.answers)
    wire.sent_at = now()
    watch.begin()

    async def hangs() -> bool:
        return watch.hangs

    async def answers() -> bool:
        return not watch.hangs

    await until(hangs)
    assert wire.connection.is_closed(), "who waits on it hears that it is lost"
    newcomers.welcome = True
    await until(answers)
    pool.release(wire)
    watch.end()


async def test_where_newcomers_are_let_in_it_is_only_slow(pool: Pool) -> None:
    wire = await pool.acquire(now() + 5)
    newcomers = Newcomers(welcome=True)
    watch = Watch(pool, newcomers.answers)
    wire.sent_at = now()
    watch.begin()
    await until(newcomers.were_sent)
    await asyncio.sleep(0.1)
    assert (newcomers.sent, watch.hangs) == (1, False), "nobody is sent again for a while"
    assert not wire.connection.is_closed()
    wire.sent_at = 0.0
    pool.release(wire)
    watch.end()


async def test_nobody_is_sent_while_nothing_is_waited_for(pool: Pool) -> None:
    wire = await pool.acquire(now() + 5)
    newcomers = Newcomers(welcome=False)
    watch = Watch(pool, newcomers.answers)
    watch.begin()
    await asyncio.sleep(0.1)
    pool.release(wire)
    await asyncio.sleep(0.05)
    assert (newcomers.sent, watch.hangs) == (0, False)
    watch.end()
