"""Arguments and variables are held to graphql-core and Strawberry: a resolver gets the same, or nothing.

The operations are made up by hypothesis: every argument left out, written down, or a variable that is given,
absent, null or wrong, declared with and without a default.
"""

import enum
from typing import Any, NamedTuple

import pytest
import strawberry
from graphql import GraphQLError, OperationDefinitionNode, parse, validate
from hypothesis import given, settings
from hypothesis import strategies as st

from harka.graph.arguments import RefusedVariablesError, Variables, arguments_of

GOT: list[dict[str, Any]] = []
"""What the resolver got, by each way."""


@strawberry.enum
class Color(enum.Enum):
    RED = "red"
    DARK_BLUE = "dark blue"


@strawberry.input
class Span:
    least: int = 1
    most: int | None = None
    unset: int | None = strawberry.UNSET
    color: Color | None = Color.RED
    names: list[str] = strawberry.field(default_factory=lambda: ["x"])
    inner: "Span | None" = None


@strawberry.type
class Query:
    @strawberry.field
    def take(  # noqa: PLR0913, PLR0917 - one argument of each kind
        self,
        word: str = "word",
        number: int = 3,
        maybe_number: int | None = None,
        some_id: strawberry.ID | None = strawberry.UNSET,
        flag: bool | None = True,  # noqa: FBT001, FBT002 - an argument of GraphQL
        ratio: float = 0.5,
        color: Color = Color.RED,
        colors: list[Color] | None = None,
        span: Span | None = None,
    ) -> bool:
        GOT.append({name: value for name, value in locals().items() if name != "self"})
        return True

    @strawberry.field
    def need(self, word: str, number: int, maybe: str | None = None) -> bool:
        GOT.append({"word": word, "number": number, "maybe": maybe})
        return True

    @strawberry.field
    def count(
        self, number: int = 3, maybe_number: int | None = 4, some_id: strawberry.ID | None = strawberry.UNSET
    ) -> bool:
        GOT.append({"number": number, "maybe_number": maybe_number, "some_id": some_id})
        return True

    @strawberry.field
    def nothing(self) -> bool:
        GOT.append({})
        return True


SCHEMA = strawberry.Schema(Query)
NULL = object()


class Argument(NamedTuple):
    """`literals`: as an operation writes them. `good`, `bad`: values of a variable."""

    type: str
    literals: list[str]
    good: list[Any]
    bad: list[Any]
    nullable: bool = True


WORD = Argument("String", ['"a"', '"é\\n"'], ["x", ""], [1, True, ["x"], {}], nullable=False)
NUMBER = Argument(
    "Int", ["7"], [0, -(2**31), 2**31 - 1, 2.0], [2**31, -(2**31) - 1, "1", True, 1.5], nullable=False
)
SPAN_VALUES = [{}, {"least": 4}, {"most": None, "unset": 3}, {"inner": {"names": "a", "color": "DARK_BLUE"}}]
TAKE = {
    "word": WORD,
    "number": NUMBER,
    "maybeNumber": NUMBER._replace(nullable=True),
    "someId": Argument("ID", ['"a"', "5"], ["x", 5], [1.5, True, {}]),
    "flag": Argument("Boolean", ["true", "false"], [True, False], [1, "true"]),
    "ratio": Argument("Float", ["1", "1.5"], [1, 1.5], ["1", True], nullable=False),
    "color": Argument("Color", ["DARK_BLUE"], ["RED"], ["red", 1], nullable=False),
    "colors": Argument("[Color!]", ["RED", "[RED, DARK_BLUE]", "[]"], [["RED"], "RED", []], [[None], 1]),
    "span": Argument(
        "Span",
        ["{}", '{least: 2, names: ["a"]}', "{most: null, inner: {color: null}}"],
        SPAN_VALUES,
        [{"least": None}, {"least": "1"}, {"else": 1}, {"inner": {"names": [None]}}, 3],
    ),
}  # fmt: skip
COUNT = {name: TAKE[name] for name in ("number", "maybeNumber", "someId")}
NEED = {"word": WORD, "number": NUMBER, "maybe": WORD._replace(nullable=True)}


class Operation(NamedTuple):
    text: str
    variables: dict[str, Any]


@st.composite
def operations(draw: st.DrawFn, field: str, arguments: dict[str, Argument], *, bad: bool) -> Operation:
    """`bad`: among the variables there may be some that do not fit."""
    declared, written, variables = [], [], {}
    for name, argument in arguments.items():
        way = draw(st.sampled_from(["absent", "literal", "null", "variable", "variable", "variable"]))
        if way == "literal" or (way != "variable" and field == "need" and not argument.nullable):
            written.append(f"{name}: {draw(st.sampled_from(argument.literals))}")
        elif way == "null" and argument.nullable:
            written.append(f"{name}: null")
        elif way == "variable":
            required = (field == "need" and not argument.nullable) or draw(st.booleans())
            default = "" if draw(st.booleans()) else f" = {draw(st.sampled_from(argument.literals))}"
            declared.append(f"${name}: {argument.type}{'!' if required else ''}{default}")
            written.append(f"{name}: ${name}")
            values = [*argument.good, *(argument.bad if bad else ())]
            values += [NULL] if required and not bad else [None, NULL]
            value = draw(st.sampled_from(values))
            if value is not NULL:
                variables[name] = value
    head = f"({', '.join(declared)})" if declared else ""
    body = f"({', '.join(written)})" if written else ""
    return Operation(f"query Q{head} {{ {field}{body} }}", variables)


def any_operation(*, bad: bool) -> st.SearchStrategy[Operation]:
    fields = {"take": TAKE, "need": NEED, "count": COUNT}
    return st.one_of(*(operations(field, arguments, bad=bad) for field, arguments in fields.items()))


def by_graphql_core(operation: Operation) -> dict[str, Any] | None:
    """None: it was refused."""
    GOT.clear()
    result = SCHEMA.execute_sync(operation.text, variable_values=dict(operation.variables))
    assert bool(GOT) == (result.errors is None), result.errors
    return GOT[0] if GOT else None


def by_plan(operation: Operation) -> dict[str, Any] | None:
    schema = SCHEMA._schema
    document = parse(operation.text)
    assert not validate(schema, document), operation.text
    (definition,) = document.definitions
    assert isinstance(definition, OperationDefinitionNode)
    (node,) = definition.selection_set.selections
    field = schema.query_type.fields[node.name.value]  # type: ignore[union-attr]  # there is a query, of one field
    declared = field.extensions["strawberry-definition"]
    GOT.clear()
    try:
        arguments = arguments_of(field, node, declared, SCHEMA)  # type: ignore[arg-type]  # it is a field
        taken = arguments(Variables(schema, definition).coerce(operation.variables))
    except (RefusedVariablesError, GraphQLError):
        return None
    declared.base_resolver.wrapped_func(None, **taken)
    return GOT[0]


often = settings(max_examples=150, deadline=None)


@often
@given(any_operation(bad=False))
def test_a_resolver_gets_what_graphql_core_would_give_it(operation: Operation) -> None:
    taken = by_plan(operation)
    # what is refused here is left to graphql-core, which may still take it
    assert taken is None or taken == by_graphql_core(operation), operation


@often
@given(any_operation(bad=True))
def test_what_graphql_core_refuses_is_refused(operation: Operation) -> None:
    expected = by_graphql_core(operation)
    taken = by_plan(operation)
    assert taken is None or taken == expected, operation


@pytest.mark.parametrize(
    "operation",
    [
        Operation("{ nothing }", {}),
        Operation('{ need(word: "a", number: 1) }', {}),
        Operation("query ($w: String!, $n: Int!, $m: String) { need(word: $w, number: $n, maybe: $m) }",
                  {"w": "a", "n": 1}),
        Operation("query ($w: String!, $n: Int!, $m: String) { need(word: $w, number: $n, maybe: $m) }",
                  {"w": "a", "n": 1, "m": None, "else": 5}),
        Operation("query ($i: ID) { take(someId: $i) }", {}),
        Operation("query ($i: ID) { take(someId: $i) }", {"i": None}),
        Operation("query ($i: ID) { take(someId: $i) }", {"i": 5}),
        Operation("query ($c: Color = DARK_BLUE) { take(color: $c, colors: [$c, RED]) }", {}),
        Operation("query ($n: Int!, $m: Int) { take(span: {least: $n, most: $m, unset: $m}) }", {"n": 4}),
        Operation("query ($n: Int!, $m: Int) { take(span: {least: $n, most: $m, unset: $m}) }",
                  {"n": 4, "m": None}),
        Operation("query ($n: Int!, $m: Int) { take(span: {least: $n, most: $m, unset: $m}) }",
                  {"n": 4, "m": 5}),
        Operation('query ($s: String!) { take(span: {inner: {names: [$s, "b"]}}) }', {"s": "a"}),
        Operation("query ($s: Span) { take(span: $s) }", {}),
        Operation("query ($s: Span = {least: 5}) { take(span: $s) }", {}),
        Operation("query ($n: Int = 8) { take(number: $n, maybeNumber: $n) }", {}),
        Operation("query ($b: Boolean) { take(flag: $b) }", {"b": None}),
        Operation("query ($n: Int!, $m: Int) { count(number: $n, maybeNumber: $m) }", {"n": 1}),
        Operation("query ($n: Int!, $m: Int) { count(number: $n, maybeNumber: $m) }", {"n": 1, "m": None}),
    ],
)  # fmt: skip
def test_what_fits_is_not_refused(operation: Operation) -> None:
    taken = by_plan(operation)
    assert taken is not None
    assert taken == by_graphql_core(operation)


@pytest.mark.parametrize(
    "operation",
    [
        Operation("query ($n: Int = 8) { take(number: $n) }", {"n": None}),
        Operation("query ($n: Int) { take(number: $n) }", {"n": None}),
        Operation("query ($n: Int!) { take(span: {least: $n}) }", {}),
        Operation("query ($n: Int) { take(span: {least: $n}) }", {"n": None}),
        Operation("query ($n: Int) { count(number: $n, maybeNumber: $n) }", {"n": None}),
        Operation("query ($n: Int!) { count(number: $n, maybeNumber: $n) }", {}),
        Operation("query ($b: Boolean!) { take(flag: $b) }", {}),
        Operation("query ($b: Boolean!) { take(flag: $b) }", {"b": None}),
        Operation("query ($n: Int!) { take(number: $n) }", {"n": 2**31}),
        Operation("query ($n: Int!) { take(number: $n) }", {"n": True}),
        Operation("query ($w: String!) { take(word: $w) }", {"w": 5}),
        Operation("query ($s: Span!) { take(span: $s) }", {"s": {"color": "green"}}),
    ],
)
def test_what_does_not_fit_is_refused_by_both(operation: Operation) -> None:
    assert by_plan(operation) is None
    assert by_graphql_core(operation) is None


def test_constant_arguments_are_converted_once() -> None:
    document = parse('{ take(span: {names: ["a"]}, color: DARK_BLUE) }')
    (definition,) = document.definitions
    assert isinstance(definition, OperationDefinitionNode)
    (node,) = definition.selection_set.selections
    field = SCHEMA._schema.query_type.fields["take"]  # type: ignore[union-attr]  # there is a query
    arguments = arguments_of(field, node, field.extensions["strawberry-definition"], SCHEMA)  # type: ignore[arg-type]  # it is a field
    nobody = Variables(SCHEMA._schema, definition).coerce(None)
    first = arguments(nobody)
    assert first["color"] is Color.DARK_BLUE
    assert arguments(nobody)["span"] is first["span"]
    # what is wrong already shows when the plan is made
    broken = parse("{ take(number: 3000000000) }").definitions[0]
    with pytest.raises(GraphQLError):
        arguments_of(
            field, broken.selection_set.selections[0], field.extensions["strawberry-definition"], SCHEMA
        )  # type: ignore[attr-defined]  # an operation has selections
