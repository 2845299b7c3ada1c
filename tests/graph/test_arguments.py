"""Variables and arguments of plans: what graphql-core and Strawberry would make of them, or a refusal."""

import inspect
from typing import Any, cast

import pytest
import strawberry
from graphql import FieldNode, GraphQLError, GraphQLSchema, OperationDefinitionNode, parse
from graphql.execution.values import VariableValues, get_variable_values

from harka.graph.arguments import RefusedVariablesError, Variables, arguments_of


@strawberry.input
class Range:
    from_: int = strawberry.field(name="from", default=1)
    to: int | None = None


def count(  # a default of null is told by its absence as well
    at_least: int,
    word: str = "x",
    maybe: bool | None = None,  # noqa: FBT001 - as GraphQL's
    within: Range | None = None,
    id: strawberry.ID | None = None,  # noqa: A002 - likewise
) -> int:
    return at_least


@strawberry.type
class Query:
    count: int = strawberry.field(resolver=count)
    plain: int = 1


DECLARED = strawberry.Schema(Query)
SCHEMA: GraphQLSchema = DECLARED._schema


def operation(text: str) -> OperationDefinitionNode:
    return cast("OperationDefinitionNode", parse(text).definitions[0])


def variables(head: str) -> Variables:
    return Variables(SCHEMA, operation(f"query({head}) {{ plain }}"))


def by_graphql_core(head: str, given: dict[str, Any]) -> Any:
    definitions = operation(f"query({head}) {{ plain }}").variable_definitions
    return get_variable_values(SCHEMA, definitions or (), given)


@pytest.mark.parametrize(
    "head",
    ["$v: Int", "$v: Int!", "$v: String", "$v: ID!", "$v: Boolean", "$v: Int = 3", "$v: [Int!]", "$v: Range"],
)
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"v": None},
        {"v": 1},
        {"v": 2**31 - 1},
        {"v": 2**31},
        {"v": 1.0},
        {"v": 1.5},
        {"v": True},
        {"v": "a"},
        {"v": [1]},
        {"v": {"to": 2}},
        {"v": 1, "other": 2},
    ],
)
def test_variables_are_what_graphql_core_makes_of_them(head: str, given: dict[str, Any]) -> None:
    expected = by_graphql_core(head, given)
    if isinstance(expected, list):
        with pytest.raises(RefusedVariablesError):
            variables(head).coerce(given)
    else:
        assert variables(head).coerce(given).coerced == expected.coerced


def test_where_none_are_declared_none_are_read() -> None:
    undeclared = Variables(SCHEMA, operation("{ plain }"))
    assert undeclared.coerce({"v": object()}).coerced == undeclared.coerce(None).coerced == {}


def arguments(text: str, coerced: VariableValues, name: str = "count") -> dict[str, Any]:
    node = cast("FieldNode", operation(text).selection_set.selections[0])
    assert SCHEMA.query_type is not None
    field = SCHEMA.query_type.fields[name]
    return arguments_of(field, node, field.extensions["strawberry-definition"], DECLARED)(coerced)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("atLeast: 2", (2, "x", None, None, None)),
        ('atLeast: 2, word: "ü", maybe: null, id: 5', (2, "ü", None, None, "5")),
        ("atLeast: $n, word: $w", (7, "w", None, None, None)),
        ("atLeast: $n", (7, "x", None, None, None)),
        ("atLeast: $n, word: $w, maybe: $m, id: $w", (7, "w", None, None, "w")),
        ("atLeast: 2, within: {to: $n}", (2, "x", None, Range(from_=1, to=7), None)),
    ],
)
def test_arguments_are_keywords_of_the_resolver(given: str, expected: tuple[Any, ...]) -> None:
    head = "query($n: Int!, $w: String!, $m: Boolean)"
    coerced = Variables(SCHEMA, operation(f"{head} {{ plain }}")).coerce({"n": 7, "w": "w"})
    called = inspect.signature(count).bind(**arguments(f"{head} {{ count({given}) }}", coerced))
    called.apply_defaults()
    assert called.args == expected


def test_a_field_without_arguments_has_none() -> None:
    assert arguments("{ plain }", variables("$n: Int").coerce({}), "plain") == {}


def test_an_argument_that_must_be_there_is_missed() -> None:
    head = "query($n: Int, $w: String!)"
    for given in ({"w": "w"}, {"w": "w", "n": None}):
        coerced = Variables(SCHEMA, operation(f"{head} {{ plain }}")).coerce(given)
        with pytest.raises((RefusedVariablesError, GraphQLError)):
            arguments(f"{head} {{ count(atLeast: $n, word: $w) }}", coerced)
