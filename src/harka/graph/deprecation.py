"""How something in the schema is taken out: told why and until when, and counted while it is still used."""

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any, Final

from graphql import (
    ArgumentNode,
    EnumValueNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    ObjectFieldNode,
    OperationDefinitionNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    type_from_ast,
    visit,
)

_SCHEMAS: Final = 4  # a process has one; tests have several
_FORM: Final = re.compile(r"\S.*\. Removed after (\d{4}-\d{2}-\d{2})\.", re.DOTALL)


def deprecated(reason: str, *, until: date) -> str:
    """The `deprecation_reason` of a field, an argument or a value.

    `reason`: a sentence that says what to use instead. `until`: the last day on which it is there.
    """
    text = f"{reason} Removed after {until.isoformat()}."
    if not _is_dated(text):
        raise ValueError("the reason must be a sentence, with its full stop")
    return text


@functools.lru_cache(_SCHEMAS)
def deprecations(schema: GraphQLSchema) -> Mapping[str, str]:
    """The reason for each deprecated part, by its coordinate in the schema, which is looked through once."""
    return {coordinate: part.deprecation_reason for coordinate, part in _parts(schema) if _is_old(part)}


def undated(schema: GraphQLSchema) -> list[str]:
    """What is deprecated in other words than those of `deprecated`."""
    return sorted(where for where, reason in deprecations(schema).items() if not _is_dated(reason))


def uses(
    schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode], operation: OperationDefinitionNode
) -> tuple[str, ...]:
    """The coordinates of what is deprecated in a valid operation's text; see `given` for variables."""
    info = TypeInfo(schema)
    visitor = _Uses(info)
    visit(operation, TypeInfoVisitor(info, visitor))
    seen: set[str] = set()
    while waiting := visitor.spread - seen:
        name = waiting.pop()
        seen.add(name)
        visit(fragments[name], TypeInfoVisitor(info, visitor))
    return tuple(sorted(visitor.found))


def old_variables(
    schema: GraphQLSchema, operation: OperationDefinitionNode
) -> Mapping[str, GraphQLInputType]:
    """The variables of a valid operation whose values may hold something deprecated, with their types."""
    holders = _holders(schema)
    # what is valid names types that there are
    types: dict[str, Any] = {
        each.variable.name.value: type_from_ast(schema, each.type)
        for each in operation.variable_definitions or ()
    }
    return {name: type_ for name, type_ in types.items() if get_named_type(type_).name in holders}


def given(types: Mapping[str, GraphQLInputType], variables: Mapping[str, Any]) -> set[str]:
    """The coordinates of what is deprecated in values that a client sent, right or wrong, for `types`."""
    found: set[str] = set()
    waiting = [(get_named_type(type_), variables.get(name)) for name, type_ in types.items()]
    while waiting:
        type_, value = waiting.pop()
        if isinstance(value, list):
            waiting += [(type_, each) for each in value]
        elif isinstance(type_, GraphQLEnumType):
            found |= _old_parts(type_, [value] if isinstance(value, str) else [])
        elif isinstance(type_, GraphQLInputObjectType) and isinstance(value, dict):
            found |= _old_parts(type_, value)
            waiting += [
                (get_named_type(part.type), value[name])
                for name, part in type_.fields.items()
                if name in value
            ]
    return found


def _old_parts(type_: GraphQLEnumType | GraphQLInputObjectType, names: Iterable[str]) -> set[str]:
    parts: Mapping[str, Any] = type_.values if isinstance(type_, GraphQLEnumType) else type_.fields
    return {f"{type_.name}.{name}" for name in names if name in parts and _is_old(parts[name])}


@functools.lru_cache(_SCHEMAS)
def _holders(schema: GraphQLSchema) -> frozenset[str]:
    """Names of the types of inputs that have something deprecated, or of which a field has."""
    inputs = [type_ for type_ in schema.type_map.values() if isinstance(type_, GraphQLInputObjectType)]
    enums = [type_ for type_ in schema.type_map.values() if isinstance(type_, GraphQLEnumType)]
    found = {type_.name for type_ in inputs if _old_parts(type_, type_.fields)}
    found |= {type_.name for type_ in enums if _old_parts(type_, type_.values)}
    more = True
    while more:
        around = {
            type_.name
            for type_ in inputs
            if any(get_named_type(part.type).name in found for part in type_.fields.values())
        }
        more = not around <= found
        found |= around
    return frozenset(found)


class _Uses(Visitor):
    def __init__(self, info: TypeInfo) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.spread: set[str] = set()
        self._info = info
        self._field = ""

    def enter_fragment_spread(self, node: FragmentSpreadNode, *_: Any) -> None:
        self.spread.add(node.name.value)

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        self._field = node.name.value
        self._note(self._info.get_field_def(), self._info.get_parent_type(), self._field)

    def enter_argument(self, node: ArgumentNode, *_: Any) -> None:
        if self._info.get_directive() is None:
            # a field's arguments come before its selections: it is the one entered last
            self._note(
                self._info.get_argument(),
                self._info.get_parent_type(),
                f"{self._field}({node.name.value}:)",
            )

    def enter_object_field(self, node: ObjectFieldNode, *_: Any) -> None:
        parent = get_named_type(self._info.get_parent_input_type())
        if isinstance(parent, GraphQLInputObjectType):
            self._note(parent.fields.get(node.name.value), parent, node.name.value)

    def enter_enum_value(self, node: EnumValueNode, *_: Any) -> None:
        type_ = get_named_type(self._info.get_input_type())
        self._note(self._info.get_enum_value(), type_, node.value)

    def _note(self, part: Any, parent: Any, name: str) -> None:
        if part is not None and _is_old(part):
            self.found.add(f"{parent}.{name}")


def _parts(schema: GraphQLSchema) -> Iterator[tuple[str, Any]]:
    for type_ in schema.type_map.values():
        match type_:
            case GraphQLObjectType() | GraphQLInterfaceType():
                for name, field in type_.fields.items():
                    yield f"{type_.name}.{name}", field
                    for argument, part in field.args.items():
                        yield f"{type_.name}.{name}({argument}:)", part
            case GraphQLInputObjectType():
                yield from ((f"{type_.name}.{name}", part) for name, part in type_.fields.items())
            case GraphQLEnumType():
                yield from ((f"{type_.name}.{name}", part) for name, part in type_.values.items())
            case _:
                pass


def _is_old(part: Any) -> bool:
    return part.deprecation_reason is not None


def _is_dated(reason: str) -> bool:
    found = _FORM.fullmatch(reason)
    try:
        return found is not None and bool(date.fromisoformat(found[1]))
    except ValueError:
        return False
