import asyncio
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from harka.auth.fair_threads import FairThreads
from harka.errors import RateLimitedError
from harka.ids import new_id
from waiting import until

FLOODED, QUIET = new_id(), new_id()


class Held:
    """A call that ends when it is told, and notes who came in which order."""

    def __init__(self) -> None:
        self.gate = threading.Semaphore(0)
        self.begun: list[str] = []

    def __call__(self, name: str) -> str:
        self.begun.append(name)
        assert self.gate.acquire(timeout=20)
        return f"end of {name}"


@pytest.fixture
def held() -> Held:
    return Held()


@pytest.fixture
def threads() -> Any:
    made = FairThreads("test", 1, most=1, share=4)
    yield made
    made.close()


@pytest.fixture
async def rests(threads: FairThreads, monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], None]]:
    """What ends each rest, when the test says so."""
    ends: list[Callable[[], None]] = []
    loop = asyncio.get_running_loop()
    usual = loop.call_later

    def later(seconds: float, call: Callable[..., None], *of: Any, **how: Any) -> Any:
        if getattr(call, "__self__", None) is not threads:
            return usual(seconds, call, *of, **how)
        ends.append(partial(call, *of))
        return None

    monkeypatch.setattr(loop, "call_later", later)
    return ends


async def begin(threads: FairThreads, held: Held, tenant: Any, *names: str) -> list[asyncio.Task[str]]:
    tasks = [asyncio.create_task(threads.run(tenant, partial(held, name))) for name in names]
    await asyncio.sleep(0)
    return tasks


def soon(condition: Callable[[], bool]) -> Any:
    async def holds() -> bool:
        return condition()

    return until(holds)


async def test_a_flood_on_one_organization_goes_before_nobody_elses(threads: FairThreads, held: Held) -> None:
    flood = await begin(threads, held, FLOODED, *"abcde")
    quiet = await begin(threads, held, QUIET, "q")
    held.gate.release(6)
    assert (await asyncio.gather(*flood, *quiet))[-1] == "end of q"
    # the one that had begun, one of the flood that stood first, and then the other's
    assert held.begun.index("q") <= 2


async def test_who_is_too_many_is_refused_and_others_are_not(threads: FairThreads, held: Held) -> None:
    flood = await begin(threads, held, FLOODED, *"abcdefg")
    await soon(lambda: sum(task.done() for task in flood) == 2)
    for task in flood:
        if task.done():
            assert isinstance(task.exception(), RateLimitedError)
    quiet = await begin(threads, held, QUIET, "q")
    held.gate.release(6)
    await asyncio.gather(*flood, *quiet, return_exceptions=True)
    assert quiet[0].result() == "end of q"


async def test_no_organization_has_all_the_threads(held: Held) -> None:
    wide = FairThreads("wide", 3, most=2, share=9)
    flood = await begin(wide, held, FLOODED, *"abcde")
    quiet = await begin(wide, held, QUIET, "q")
    # at once, beside two of the five
    await soon(lambda: len(held.begun) == 3)
    assert sorted(held.begun) == ["a", "b", "q"]
    held.gate.release(6)
    await asyncio.gather(*flood, *quiet)
    wide.close()


async def test_who_leaves_makes_room_when_the_thread_ends_and_no_earlier(
    threads: FairThreads, held: Held
) -> None:
    first, second, third = await begin(threads, held, FLOODED, *"abc")
    await soon(lambda: held.begun == ["a"])
    first.cancel()
    second.cancel()
    await asyncio.gather(first, second, return_exceptions=True)
    assert held.begun == ["a"]
    held.gate.release(2)
    assert await third == "end of c"
    assert held.begun == ["a", "c"]
    # nothing is counted twice: the next one begins at once
    (last,) = await begin(threads, held, QUIET, "d")
    held.gate.release()
    assert await last == "end of d"


async def test_for_whom_there_is_no_room_is_told_before(threads: FairThreads, held: Held) -> None:
    threads.require_room(FLOODED)
    flood = await begin(threads, held, FLOODED, *"abcde")
    with pytest.raises(RateLimitedError):
        threads.require_room(FLOODED)
    threads.require_room(QUIET)
    held.gate.release(5)
    await asyncio.gather(*flood)
    threads.require_room(FLOODED)


async def test_whose_thread_is_free_need_not_wait_however_many_do(
    held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harka.auth.fair_threads._MOST_WAITING", 3)
    wide = FairThreads("wide", 2, most=1, share=9)
    flood = await begin(wide, held, FLOODED, *"abcd")
    wide.require_room(QUIET)
    held.gate.release(5)
    (quiet,) = await begin(wide, held, QUIET, "q")
    await asyncio.gather(*flood, quiet)
    wide.close()


async def test_what_rests_keeps_its_own_place_and_nobody_elses(
    threads: FairThreads, held: Held, rests: list[Callable[[], None]]
) -> None:
    held.gate.release(6)
    assert await threads.run(FLOODED, partial(held, "a"), lambda _: 1.0) == "end of a"
    waiting = await begin(threads, held, FLOODED, *"bcdef")
    await soon(lambda: sum(task.done() for task in waiting) == 1)
    assert isinstance(waiting[-1].exception(), RateLimitedError)
    (quiet,) = await begin(threads, held, QUIET, "q")
    assert await quiet == "end of q"
    assert held.begun == ["a", "q"]
    await soon(lambda: len(rests) == 1)
    rests.pop()()
    await asyncio.gather(*waiting[:-1])
    assert held.begun == [*"aqbcde"]
    assert rests == []


async def test_an_organization_has_not_all_threads_by_lines_apart(held: Held) -> None:
    wide = FairThreads("wide", 2, most=1, share=9)
    flood = await begin(wide, held, (FLOODED, "strangers"), *"ab")
    own = await begin(wide, held, FLOODED, "o")
    quiet = await begin(wide, held, QUIET, "q")
    await soon(lambda: len(held.begun) == 2)
    assert sorted(held.begun) == ["a", "q"]
    held.gate.release(4)
    await asyncio.gather(*flood, *own, *quiet)
    wide.close()


async def test_a_rest_that_cannot_be_told_is_none(threads: FairThreads, held: Held) -> None:
    def wrong(_done: object) -> float:
        raise ValueError

    held.gate.release(2)
    await threads.run(FLOODED, partial(held, "a"), wrong)
    async with asyncio.timeout(10):
        assert await threads.run(FLOODED, partial(held, "b")) == "end of b"
