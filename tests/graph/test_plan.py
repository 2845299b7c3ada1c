"""A plan is kept with its document and serves every request: nothing of one may reach another."""

import enum
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
import strawberry
from graphql import GraphQLSchema, OperationDefinitionNode, parse, validate

from harka import executor
from harka.codec import from_json
from harka.graph import batch
from harka.graph import schema as platform
from harka.graph.field import related, related_of, sends_several
from harka.graph.loaders.loader import Loader, Loaders
from harka.graph.plan import Operation
from harka.learning.work import UnitOfWork

pytestmark = pytest.mark.compiled


@strawberry.enum
class Shade(enum.Enum):
    RED = "red"
    BLUE = "blue"


class NameByNumberLoader(Loader[int, str]):
    """Notes in its unit of work, here a list, what it was asked for."""

    async def fetch(self, keys: list[int]) -> Sequence[str]:
        cast("list[Any]", self.work).append(keys)
        return [f"number {key}" for key in keys]


class Caller:
    """As much of a request's context as this schema needs, and the root of its answer."""

    seal = executor.Seal(bytes(16), bytes(16)) if executor.COMPILED else None

    def __init__(self, name: str, number: int = 0) -> None:
        self.name = name
        self.number = number
        self.other = number + 1
        self.fetched: list[list[int]] = []
        self.work = SimpleNamespace(may_end_early=True, end_with_next_read=lambda: None)
        self.loaders = Loaders(cast("UnitOfWork", self.fetched))


def heard(
    info: strawberry.Info[Any, Any], word: str | None = None, shade: Shade | None = None, number: int = 0
) -> str:
    said = (word, None if shade is None else shade.value, number or None)
    return " ".join([info.context.name, *(str(each) for each in said if each is not None)])


def echoed(word: str | None = None) -> str:
    return word or "nothing"


@strawberry.type
class Query:
    echoed: str = strawberry.field(resolver=echoed)
    heard: str = strawberry.field(resolver=heard)
    one: str = related(NameByNumberLoader, "number", "By the caller's number.")
    two: str = related(NameByNumberLoader, "other", "By the number after that.")


SCHEMA: GraphQLSchema = strawberry.Schema(Query)._schema


def planned(text: str) -> Operation:
    document = parse(text)
    assert not validate(SCHEMA, document)
    (node,) = document.definitions
    assert isinstance(node, OperationDefinitionNode)
    return Operation(SCHEMA, document, node)


async def answer(operation: Operation, caller: Caller, **variables: Any) -> Any:
    given = operation.variables.coerce(variables)
    plan = operation.plan(given.coerced)
    assert plan is not None
    context: Any = caller
    return from_json((await batch.execute(plan, context, given, caller)).data)


async def test_each_request_is_resolved_in_a_context_of_its_own() -> None:
    operation = planned('{ heard again: heard(word: "hello") }')
    for name in ("ada", "bob"):
        assert await answer(operation, Caller(name)) == {"heard": name, "again": f"{name} hello"}


@pytest.mark.parametrize("field", ["echoed", "heard"])
async def test_an_argument_left_out_is_not_that_of_the_request_before(field: str) -> None:
    operation = planned(f"query ($word: String) {{ {field}(word: $word) }}")
    assert "secret" in (await answer(operation, Caller("ada"), word="secret"))[field]
    assert "secret" not in (await answer(operation, Caller("bob")))[field]


async def test_an_argument_that_is_converted_is_converted_for_each_request() -> None:
    operation = planned("query ($shade: Shade, $n: Int) { heard(shade: $shade, number: $n) }")
    assert await answer(operation, Caller("ada"), shade="RED", n=7) == {"heard": "ada red 7"}
    assert await answer(operation, Caller("bob"), shade="BLUE") == {"heard": "bob blue"}
    assert await answer(operation, Caller("bob")) == {"heard": "bob"}


async def test_what_is_selected_follows_the_conditions_of_each_request() -> None:
    operation = planned("query ($yes: Boolean!) { heard one @include(if: $yes) two @skip(if: $yes) }")
    assert await answer(operation, Caller("ada"), yes=True) == {"heard": "ada", "one": "number 0"}
    assert await answer(operation, Caller("bob"), yes=False) == {"heard": "bob", "two": "number 1"}


async def test_a_loader_is_asked_for_what_its_own_request_needs() -> None:
    operation = planned("{ one two }")
    for number in (1, 5):
        caller = Caller("ada", number)
        found = await answer(operation, caller)
        assert found == {"one": f"number {number}", "two": f"number {number + 1}"}
        assert caller.fetched == [[number, number + 1]]


def test_a_resolver_that_may_wait_says_so() -> None:
    """A plan ends its transaction with the last statement: it goes by what resolvers are annotated with."""
    schema = platform.core()
    silent = []
    for type_ in schema.type_map.values():
        for name, field in getattr(type_, "fields", {}).items():
            resolver = getattr(field.extensions.get("strawberry-definition"), "base_resolver", None)
            if resolver is None or related_of(resolver.wrapped_func) or sends_several(resolver.wrapped_func):
                continue
            takes_info = resolver.info_parameter is not None
            if takes_info and resolver.wrapped_func.__annotations__.get("return", Any) is Any:
                silent.append(f"{type_.name}.{name}")
    assert not silent
