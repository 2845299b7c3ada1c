"""Operations made by chance, through the whole engine with either executor: the same bytes, errors and all.

The schema and what it finds are made for the test (`things.py`): nulls and errors at every level, of what is
there at once, is awaited or comes from a loader. The errors come in graphql-core's own order.
"""

import random
from collections.abc import Iterator

import pytest
from hypothesis import given

from harka.graph import schema
from harka.graph.execution import Engine
from harka.graph.request import Prepared, Request
from harka.tenancy.context import TenantContext, operator_context
from school import School
from things import GENEROUS, OPERATIONS, SCHEMA, SEEDS, WORLD, Thing, things, world_of, written

pytestmark = [
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
    pytest.mark.compiled,
    # what is made to fail fails the plan first
    pytest.mark.fails_plans,
]


@pytest.fixture
def answers() -> Iterator[list[bytes]]:
    """To be filled; in the end there are some that failed, and some that did not."""
    given: list[bytes] = []
    yield given
    failed = sum(each.startswith(b'{"errors"') for each in given)
    assert len(given) / 20 < failed < len(given)


@pytest.fixture
def engines(school: School, monkeypatch: pytest.MonkeyPatch) -> tuple[Engine, Engine]:
    """The compiled one, graphql-core alone."""
    monkeypatch.setattr(schema, "core", lambda: SCHEMA)
    with_plans, without = (
        Engine(school.with_settings(executor=name, cache_answers=False).runtime)
        for name in ("compiled", "graphql-core")
    )
    return with_plans, without


async def answer(engine: Engine, request: Request, tenant: TenantContext) -> bytes:
    prepared = engine.prepare(request, tenant)
    assert isinstance(prepared, Prepared), (request, prepared)
    assert prepared.operation.is_covered
    return (await engine.execute(prepared, tenant)).json()


@GENEROUS
@given(things(2, clean=False), SEEDS)
async def test_failing_answers_are_graphql_cores_to_the_byte(
    school: School, engines: tuple[Engine, Engine], answers: list[bytes], root: Thing, seed: int
) -> None:
    tenant = operator_context(school.organization)
    WORLD.set(world_of(root, clean=False))
    chance = random.Random(seed)  # noqa: S311 - a seed, not a secret
    for _ in range(OPERATIONS):
        text, variables = written(chance)
        request = Request(query=text, variables=variables)
        by_plan, by_core = [await answer(engine, request, tenant) for engine in engines]
        assert by_plan == by_core, text
        answers.append(by_plan)
