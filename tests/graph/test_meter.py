import asyncio
import time

import pytest

from harka.graph.meter import Meter


async def work(seconds: float) -> str:
    """Hold the processor for so long, in two steps, and wait for as long in between."""
    for _ in range(2):
        end = time.thread_time() + seconds / 2
        while time.thread_time() < end:
            pass
        await asyncio.sleep(seconds)
    return "done"


async def test_what_is_waited_for_does_not_count() -> None:
    meter = Meter(work(0.02))
    began = time.perf_counter()
    assert await meter == "done"
    elapsed = time.perf_counter() - began
    assert 0.02 <= meter.seconds <= elapsed - 0.04


async def test_others_do_not_count() -> None:
    meters = [Meter(work(0.02)), Meter(work(0.0))]

    async def awaited(meter: Meter[str]) -> str:
        return await meter

    await asyncio.gather(*map(awaited, meters))
    assert meters[1].seconds < 0.01 < meters[0].seconds


async def test_what_goes_wrong_is_told_and_counted() -> None:
    async def fails() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise ValueError("cancelled") from None

    meter = Meter(fails())

    async def awaited() -> None:
        await meter

    task = asyncio.create_task(awaited())
    await asyncio.sleep(0)
    before = meter.seconds
    task.cancel()
    with pytest.raises(ValueError, match="cancelled"):
        await task
    assert meter.seconds > before > 0.0
