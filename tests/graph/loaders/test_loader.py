import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, cast

import pytest

from harka.graph.loaders.loader import Loader, Loaders
from harka.learning.work import UnitOfWork

WORK = cast("UnitOfWork", None)  # what these loaders load needs none


@dataclass(frozen=True)
class Square:
    root: int


class SquareByNumberLoader(Loader[int, Any]):
    def __init__(self, work: UnitOfWork) -> None:
        super().__init__(work)
        self.batches: list[list[int]] = []
        self.begun = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.stopped = False

    async def fetch(self, keys: list[int]) -> list[Any]:
        self.batches.append(keys)
        self.begun.set()
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.stopped = True
            raise
        if 13 in keys:
            raise ValueError(13)
        return [key * key for key in keys]


@pytest.fixture
async def loader() -> AsyncIterator[SquareByNumberLoader]:
    made = SquareByNumberLoader(WORK)
    yield made
    await made.close()


async def test_what_is_asked_for_together_is_one_batch_without_doubles(loader: SquareByNumberLoader) -> None:
    assert await asyncio.gather(*(loader.load(n) for n in (3, 1, 3, 2))) == [9, 1, 9, 4]
    assert loader.batches == [[3, 1, 2]]


async def test_tasks_that_are_ready_join_the_batch(loader: SquareByNumberLoader) -> None:
    async def later(number: int, turns: int) -> int:
        for _ in range(turns):
            await asyncio.sleep(0)
        return await loader.load(number)

    await asyncio.gather(later(1, 0), later(2, 0), later(3, 1))
    assert loader.batches == [[1, 2, 3]]


async def test_a_key_is_fetched_once(loader: SquareByNumberLoader) -> None:
    await loader.load(2)
    await loader.load(2)
    assert loader.batches == [[2]]
    loader.clear()
    await loader.load(2)
    assert loader.batches == [[2], [2]]


async def test_everything_is_forgotten_however_it_was_learnt(loader: SquareByNumberLoader) -> None:
    await loader.load_many([2, 3])
    loader.prime([Square(4), Square(5)], key="root")
    await loader.load(4)
    loader.prime([Square(6)], key="root")
    loader.clear()
    assert await loader.load_many([2, 4, 5, 6]) == [4, 16, 25, 36]


async def test_what_is_known_from_elsewhere_is_not_fetched(loader: SquareByNumberLoader) -> None:
    first, second = Square(2), Square(2)
    loader.prime([first, Square(4)], key="root")
    assert await loader.load(2) is first
    loader.prime([second], key="root")
    assert await loader.load(2) is first
    assert await loader.load_many([2, 3]) == [first, 9]
    assert loader.batches == [[3]]


async def test_many_keys_are_one_batch_in_which_each_stands_once(loader: SquareByNumberLoader) -> None:
    assert await loader.load_many([2, 2, 3, 2]) == [4, 4, 9, 4]
    assert await loader.load_many([3, 5]) == [9, 25]
    assert await loader.load(5) == 25
    assert loader.batches == [[2, 3], [5]]


async def test_a_failure_reaches_everyone_who_waits(loader: SquareByNumberLoader) -> None:
    found = await asyncio.gather(loader.load(13), loader.load(1), return_exceptions=True)
    assert [type(each) for each in found] == [ValueError, ValueError]


async def test_one_who_stops_waiting_does_not_stop_the_others(loader: SquareByNumberLoader) -> None:
    loader.gate.clear()

    async def ask() -> int:
        return await loader.load(2)

    one, other = asyncio.create_task(ask()), asyncio.create_task(ask())
    await loader.begun.wait()
    one.cancel()
    await asyncio.wait({one})
    loader.gate.set()
    assert await other == 4


async def test_too_few_answers_are_an_error() -> None:
    class Short(SquareByNumberLoader):
        async def fetch(self, keys: list[int]) -> list[int]:
            return [1] * (len(keys) - 1)

    with pytest.raises(ValueError, match="argument"):
        await Short(WORK).load(1)


async def test_nothing_runs_after_closing(loader: SquareByNumberLoader) -> None:
    loader.gate.clear()
    fetching = asyncio.ensure_future(loader.load(1))
    await loader.begun.wait()
    waiting = asyncio.ensure_future(loader.load(2))
    await loader.close()
    assert loader.stopped
    for future in (fetching, waiting):
        with pytest.raises(asyncio.CancelledError):
            await future
    assert loader.batches == [[1]]


async def test_a_request_has_one_loader_of_a_kind() -> None:
    loaders = Loaders(WORK)
    made = loaders.of(SquareByNumberLoader)
    assert loaders.of(SquareByNumberLoader) is made
    assert Loaders(WORK).of(SquareByNumberLoader) is not made
    await made.load(2)
    loaders.clear()
    await made.load(2)
    assert made.batches == [[2], [2]]
    await loaders.close()


def test_every_loader_is_named_after_its_path() -> None:
    def below(kind: type[Any]) -> list[type[Any]]:
        return [kind, *(found for each in kind.__subclasses__() for found in below(each))]

    names = [kind.__name__ for kind in below(Loader)[1:] if kind.__module__.startswith("harka.")]
    assert len(names) > 10
    assert [name for name in names if "By" not in name or not name.endswith("Loader")] == []


async def test_who_leaves_a_batch_of_many_takes_nobody_along(loader: SquareByNumberLoader) -> None:
    await loader.load(1)
    loader.gate.clear()
    waiting = [asyncio.ensure_future(loader.load(2)), asyncio.ensure_future(loader.load_many([1, 2]))]
    leaving = asyncio.ensure_future(loader.load_many([2, 1]))
    await loader.begun.wait()
    leaving.cancel()
    await asyncio.wait([leaving])
    loader.gate.set()
    assert await asyncio.gather(*waiting) == [4, [1, 4]]
