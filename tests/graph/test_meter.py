import asyncio
import time

import pytest

from harka.graph.meter import Meter


async def work(seconds: float, waited: list[float] | None = None) -> str:
    """Hold the processor for so long, in two steps, and wait after each; add to `waited` for how long."""
    for _ in range(2):
        end = time.thread_time() + seconds / 2
        while time.thread_time() < end:
            pass
        began = time.perf_counter()
        await asyncio.sleep(seconds)
        if waited is not None:
            # a loop counts from when its turn began
            waited.append(time.perf_counter() - began)
    return "done"


async def test_what_is_waited_for_does_not_count() -> None:
    waited: list[float] = []
    meter = Meter(work(0.02, waited))
    began = time.perf_counter()
    assert await meter == "done"
    elapsed = time.perf_counter() - began
    # what the meter and the loop do around a wait is in both
    assert 0.02 <= meter.seconds <= elapsed - sum(waited) + 0.005
    assert sum(waited) > 0.01


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
