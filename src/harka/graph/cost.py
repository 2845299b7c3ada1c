"""What an operation costs, in points: one for each object of its answer, ten more for each mutation.

The few fields that take more than their objects tell cost more (`DEAR`).

Before it is executed, as much as it may come to: lists of pages are as long as `first` says, what is asked
for by `ids` as long as those; other lists count as `LIST`, which some exceed. Every type that an object may
be counts. Afterwards, what was answered. A fragment counts once in a selection, as when it is executed, so
what is walked is what `limits.Limits.fields` bounds.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    is_leaf_type,
)
from graphql.type import is_list_type, is_non_null_type

from harka.graph.pagination import MOST_ROWS

LIST: Final = 10
"""How many items a list counts for that has no `first`."""
MUTATION: Final = 10
DEAR: Final[Mapping[tuple[str, str], int]] = {
    # counts the enrollments and the progress of a whole course, of which it answers the sums
    ("Query", "courseAnalytics"): 500,
    # looks for spellings and words among all there are, however few are found
    ("Query", "search"): 20,
}
"""Points of a field, by its type and name, beside its objects. They are of the operation's root only."""
_PAGE_SIZE: Final = "first"
_IDS: Final = "ids"
_REMEMBERED: Final = 64


class _Variable(msgspec.Struct, frozen=True):
    name: str
    default: int


_Size = int | _Variable


class _Price(msgspec.Struct):
    """`fixed`: points. `lists`: how many of what."""

    fixed: int
    lists: list[tuple[_Size, "_Price"]]

    def points(self, variables: Mapping[str, Any]) -> int:
        return self.fixed + sum(
            _items(size, variables) * inner.points(variables) for size, inner in self.lists
        )


class Cost:
    """Of one operation, which must be valid."""

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        operation: OperationDefinitionNode,
    ) -> None:
        root = schema.get_root_type(operation.operation)
        assert root is not None  # noqa: S101 - the operation is valid
        defaults = {
            definition.variable.name.value: int(definition.default_value.value)
            for definition in operation.variable_definitions or ()
            if isinstance(definition.default_value, IntValueNode)
        }
        reader = _Reader(schema, fragments, defaults)
        self._price = reader.price(root, operation.selection_set, None)
        self._sizes = sorted(_variables(self._price))
        self._known: dict[tuple[Any, ...], int] = {}
        is_mutation = operation.operation is OperationType.MUTATION
        self.fixed = reader.dear + (MUTATION * reader.roots if is_mutation else 0)
        self._always = None if self._sizes else max(self.fixed + self._price.points({}), 1)

    def requested(self, variables: Mapping[str, Any] | None) -> int:
        """Points, at the most. `variables`: as the client sent them."""
        if self._always is not None:
            return self._always
        given = variables or {}
        sizes = tuple(_plain(given.get(name)) for name in self._sizes)
        known = self._known.get(sizes)
        if known is None:
            known = self.fixed + self._price.points(given)
            if len(self._known) < _REMEMBERED:
                self._known[sizes] = known
        return max(known, 1)

    def actual(self, objects: int) -> int:
        """Points, where the answer has so many objects."""
        return max(self.fixed + objects, 1)


def objects_in(data: Any) -> int:
    """How many objects there are in an answer's `data`, itself not counted."""
    found, waiting = -1, [data]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            found += 1
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return max(found, 0)


class _Reader:
    """`roots`: fields of the operation itself that were met. `dear`: what of `DEAR` was, in points."""

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        defaults: Mapping[str, int],
    ) -> None:
        self.roots = self.dear = 0
        self._schema = schema
        self._fragments = fragments
        self._defaults = defaults

    def price(
        self, type_: GraphQLNamedType, selections: SelectionSetNode, page: _Size | None, depth: int = 0
    ) -> _Price:
        """Of what is selected on an object of `type_`. `page`: how long its lists are, where it is a page."""
        price = _Price(0, [])
        visited: set[str] = set()
        waiting = [(type_, selections)]
        while waiting:
            narrowed, selected = waiting.pop()
            for selection in selected.selections:
                if isinstance(selection, FieldNode):
                    self.roots += depth == 0
                    self._add(price, narrowed, selection, page, depth)
                elif not isinstance(selection, FragmentSpreadNode):
                    waiting.append(self._fragment(narrowed, selection))
                elif selection.name.value not in visited:
                    visited.add(selection.name.value)
                    waiting.append(self._fragment(narrowed, self._fragments[selection.name.value]))
        return price

    def _add(
        self,
        price: _Price,
        type_: GraphQLNamedType,
        field: FieldNode,
        page: _Size | None,
        depth: int,
    ) -> None:
        if field.selection_set is None:
            return
        assert isinstance(type_, GraphQLObjectType | GraphQLInterfaceType)  # noqa: S101 - a union has no fields
        definition = self._schema.get_field(type_, field.name.value)
        assert definition is not None  # noqa: S101 - the operation is valid
        named = get_named_type(definition.type)
        if is_leaf_type(named):
            return
        self.dear += DEAR.get((type_.name, field.name.value), 0)
        within = self.price(named, field.selection_set, self._size(field, _PAGE_SIZE), depth + 1)
        within.fixed += 1
        inner = definition.type.of_type if is_non_null_type(definition.type) else definition.type
        if is_list_type(inner):
            own = self._size(field, _IDS)
            size = page if own is None else own
            price.lists.append((LIST if size is None else size, within))
        else:
            price.fixed += within.fixed
            price.lists += within.lists

    def _size(self, field: FieldNode, name: str) -> _Size | None:
        """What the argument says of the length of lists; None without it."""
        for argument in field.arguments or ():
            if argument.name.value == name:
                if isinstance(argument.value, IntValueNode):
                    return int(argument.value.value)
                if isinstance(argument.value, ListValueNode):
                    return len(argument.value.values)
                if isinstance(argument.value, VariableNode):
                    variable = argument.value.name.value
                    return _Variable(variable, self._defaults.get(variable, 0))
        return None

    def _fragment(self, type_: GraphQLNamedType, selection: Any) -> tuple[GraphQLNamedType, SelectionSetNode]:
        """What is selected on which type. `selection`: a fragment."""
        condition = selection.type_condition
        narrowed = type_ if condition is None else self._schema.type_map[condition.name.value]
        return narrowed, selection.selection_set


def _variables(price: _Price) -> set[str]:
    found = set()
    for size, inner in price.lists:
        if isinstance(size, _Variable):
            found.add(size.name)
        found |= _variables(inner)
    return found


def _items(size: _Size, variables: Mapping[str, Any]) -> int:
    if isinstance(size, _Variable):
        given = _plain(variables.get(size.name))
        size = size.default if given is None else given
    return min(max(size, 0), MOST_ROWS)


def _plain(value: Any) -> int | None:
    """The length that a variable's value says, as graphql-core understands it.

    None for none, and for what cannot be one, which is refused later.
    """
    match value:
        case bool():
            return None
        case int():
            return value
        case float():
            return int(value) if value.is_integer() else None
        case str():
            # a single id where a list of them may be
            return 1
        case list():
            return len(value)
    return None
