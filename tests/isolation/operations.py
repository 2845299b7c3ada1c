"""Operations made from the schema itself, so that a field added later is tried without new test code.

`cases` walks `schema.graphql`: every root field, every argument that takes an id or a cursor, filled with
values of the victim while the others are the attacker's own.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
    get_named_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_required_argument,
    is_required_input_field,
)

SCHEMA_FILE = Path(__file__).resolve().parents[2] / "schema.graphql"
DEPTH = 7
NODE_DEPTH = 4
CURSOR_ARGUMENTS = frozenset({"after", "before"})

# the own value of a slot that the case does not attack, given its name and its named type
OwnValue = Callable[[str, str], Any]


@dataclass(frozen=True)
class Slot:
    """One place for an id or a cursor: the path of names from the field's argument inwards."""

    path: tuple[str, ...]
    is_cursor: bool
    required: bool


@dataclass(frozen=True)
class RootField:
    operation: str  # query, mutation or subscription
    name: str
    document: str
    variables: Mapping[str, GraphQLArgument]

    @property
    def slots(self) -> list[Slot]:
        return [slot for name, argument in self.variables.items() for slot in _slots((name,), argument)]

    def values(self, own: OwnValue, attacked: Slot | None = None, value: Any = None) -> dict[str, Any]:
        """Variables with the attacker's own values, but `value` in the attacked slot."""
        made = {
            name: _value((name,), argument, own, attacked, value)
            for name, argument in self.variables.items()
            if _wanted((name,), argument, attacked)
        }
        return {name: value for name, value in made.items() if value is not None}


def load_schema() -> GraphQLSchema:
    return build_schema(SCHEMA_FILE.read_text())


def root_fields(schema: GraphQLSchema) -> Iterator[RootField]:
    for operation, root in (
        ("query", schema.query_type),
        ("mutation", schema.mutation_type),
        ("subscription", schema.subscription_type),
    ):
        for name, field in (root.fields if root else {}).items():
            yield _root_field(schema, operation, name, field)


def _root_field(schema: GraphQLSchema, operation: str, name: str, field: GraphQLField) -> RootField:
    declared = ", ".join(f"${argument}: {spec.type}" for argument, spec in field.args.items())
    passed = ", ".join(f"{argument}: ${argument}" for argument in field.args)
    selection = _selection(schema, get_named_type(field.type), DEPTH, ())
    document = (
        f"{operation} Isolation{f'({declared})' if declared else ''} "
        f"{{ {name}{f'({passed})' if passed else ''}{selection} }}"
    )
    return RootField(operation, name, document, field.args)


def _selection(schema: GraphQLSchema, type_: Any, depth: int, path: tuple[str, ...], prefix: str = "") -> str:
    """`prefix`: of the fields' aliases, where types of one interface may disagree on a field's type."""
    if is_leaf_type(type_):
        return ""
    if isinstance(type_, GraphQLInterfaceType | GraphQLUnionType):
        inner = " ".join(
            f"... on {possible.name} {_selection(schema, possible, NODE_DEPTH, path, prefix=possible.name)}"
            for possible in schema.get_possible_types(type_)
            if possible.name not in path
        )
        return f"{{ __typename {inner} }}"
    fields = [
        text
        for name, field in type_.fields.items()
        if (text := _field(schema, name, field, depth - 1, (*path, type_.name))) is not None
    ]
    if prefix:
        fields = [f"{prefix}_{text.partition('(')[0].partition(' ')[0]}: {text}" for text in fields]
    return f"{{ __typename {' '.join(fields)} }}"


def _field(
    schema: GraphQLSchema, name: str, field: GraphQLField, depth: int, path: tuple[str, ...]
) -> str | None:
    named = get_named_type(field.type)
    needed = [argument for argument, spec in field.args.items() if is_required_argument(spec)]
    page = ["first"] if "first" in field.args else []
    if set(needed) - {"first"} or named.name in path or (depth <= 0 and not is_leaf_type(named)):
        return None
    arguments = f"({', '.join(f'{name}: 5' for name in page)})" if page else ""
    return f"{name}{arguments} {_selection(schema, named, depth, path)}"


def _slots(path: tuple[str, ...], spec: GraphQLArgument | GraphQLInputField) -> Iterator[Slot]:
    named = get_named_type(spec.type)
    if isinstance(named, GraphQLInputObjectType):
        for name, field in named.fields.items():
            yield from _slots((*path, name), field)
    elif named.name == "ID" or path[-1] in CURSOR_ARGUMENTS:
        yield Slot(path, is_cursor=named.name != "ID", required=_required(spec))


def _wanted(path: tuple[str, ...], spec: GraphQLArgument | GraphQLInputField, attacked: Slot | None) -> bool:
    on_the_way = attacked is not None and attacked.path[: len(path)] == path
    return _required(spec) or on_the_way or path[-1] == "first"


def _required(spec: GraphQLArgument | GraphQLInputField) -> bool:
    if isinstance(spec, GraphQLArgument):
        return is_required_argument(spec)
    return is_required_input_field(spec)


def _value(
    path: tuple[str, ...],
    spec: GraphQLArgument | GraphQLInputField,
    own: OwnValue,
    attacked: Slot | None,
    value: Any,
) -> Any:
    named = get_named_type(spec.type)
    if attacked is not None and attacked.path == path:
        made = value
    elif isinstance(named, GraphQLInputObjectType):
        made = {
            name: _value((*path, name), field, own, attacked, value)
            for name, field in named.fields.items()
            if _wanted((*path, name), field, attacked)
        }
    elif isinstance(named, GraphQLEnumType):
        made = next(iter(named.values))
    else:
        made = own(path[-1], named.name)
    inner = spec.type.of_type if is_non_null_type(spec.type) else spec.type
    return [made] if is_list_type(inner) else made
