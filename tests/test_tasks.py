"""Coroutines under way together."""

import asyncio

import pytest

from harka.tasks import together


async def fail() -> None:
    await asyncio.sleep(0)
    raise ConnectionError


async def wait(ended: list[str], name: str) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        # whoever has to say goodbye is waited for
        await asyncio.sleep(0)
        ended.append(name)


async def test_all_have_ended_when_it_returns() -> None:
    ended: list[str] = []

    async def end() -> None:
        await asyncio.sleep(0)
        ended.append("end")

    await together(end(), end())
    assert ended == ["end", "end"]


async def test_the_first_failure_ends_the_others_and_is_raised() -> None:
    ended: list[str] = []
    with pytest.raises(ConnectionError):
        await together(wait(ended, "one"), fail(), wait(ended, "other"))
    assert sorted(ended) == ["one", "other"]


async def test_what_fails_because_it_is_ended_is_not_what_is_raised() -> None:
    async def fail_at_the_end() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise OSError

    with pytest.raises(ConnectionError):
        await together(fail_at_the_end(), fail())


async def test_who_waited_may_wait_again_after_a_failure() -> None:
    with pytest.raises(ConnectionError):
        await together(wait([], "one"), fail())
    task = asyncio.current_task()
    assert task is not None
    # in Python 3.11.2 a time that runs out would otherwise end the task
    assert task.cancelling() == 0
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await asyncio.Event().wait()


async def test_who_is_cancelled_ends_all() -> None:
    ended: list[str] = []
    task = asyncio.create_task(together(wait(ended, "one"), wait(ended, "other")))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(ended) == ["one", "other"]
