"""What the operation cache saves: `pytest benchmarks/test_prepare.py --benchmark-only`.

From a request's text to its operation and plan, as the door has it from the engine (`graph/execution.py`):
known, or each time another, to be parsed, measured, validated, priced and planned. One round is 100 texts.
"""

import asyncio
from itertools import count, repeat

import pytest
from library import engine, tenant
from pytest_benchmark.fixture import BenchmarkFixture

from harka import executor
from harka.graph.request import Prepared, Request
from test_executor import ONE

CALLS = 100


@pytest.mark.benchmark(group="prepare a document")
@pytest.mark.parametrize("way", ["known", "anew"])
def test_prepare(
    benchmark: BenchmarkFixture,
    monkeypatch: pytest.MonkeyPatch,
    loop: asyncio.AbstractEventLoop,
    way: str,
) -> None:
    made, asking = engine(monkeypatch, "compiled"), tenant()
    # a comment makes it another document, which costs the same
    anew = (f"{ONE} # {number}" for number in count())
    texts = repeat(ONE) if way == "known" else anew

    def prepare(text: str) -> Prepared:
        prepared = made.prepare(Request(query=text), asking)
        assert isinstance(prepared, Prepared)
        # made when it is first needed, and kept with the operation
        assert (prepared.operation.plan({}) is not None) is executor.COMPILED
        return prepared

    async def look() -> None:
        # a text moves to those in use when it is asked for again
        first, *again = [prepare(ONE) for _ in range(3)]
        assert all(each.document is first.document for each in again)
        assert prepare(next(anew)).document is not first.document

    loop.run_until_complete(look())

    async def run() -> None:
        for _ in repeat(None, CALLS):
            prepare(next(texts))

    benchmark(lambda: loop.run_until_complete(run()))
