"""The compiled executor against graphql-core: `pytest benchmarks/test_executor.py --benchmark-only`.

The project's own schema over rows in memory (`library.py`), from a prepared operation to the bytes of the
answer: resolvers, permissions, loaders and encoding, without HTTP and without a database.
"""

import asyncio

import pytest
from library import COURSES, ENROLLMENTS, PAGE, engine, tenant
from pytest_benchmark.fixture import BenchmarkFixture

from harka import executor
from harka.graph.answer import Answer
from harka.graph.request import Prepared, Request

ONE = '{ course(code: "C-0007") { id code title status createdAt } }'
EDGES = f"""{{ enrollments(first: {ENROLLMENTS}) {{ nodes {{ id status progress enrolledAt
  user {{ id name email }} course {{ id code title }} }} }} }}"""
OUTLINE = (
    "{ courses(first: 20) { nodes { id code title modules { id title lessons { id title weight } } } } }"
)
# a page holds a hundred: ten of them are a thousand courses; each module is asked for again by ten lessons
_COURSES = f"""courses(first: {PAGE}) {{ nodes {{ id title modules {{ lessons {{
  id title module {{ title }} }} }} }} }}"""
ALL = "{ " + " ".join(f"page{number}: {_COURSES}" for number in range(COURSES // PAGE)) + " }"

OPERATIONS = {
    "one object": ONE,
    f"{ENROLLMENTS} objects with two edges": EDGES,
    "20 courses, modules, lessons": OUTLINE,
    "1,000 courses, 10,000 lessons, an edge each": ALL,
}


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("way", ["compiled", "graphql-core"])
def test_execute(
    benchmark: BenchmarkFixture,
    monkeypatch: pytest.MonkeyPatch,
    loop: asyncio.AbstractEventLoop,
    name: str,
    way: str,
) -> None:
    if way == "compiled" and not executor.COMPILED:
        pytest.skip("the extension was not built here")
    benchmark.group = f"execute: {name}"
    text = OPERATIONS[name]
    made, asking = engine(monkeypatch, way), tenant()

    async def prepare() -> Prepared | Answer:
        return made.prepare(Request(query=text), asking)

    prepared = loop.run_until_complete(prepare())

    async def answer() -> Answer:
        found = await made.execute(prepared, asking)  # type: ignore[arg-type]  # the operation is valid
        assert isinstance(found, Answer)
        return found

    async def ask() -> bytes:
        return (await answer()).json()

    once = loop.run_until_complete(answer())
    assert once.code == "", once.body["errors"]
    # text, where the plan was carried out; a dictionary, where graphql-core did it or did it again
    assert isinstance(once.body["data"], dict) is (way != "compiled")
    benchmark(lambda: loop.run_until_complete(ask()))
