import asyncio
from uuid import UUID

from harka.ids import new_id
from harka.worker.alarm import Alarms


async def test_the_earliest_that_was_asked_for_rings_once() -> None:
    rung: asyncio.Queue[UUID] = asyncio.Queue()
    alarms, first, second = Alarms(rung.put_nowait), new_id(), new_id()
    for seconds in (3000.0, 0.12, 30.0):
        alarms.set(first, seconds)
    alarms.set(second, 0.0)

    async with asyncio.timeout(5):
        assert [await rung.get(), await rung.get()] == [second, first]
    alarms.set(first, 0.0)
    alarms.set(second, 1e9)
    alarms.close()
    assert rung.empty()
