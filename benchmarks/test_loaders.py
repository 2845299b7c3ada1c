"""Loaders: all keys in one call against a future for each key, over an answer that is there already.

What is left is the loader's own: finding distinct keys, remembering answers, handing them out.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from library import table_of
from pytest_benchmark.fixture import BenchmarkFixture

from harka import rows
from harka.graph.loaders.loader import Loader
from harka.repositories.lesson import Lesson

KEYS = 1_000


class Shelf(Loader[Any, Any]):
    lessons = table_of(Lesson, plain=False)

    async def fetch(self, keys: list[Any]) -> Sequence[Any]:
        return rows.aligned(self.lessons, "id", keys)


async def at_once(loader: Shelf, keys: Sequence[Any]) -> Sequence[Any]:
    return await loader.load_many(keys)


async def one_by_one(loader: Shelf, keys: Sequence[Any]) -> Sequence[Any]:
    return await asyncio.gather(*(loader.load(key) for key in keys))


WAYS: dict[str, Callable[[Shelf, Sequence[Any]], Awaitable[Sequence[Any]]]] = {
    "load_many": at_once,
    "load": one_by_one,
}


@pytest.mark.parametrize("repeated", [1, 10], ids=["distinct", "each-ten-times"])
@pytest.mark.parametrize("way", WAYS)
def test_load(benchmark: BenchmarkFixture, way: str, repeated: int) -> None:
    benchmark.group = f"load {KEYS:,} keys, {'each ten times' if repeated > 1 else 'distinct'}"
    keys = [lesson.id for lesson in Shelf.lessons[: KEYS // repeated]] * repeated
    load = WAYS[way]
    unused: Any = None
    loop = asyncio.new_event_loop()

    def ask() -> Sequence[Any]:
        return loop.run_until_complete(load(Shelf(unused), keys))  # type: ignore[arg-type]  # a coroutine it is

    assert [lesson.id for lesson in ask()] == keys
    benchmark(ask)
    loop.close()
