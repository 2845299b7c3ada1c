import asyncio

import pytest

from harka.errors import DeadlineExceededError
from harka.graph.deadline import Deadlines


async def never() -> None:
    await asyncio.Event().wait()


async def stubborn() -> str:
    try:
        await never()
    except asyncio.CancelledError:
        return "all the same"
    return "never"


async def test_what_is_done_in_time_is_answered() -> None:
    deadlines = Deadlines()
    assert await deadlines.within(60, asyncio.sleep(0, "done")) == "done"
    assert not deadlines._running


async def test_a_failure_in_time_is_raised() -> None:
    async def fail() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await Deadlines().within(60, fail())


async def test_each_of_many_ends_at_its_own_deadline() -> None:
    deadlines = Deadlines()
    late = [asyncio.ensure_future(deadlines.within(seconds, never())) for seconds in (0.0, 0.01, 60)]
    await asyncio.wait(late[:2])
    assert all(isinstance(task.exception(), DeadlineExceededError) for task in late[:2])
    assert not late[2].done()
    late[2].cancel()
    await asyncio.wait(late)


async def test_the_task_goes_on_as_if_nobody_had_ended_anything() -> None:
    task = asyncio.current_task()
    assert task is not None
    with pytest.raises(DeadlineExceededError):
        await Deadlines().within(0, never())
    assert task.cancelling() == 0


async def test_work_that_will_not_end_is_answered() -> None:
    task = asyncio.current_task()
    assert task is not None
    assert await Deadlines().within(0, stubborn()) == "all the same"
    assert task.cancelling() == 0


async def test_somebody_elses_cancellation_is_not_a_deadline() -> None:
    task = asyncio.ensure_future(Deadlines().within(60, never()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_somebody_elses_cancellation_at_the_deadline_is_not_forgotten() -> None:
    deadlines = Deadlines()
    task = asyncio.ensure_future(deadlines.within(0, never()))
    await asyncio.sleep(0)
    deadlines._look()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_nobody_looks_when_nothing_runs() -> None:
    deadlines = Deadlines()
    await deadlines.within(60, asyncio.sleep(0))
    async with asyncio.timeout(5):
        while deadlines._timer is not None:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
