import asyncio
from uuid import UUID

import msgspec

from academy import Academy
from harka.runtime import Runtime
from harka.worker import schedule


async def test_every_tenant_is_asked_for_a_measurement_and_woken(runtime: Runtime, academy: Academy) -> None:
    woken: asyncio.Queue[UUID] = asyncio.Queue()
    running = asyncio.create_task(schedule.run(runtime, woken.put_nowait, period=0.2))
    seen: list[UUID] = []
    async with asyncio.timeout(20):
        while seen.count(academy.organization.id) < 2:
            seen.append(await woken.get())
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert {each.id for each in runtime.directory.current.organizations} <= set(seen)
    assert [row["type"] for row in await academy.rows("job")] == ["usage.measure"]


async def test_a_visit_asks_once_a_period(runtime: Runtime, academy: Academy) -> None:
    assert await schedule.visit(runtime, academy.organization, seconds=60)
    assert not await schedule.visit(runtime, academy.organization, seconds=60)


async def test_a_database_that_is_down_does_not_end_the_round(runtime: Runtime, academy: Academy) -> None:
    lost = msgspec.structs.replace(academy.organization, database="harka_" + "0" * 32)

    assert not await schedule.visit(runtime, lost, seconds=60)
