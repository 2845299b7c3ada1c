"""The compiled executor is held to graphql-core: the same bytes, or an error for graphql-core to tell.

What the whole engine makes of such an error: `test_generated_answers.py`.
"""

import asyncio
import random
from collections.abc import Awaitable
from types import SimpleNamespace
from typing import Any

import pytest
from graphql import DocumentNode, ExecutionResult, OperationDefinitionNode, execute, parse, validate
from hypothesis import given

from harka import executor
from harka.codec import json_bytes
from harka.graph import batch
from harka.graph.loaders.loader import Loaders
from harka.graph.plan import Operation
from things import GENEROUS, OPERATIONS, SCHEMA, SEEDS, WORLD, Thing, things, world_of, written

pytestmark = [
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
    pytest.mark.compiled,
]


class Context:
    """As much of a request's context as this schema needs."""

    def __init__(self) -> None:
        self.work = SimpleNamespace(may_end_early=True, end_with_next_read=lambda *_: None)
        self.loaders = Loaders(self.work)

    seal = executor.Seal(bytes(16), bytes(16)) if executor.COMPILED else None


async def by_graphql_core(document: DocumentNode, variables: dict[str, Any]) -> ExecutionResult:
    result: Any = execute(SCHEMA, document, None, Context(), variables)
    return await result if isinstance(result, Awaitable) else result


async def by_plan(document: DocumentNode, variables: dict[str, Any]) -> bytes:
    operation = next(node for node in document.definitions if isinstance(node, OperationDefinitionNode))
    planned = Operation(SCHEMA, document, operation)
    coerced = planned.variables.coerce(variables)
    plan = planned.plan(coerced.coerced)
    assert plan is not None, "not covered"
    context: Any = Context()
    return (await batch.execute(plan, context, coerced)).data


def compare(chance: random.Random) -> None:
    """Fail where the two answers to a random operation differ, or one alone has errors."""
    text, variables = written(chance)
    document = parse(text)
    assert not validate(SCHEMA, document), text

    async def both() -> None:
        expected = await by_graphql_core(document, variables)
        failure = None
        try:
            answer = await by_plan(document, variables)
        except AssertionError:
            raise
        except Exception as error:  # noqa: BLE001 - whichever: graphql-core would execute it again, and tell
            failure, answer = error, b""
        assert (failure is None) == (expected.errors is None), (text, failure, expected.errors)
        assert failure is not None or answer == json_bytes(expected.data), text

    asyncio.run(both())


def compare_several(root: Thing, seed: int, *, clean: bool) -> None:
    WORLD.set(world_of(root, clean=clean))
    chance = random.Random(seed)  # noqa: S311 - a seed, not a secret
    for _ in range(OPERATIONS):
        compare(chance)


@GENEROUS
@given(things(2, clean=True), SEEDS)
def test_what_is_plain_is_answered_byte_for_byte_like_graphql_core(root: Thing, seed: int) -> None:
    compare_several(root, seed, clean=True)


@GENEROUS
@given(things(2, clean=False), SEEDS)
def test_what_is_not_plain_is_left_to_graphql_core_and_nothing_else_is(root: Thing, seed: int) -> None:
    compare_several(root, seed, clean=False)
