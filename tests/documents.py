"""Queries written at random from the schema: aliases, fragments, conditions, variables, right and wrong.

Whatever is added to the schema is asked for without new code here. Most of what is written is sound, so that
answers are full; now and then a value is of another kind, too large, or nothing at all.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)

from harka.codec import json_bytes

DEPTH = 7
FIELDS = 5  # of one selection
ROOTS = 2
SCALARS: Mapping[str, Sequence[Any]] = {
    "Boolean": (True, False),
    "DateTime": ("2026-01-31T09:30:00Z", "2030-01-01T00:00:00+02:00"),
    "Float": (0.0, 0.5, 1.0),
    "Int": (0, 1, 1, 2, 3, 5, 20, 100),
}
LITERALS = ("null", '""', '"zzz"', "-1", "0", "101", "2", "true", "[]", "{}")

Composite = GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType


@dataclass
class Asked:
    document: str
    variables: dict[str, Any]


@dataclass
class Writer:
    """`ids`: those there are, by how an argument's name begins, or the field's where it is just `id`.

    `texts`: what strings may be. `without`: names of fields that are not asked for.
    """

    schema: GraphQLSchema
    random: Random
    ids: Mapping[str, Sequence[str]]
    texts: Sequence[str]
    without: Collection[str] = ()
    _declared: list[str] = field(default_factory=list)
    _given: dict[str, Any] = field(default_factory=dict)
    _fragments: list[str] = field(default_factory=list)
    _aliases: int = 0

    def query(self) -> Asked:
        self._declared, self._given, self._fragments, self._aliases = [], {}, [], 0
        root = self.schema.query_type
        assert root is not None
        body = self._selection(root, 0, ROOTS)
        declared = f"({', '.join(self._declared)})" if self._declared else ""
        return Asked(" ".join([f"query Made{declared} {body}", *self._fragments]), self._given)

    def _selection(self, type_: Composite, depth: int, most: int = FIELDS) -> str:
        parts = ["__typename"] if self._chance(0.2) else []
        fields = {} if isinstance(type_, GraphQLUnionType) else type_.fields
        wanted = [
            name
            for name, each in fields.items()
            if name not in self.without and (depth < DEPTH or is_leaf_type(get_named_type(each.type)))
        ]
        for name in self.random.sample(wanted, min(len(wanted), self.random.randint(1, most))):
            parts.append(self._field(name, fields[name], depth))
            if self._chance(0.05):
                # the same once more: what is asked for below is merged
                parts.append(self._field(name, fields[name], depth))
        if not isinstance(type_, GraphQLObjectType):
            possible = self.schema.get_possible_types(type_)
            # some, however many there are
            parts += [
                f"... on {each.name} {self._selection(each, depth + 1)}"
                for each in possible
                if self._chance(min(0.5, 3 / len(possible)))
            ]
        elif depth < DEPTH and self._chance(0.15):
            # every type of an interface may spread the interface again
            parts.append(self._spread(type_, depth))
        return "{ " + " ".join(parts or ["__typename"]) + " }"

    def _field(self, name: str, field_: GraphQLField, depth: int) -> str:
        arguments = {
            each: self._value_of(name if each in ("id", "ids") else each, arg)
            for each, arg in field_.args.items()
            if self._is_given(arg)
        }
        text = name
        # other arguments are another answer, which needs a name of its own
        if arguments or self._chance(0.1):
            self._aliases += 1
            text = f"a{self._aliases}: {name}"
        if arguments:
            text += f"({', '.join(f'{each}: {value}' for each, value in arguments.items())})"
        text += self._condition()
        named = get_named_type(field_.type)
        if isinstance(named, Composite):
            text += " " + self._selection(named, depth + 1)
        return text

    def _spread(self, type_: GraphQLObjectType, depth: int) -> str:
        wide = self.random.choice((type_, *type_.interfaces))
        if self._chance(0.5):
            on = f" on {wide.name}" if wide is not type_ or self._chance(0.5) else ""
            return f"...{on}{self._condition()} {self._selection(wide, depth + 1)}"
        name = f"F{len(self._fragments)}"
        self._fragments.append("")  # its place, before those within it
        place = len(self._fragments) - 1
        self._fragments[place] = f"fragment {name} on {wide.name} {self._selection(wide, depth + 1)}"
        again = f" ...{name}" if self._chance(0.2) else ""
        return f"...{name}{self._condition()}{again}"

    def _condition(self) -> str:
        if not self._chance(0.06):
            return ""
        value = self._chance(0.5)
        shown = str(value).lower()
        if self._chance(0.5):
            shown = self._variable("Boolean!", value)
        return f" @{self.random.choice(('include', 'skip'))}(if: {shown})"

    def _is_given(self, argument: GraphQLArgument) -> bool:
        return is_non_null_type(argument.type) or self._chance(0.4)

    def _value_of(self, name: str, argument: GraphQLArgument) -> str:
        if self._chance(0.02):
            return self.random.choice(LITERALS)
        value = self._value(name, argument)
        if not self._chance(0.4):
            return _literal(value)
        if self._chance(0.05):
            value = self.random.choice((None, -1, "zzz", [], 2**40, 1.5))
        return self._variable(str(argument.type), value)

    def _variable(self, type_: str, value: Any) -> str:
        name = f"v{len(self._declared)}"
        self._declared.append(f"${name}: {type_}")
        if type_.endswith("!") or self._chance(0.9):
            self._given[name] = value
        return f"${name}"

    def _value(self, name: str, spec: GraphQLArgument | GraphQLInputField) -> Any:
        type_ = spec.type
        if not is_non_null_type(type_) and self._chance(0.1):
            return None
        named = get_named_type(type_)
        inner = type_.of_type if is_non_null_type(type_) else type_
        if is_list_type(inner):
            return [self._one(name, named) for _ in range(self.random.randint(0, 4))]
        return self._one(name, named)

    def _one(self, name: str, named: Any) -> Any:
        if isinstance(named, GraphQLInputObjectType):
            return {
                each: self._value(each, spec)
                for each, spec in named.fields.items()
                if self._is_given_in(spec)
            }
        if isinstance(named, GraphQLEnumType):
            return _Name(self.random.choice(list(named.values)))
        if named.name == "ID":
            return self._id(name)
        if named.name == "Int" and self._chance(0.03):
            return self.random.choice((-1, 101))
        return self.random.choice(SCALARS.get(named.name, self.texts))

    def _is_given_in(self, spec: GraphQLInputField) -> bool:
        return is_non_null_type(spec.type) or self._chance(0.4)

    def _id(self, name: str) -> str:
        fitting = next((each for word, each in self.ids.items() if name.lower().startswith(word)), None)
        if fitting is None or self._chance(0.1):
            fitting = [each for ids in self.ids.values() for each in ids]
        return self.random.choice(fitting)

    def _chance(self, share: float) -> bool:
        return self.random.random() < share


class _Name(str):
    """A name in GraphQL, a string in JSON."""

    __slots__ = ()


def _literal(value: Any) -> str:
    """As GraphQL writes it."""
    if isinstance(value, list):
        return f"[{', '.join(_literal(each) for each in value)}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_literal(each)}" for name, each in value.items()) + "}"
    # JSON's strings, numbers, true, false and null are GraphQL's
    return str(value) if isinstance(value, _Name) else json_bytes(value).decode()
