"""Answers that do not come, or come late."""

import asyncio
import gc
from typing import Any

import pytest

from harka.storage.waits import PERIOD, Waits
from waiting import until


@pytest.fixture
def waits() -> Waits:
    return Waits()


def answer() -> asyncio.Future[str]:
    return asyncio.get_running_loop().create_future()


def from_now(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


async def test_what_does_not_come_is_a_timeout(waits: Waits) -> None:
    late, other = answer(), answer()
    waits.begin(late, from_now(0.0))
    waits.begin(other, from_now(60.0))
    with pytest.raises(TimeoutError):
        await late
    assert not other.done()


async def test_what_has_come_or_was_cancelled_stays_as_it_is(waits: Waits) -> None:
    come, cancelled, late = answer(), answer(), answer()
    for each in (come, cancelled, late):
        waits.begin(each, from_now(0.0))
    come.set_result("here")
    cancelled.cancel()
    with pytest.raises(TimeoutError):
        await late
    assert come.result() == "here"
    assert cancelled.cancelled()


async def test_whoever_has_ended_is_not_waited_for(waits: Waits) -> None:
    ended, late = answer(), answer()
    waits.begin(ended, from_now(0.0))
    waits.end(ended)
    waits.begin(late, from_now(0.0))
    with pytest.raises(TimeoutError):
        await late
    assert not ended.done()


async def test_it_looks_only_while_somebody_waits_and_again_when_somebody_does(waits: Waits) -> None:
    for _ in range(2):
        late = answer()
        waits.begin(late, from_now(0.0))
        with pytest.raises(TimeoutError):
            await late
        waits.end(late)
        assert not waits

        async def rests() -> bool:
            return waits._timer is None

        await until(rests, within=60 * PERIOD)


async def test_who_leaves_as_it_ends_leaves_nothing_to_complain_about(waits: Waits) -> None:
    complaints: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    try:
        left, late = answer(), answer()
        for each in (left, late):
            waits.begin(each, from_now(0.0))
        with pytest.raises(TimeoutError):
            await late
        for each in (left, late):
            waits.end(each)
        del left, each
        gc.collect()
    finally:
        loop.set_exception_handler(None)
    assert complaints == []
