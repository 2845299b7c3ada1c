import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from harka.auth import hashing
from harka.auth.hashing import Hasher
from harka.errors import RateLimitedError
from harka.ids import new_id
from waiting import until

FLOODED, QUIET = new_id(), new_id()


class Held:
    """Stands in for the hash: ends when it is told, and notes who came in which order."""

    def __init__(self) -> None:
        self.gate = threading.Semaphore(0)
        self.begun: list[str] = []

    def __call__(self, password: str) -> str:
        self.begun.append(password)
        assert self.gate.acquire(timeout=20)
        return f"hash of {password}"


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    made = Held()
    monkeypatch.setattr(hashing, "hash_password", made)
    return made


@pytest.fixture
def hasher() -> Any:
    made = Hasher(workers=1, share=4)
    yield made
    made.close()


async def begin(hasher: Hasher, tenant: Any, *names: str) -> list[asyncio.Task[str]]:
    tasks = [asyncio.create_task(hasher.hash(tenant, name)) for name in names]
    await asyncio.sleep(0)
    return tasks


def soon(condition: Callable[[], bool]) -> Any:
    async def holds() -> bool:
        return condition()

    return until(holds)


async def test_a_flood_on_one_organization_goes_before_nobody_elses(hasher: Hasher, held: Held) -> None:
    flood = await begin(hasher, FLOODED, *"abcde")
    quiet = await begin(hasher, QUIET, "q")
    held.gate.release(6)
    assert (await asyncio.gather(*flood, *quiet))[-1] == "hash of q"
    # the one that had begun, one of the flood that stood first, and then the other's
    assert held.begun.index("q") <= 2


async def test_who_is_too_many_is_refused_and_others_are_not(hasher: Hasher, held: Held) -> None:
    flood = await begin(hasher, FLOODED, *"abcdefg")
    await soon(lambda: sum(task.done() for task in flood) == 2)
    for task in flood:
        if task.done():
            assert isinstance(task.exception(), RateLimitedError)
    quiet = await begin(hasher, QUIET, "q")
    held.gate.release(6)
    await asyncio.gather(*flood, *quiet, return_exceptions=True)
    assert quiet[0].result() == "hash of q"


async def test_no_organization_has_all_the_threads(held: Held) -> None:
    wide = Hasher(workers=3, share=9)
    flood = await begin(wide, FLOODED, *"abcde")
    quiet = await begin(wide, QUIET, "q")
    # at once, beside two of the five
    await soon(lambda: len(held.begun) == 3)
    assert sorted(held.begun) == ["a", "b", "q"]
    held.gate.release(6)
    await asyncio.gather(*flood, *quiet)
    wide.close()


async def test_who_leaves_makes_room_when_the_thread_ends_and_no_earlier(hasher: Hasher, held: Held) -> None:
    first, second, third = await begin(hasher, FLOODED, *"abc")
    await soon(lambda: held.begun == ["a"])
    first.cancel()
    second.cancel()
    await asyncio.gather(first, second, return_exceptions=True)
    assert held.begun == ["a"]
    held.gate.release(2)
    assert await third == "hash of c"
    assert held.begun == ["a", "c"]
    # nothing is counted twice: the next one begins at once
    (last,) = await begin(hasher, QUIET, "d")
    held.gate.release()
    assert await last == "hash of d"


async def test_a_password_is_verified(hasher: Hasher) -> None:
    hashed = await hasher.hash(QUIET, "vexed kiln plumage 4")
    assert await hasher.verify(QUIET, hashed, "vexed kiln plumage 4")
    assert not await hasher.verify(QUIET, hashed, "another")
    assert not await hasher.verify(QUIET, None, "another")
