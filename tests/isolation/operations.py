"""Operations made from the schema itself, so that a field added later is tried without new test code.

A root field becomes one document that selects whatever there is below it. Each argument on the way, of the
root field and of those inside, is a variable: its leaves are the places where values of others are tried.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    OperationType,
    build_schema,
    get_named_type,
    is_leaf_type,
)
from places import INSTEAD, NEEDED, Argument, Place, Spec, argument_of, is_list_of, is_required

SCHEMA_FILE = Path(__file__).resolve().parents[2] / "schema.graphql"
DEPTH = 7
NODE_DEPTH = 4
SHALLOWER = 2  # levels that a document may be less deep, where it has more fields than the next
MOST_FIELDS = 1_000
MOST_AT_ALL = 1_900  # the API takes 2,000: what has more is less deep, whatever it leaves out
PAGE = 5  # rows of a list inside

_EMPTY = frozenset({"nodes", "edges", "contentItems", "assignments", "quizzes", "bestQuizAttempts"})
_PAGE = {("pageInfo",), ("pageInfo", "startCursor"), ("edges",), ("edges", "cursor")}
# what goes to a place that is not attacked
Choose = Callable[[Place], Any]


@dataclass(frozen=True)
class RootField:
    """`selected`: the fields in its document, as `Type.field`."""

    operation: str  # query, mutation or subscription
    name: str
    document: str
    arguments: tuple[Argument, ...]
    selected: frozenset[str]
    schema: GraphQLSchema = field(repr=False, compare=False)

    @property
    def places(self) -> list[Place]:
        return [place for argument in self.arguments for place in argument.places]

    @property
    def nearest(self) -> list[Place]:
        """Like `places`; of a nested argument that is reached in several ways, the nearest."""
        nearest: dict[str, Argument] = {}
        for argument in sorted(self.arguments, key=lambda argument: argument.distance):
            nearest.setdefault(argument.coordinate, argument)
        return [place for argument in nearest.values() for place in argument.places]

    @property
    def slots(self) -> list[Place]:
        """Where an id or a cursor goes."""
        return [
            place for place in self.nearest if (place.is_id or place.is_cursor) and not self._is_empty(place)
        ]

    def _is_empty(self, place: Place) -> bool:
        """Not reached: what was made just now has nothing in its lists, and an item may be no quiz."""
        is_new = self.name.startswith(("create", "clone"))
        return (is_new and not _EMPTY.isdisjoint(place.route)) or {"contentItem", "quiz"} <= {*place.route}

    def values(self, choose: Choose, at: Place | None = None, value: Any = None) -> dict[str, Any]:
        """Variables: `value` goes to the place `at`, and what `choose` says to the others that need one."""
        chosen = {place.path: place for place in self.places}
        given = [place.path for place in (at, self._way_to(at)) if place is not None]

        def filled(path: tuple[str, ...], spec: Spec) -> Any:
            named = get_named_type(spec.type)
            if at is not None and at.path == path:
                made = value
            elif isinstance(named, GraphQLInputObjectType):
                made = {
                    name: filled((*path, name), inner)
                    for name, inner in named.fields.items()
                    if wanted((*path, name), inner)
                }
            else:
                made = choose(chosen[path])
            return [made] if is_list_of(spec) and not isinstance(made, list) else made

        def wanted(path: tuple[str, ...], spec: Spec) -> bool:
            is_alone = at is not None and at.coordinate in INSTEAD
            is_needed = path in chosen and chosen[path].coordinate in NEEDED and not is_alone
            return is_required(spec) or is_needed or any(place[: len(path)] == path for place in given)

        return {
            argument.variable: filled((argument.variable,), argument.spec)
            for argument in self.arguments
            if wanted((argument.variable,), argument.spec)
        }

    @property
    def brief(self) -> str:
        """Of a mutation: a document with as little of an answer as tells whether it was done."""
        own = [argument for argument in self.arguments if argument.distance == 1]
        declared = ", ".join(argument.declaration for argument in own)
        passed = ", ".join(f"{argument.variable}: ${argument.variable}" for argument in own)
        return f"mutation({declared}) {{ {self.name}({passed}) {{ errors {{ __typename code }} }} }}"

    def own(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Of these variables those of the root field itself, which `brief` declares."""
        names = {argument.variable for argument in self.arguments if argument.distance == 1}
        return {name: value for name, value in values.items() if name in names}

    def towards(self, place: Place) -> "RootField":
        """The same, with nothing in its document but what leads to the place, and what is there."""
        return _root_field(self.schema, self.operation, place.route)

    def page_of(self, place: Place) -> "RootField":
        """Like `towards`; of what is there only which page of the list it is."""
        return _root_field(self.schema, self.operation, place.route, is_brief=True)

    def _way_to(self, at: Place | None) -> Place | None:
        """A place inside is reached through what the root field finds: if it requires nothing, by an id."""
        own = [place for place in self.places if not place.is_nested]
        if at is None or not at.is_nested or any(is_required(place.spec) for place in own):
            return None
        return next((place for place in own if place.is_id), None)


@cache
def load_schema() -> GraphQLSchema:
    return build_schema(SCHEMA_FILE.read_text())


def root_fields(schema: GraphQLSchema) -> Iterator[RootField]:
    """Raise `UnknownPlaceError` when there is a place that nobody can fill."""
    for operation in OperationType:
        root = schema.get_root_type(operation)
        for name in root.fields if root else ():
            yield _root_field(schema, operation.value, (name,))


@cache
def _root_field(
    schema: GraphQLSchema, operation: str, route: tuple[str, ...], *, is_brief: bool = False
) -> RootField:
    """Remembered: every pair of worlds asks for the same ones."""
    root = schema.get_root_type(OperationType(operation))
    assert root is not None
    for less in range(NODE_DEPTH):
        most = MOST_FIELDS if less < SHALLOWER else MOST_AT_ALL
        writer = _Writer(
            schema, route, NODE_DEPTH - less, most if less < NODE_DEPTH - 1 else None, is_brief=is_brief
        )
        with suppress(_TooLargeError):
            text = writer.field(_At(root, route[:1]), route[0], DEPTH - less)
            break
    declared = ", ".join(argument.declaration for argument in writer.arguments)
    document = f"{operation} Isolation{f'({declared})' if declared else ''} {{ {text} }}"
    selected = frozenset(writer.selected)
    return RootField(operation, route[0], document, tuple(writer.arguments), selected, schema)


@dataclass(frozen=True)
class _At:
    """Where the writer is: in a field of `type`, see `Place` for the rest. `inside`: the types around it."""

    type: GraphQLObjectType
    route: tuple[str, ...]
    within: str = ""
    inside: tuple[str, ...] = ()


def _is_alike(schema: GraphQLSchema, name: str, field: GraphQLField) -> bool:
    """Whether a field of this name is the same leaf in every type: an alias would only be one of too many."""
    return is_leaf_type(get_named_type(field.type)) and not field.args and len(_types_of(schema, name)) == 1


@cache
def _types_of(schema: GraphQLSchema, name: str) -> frozenset[str]:
    """The types of the fields of this name, asked for a hundred thousand times."""
    return frozenset(
        str(each.fields[name].type)
        for each in schema.type_map.values()
        if isinstance(each, GraphQLObjectType) and name in each.fields
    )


class _TooLargeError(Exception):
    """A document with more fields than it may have."""


class _Writer:
    """Writes the selections of one document, and takes down the arguments it meets.

    `route`: where to; of the fields on the way only those that lead there are written. `node_depth`: how deep
    whatever has an id is followed. `most`: raise `_TooLargeError` for more fields; None: any number.
    `is_brief`: of the list at the end of the route only where it begins.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        route: tuple[str, ...],
        node_depth: int,
        most: int | None,
        *,
        is_brief: bool,
    ) -> None:
        self._schema = schema
        self._route = route
        self._node_depth = node_depth
        self._most = most
        self._is_brief = is_brief
        self._size = 0
        self._trees = _trees(schema)
        self.arguments: list[Argument] = []
        self.selected: set[str] = set()

    def field(self, at: _At, name: str, depth: int) -> str:
        """The field, with an alias where the route says so, and all that is in it."""
        field, owner = at.type.fields[name], f"{at.type.name}.{name}"
        self.selected.add(owner)
        self._count()
        passed = ", ".join(self._argument(owner, argument, at) for argument in field.args)
        alias = "" if at.route[-1] == name else f"{at.route[-1]}: "
        return f"{alias}{name}{f'({passed})' if passed else ''} {self._selection(field, at, depth)}"

    def _argument(self, owner: str, name: str, at: _At) -> str:
        if name == "first" and len(at.route) > 1:
            return f"first: {PAGE}"
        argument = argument_of(self._schema, owner, name, at.route, at.within)
        self.arguments.append(argument)
        return f"{name}: ${argument.variable}"

    def _selection(self, field: GraphQLField, at: _At, depth: int) -> str:
        type_ = get_named_type(field.type)
        if is_leaf_type(type_):
            return ""
        inside = (*at.inside, at.type.name)
        if not isinstance(type_, GraphQLInterfaceType | GraphQLUnionType):
            return self._fields(_At(type_, at.route, at.within, inside), depth)
        if at.within:
            # whatever it is inside of whatever that is: there are too many of both
            self._count()
            return "{ __typename id }"
        # inside of something else it shows its own leaves: what is behind them has a way of its own
        deep = self._node_depth if len(at.route) == 1 else 1
        inner = " ".join(
            f"... on {possible.name} {self._fields(within, deep, prefix=f'{possible.name}_')}"
            for possible in self._schema.get_possible_types(type_)
            if possible.name not in inside
            for within in [_At(possible, at.route, at.within or possible.name, inside)]
        )
        self._count()
        return f"{{ __typename {inner} }}"

    def _fields(self, at: _At, depth: int, prefix: str = "") -> str:
        """`prefix`: of the fields' aliases, where types of one interface may disagree on a field's type."""
        inner = " ".join(
            self.field(inside, name, depth - 1)
            for name, field in at.type.fields.items()
            if self._fits(field, at, depth - 1)
            for alias in [name if _is_alike(self._schema, name, field) else f"{prefix}{name}"]
            for inside in [_At(at.type, (*at.route, alias), at.within, at.inside)]
            if self._leads(inside.route)
        )
        self._count()
        return f"{{ __typename {inner} }}"

    def _count(self) -> None:
        self._size += 1
        if self._most is not None and self._size > self._most:
            raise _TooLargeError

    def _leads(self, route: tuple[str, ...]) -> bool:
        beyond = route[len(self._route) :]
        if self._is_brief and beyond and beyond not in _PAGE:
            return False
        return route[: len(self._route)] == self._route[: len(route)]

    def _fits(self, field: GraphQLField, at: _At, depth: int) -> bool:
        """Whether it may be selected: not too deep, and not round in a circle.

        What leads to its own type is followed once, to what has no more inside.
        """
        named = get_named_type(field.type)
        if is_leaf_type(named):
            return True
        is_end = at.type.name in self._trees and at.type.name in at.inside and "id" in at.type.fields
        around = (*at.inside, at.type.name)
        # a connection without its edges shows nothing
        least = isinstance(named, GraphQLObjectType) and "edges" in named.fields
        return depth > least and not is_end and around.count(named.name) <= (named.name in self._trees)


@cache
def _trees(schema: GraphQLSchema) -> frozenset[str]:
    """Types with a field of their own type, their connections and edges."""
    return frozenset(
        tree
        for name, type_ in schema.type_map.items()
        if isinstance(type_, GraphQLObjectType)
        and any(get_named_type(field.type) is type_ for field in type_.fields.values())
        for tree in (name, f"{name}Connection", f"{name}Edge")
    )
