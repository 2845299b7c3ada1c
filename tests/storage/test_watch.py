import asyncio
from uuid import uuid4

import asyncpg
import pytest

from harka.errors import UnavailableError
from harka.storage.databases import Databases
from harka.storage.location import Location
from harka.storage.session import open_session
from harka.storage.statement import Statement
from harka.storage.watch import Watch
from storage.asking import ask, later, until_answered
from storage.relay import Relay
from waiting import until


async def test_server_that_falls_silent_is_unavailable_to_all_long_before_their_deadlines(
    relay: Relay, relayed: Databases, home: Location
) -> None:
    assert await asyncio.gather(*(ask(relayed, home) for _ in range(5))) == [0] * 5
    pool = relayed.database("app")._pool

    async def is_at_rest() -> bool:
        return not pool.used

    # who finds no connection opens one, and hears that it cannot before anybody knows that the server hangs
    await until(is_at_rest)
    relay.fall_silent()
    async with asyncio.timeout(10):
        outcomes = await asyncio.gather(
            *(ask(relayed, home, within=60) for _ in range(5)), return_exceptions=True
        )
    assert {type(outcome) for outcome in outcomes} == {UnavailableError}
    # from now on nobody waits at all
    assert relayed.database("app")._watch.hangs
    with pytest.raises(UnavailableError):
        async with asyncio.timeout(0.1):
            await ask(relayed, home, within=60)
    relay.speak()
    await until_answered(relayed, home)
    assert not relayed.database("app")._watch.hangs


async def test_slow_statement_keeps_nobody_else_from_the_server(databases: Databases, home: Location) -> None:
    slow = Statement(
        "test.slow", """SELECT pg_sleep(3), count(*) FROM {schema}."user" WHERE tenant_id = $1"""
    )
    session = open_session(databases, home, uuid4(), read_only=True, timeout=20)
    running = asyncio.ensure_future(session.fetch(slow))
    while not running.done():
        assert not databases.database("app")._watch.hangs
        await asyncio.sleep(0.1)
    assert len(await running) == 1
    await session.rollback()


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


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harka.storage.watch._PERIOD", 0.01)
    monkeypatch.setattr("harka.storage.watch._PATIENCE", 0.02)


@pytest.mark.usefixtures("hurried")
async def test_where_newcomers_are_let_in_it_is_only_slow(databases: Databases) -> None:
    pool, newcomers = databases.pool("app"), Newcomers(welcome=True)
    wire, watch = await pool.acquire(later()), Watch(pool, newcomers.answers)
    wire.sent_at = asyncio.get_running_loop().time()
    watch.begin()
    await until(newcomers.were_sent)
    looks = watch._timer

    async def looked_again() -> bool:
        return watch._timer is not looks

    await until(looked_again)
    assert (newcomers.sent, watch.hangs) == (1, False), "nobody is sent again for a while"
    assert not wire.connection.is_closed()
    wire.sent_at = 0.0
    pool.release(wire)
    watch.end()


@pytest.mark.usefixtures("hurried")
async def test_nobody_is_sent_while_nothing_is_waited_for(databases: Databases) -> None:
    pool, newcomers = databases.pool("app"), Newcomers(welcome=False)
    wire, watch = await pool.acquire(later()), Watch(pool, newcomers.answers)
    watch.begin()

    async def looks_no_more() -> bool:
        return watch._timer is None

    # a connection that is lent, and asked nothing, is no reason; without one there is nothing to look at
    asyncio.get_running_loop().call_later(0.1, pool.release, wire)
    await until(looks_no_more)
    assert (newcomers.sent, watch.hangs) == (0, False)


@pytest.mark.usefixtures("hurried")
async def test_a_try_that_goes_wrong_itself_refuses_nobody_for_ever(databases: Databases) -> None:
    pool, tries = databases.pool("app"), 0

    async def answers() -> bool:
        nonlocal tries
        tries += 1
        if tries > 1:
            raise asyncpg.InternalClientError("what is this?")
        return False

    wire, watch = await pool.acquire(later()), Watch(pool, answers)
    wire.sent_at = asyncio.get_running_loop().time()
    watch.begin()

    async def has_failed() -> bool:
        return watch._probe is not None and watch._probe.done()

    await until(has_failed)
    assert (tries, watch.hangs) == (2, False)
    assert watch._probe is not None
    assert isinstance(watch._probe.exception(), asyncpg.InternalClientError)
    pool.release(wire)
    watch.end()
