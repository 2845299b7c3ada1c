import asyncio
from uuid import uuid4

import pytest

from harka.errors import UnavailableError
from harka.storage.databases import Databases
from harka.storage.location import Location
from harka.storage.session import open_session
from harka.storage.statement import Statement
from storage.asking import ask, until_answered
from storage.relay import Relay


async def test_server_that_falls_silent_is_unavailable_to_all_long_before_their_deadlines(
    relay: Relay, relayed: Databases, home: Location
) -> None:
    assert await asyncio.gather(*(ask(relayed, home) for _ in range(5))) == [0] * 5
    relay.fall_silent()
    async with asyncio.timeout(10):
        outcomes = await asyncio.gather(
            *(ask(relayed, home, within=60) for _ in range(5)), return_exceptions=True
        )
    assert {type(outcome) for outcome in outcomes} == {UnavailableError}
    # from now on nobody waits at all
    with pytest.raises(UnavailableError):
        async with asyncio.timeout(0.1):
            await ask(relayed, home, within=60)
    relay.speak()
    await until_answered(relayed, home)


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
