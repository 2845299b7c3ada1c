"""How something in the schema is taken out: told why and until when, and counted while it is still used."""

import functools
import re
from collections.abc import Iterator, Mapping
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
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    ObjectFieldNode,
    OperationDefinitionNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
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
    """The coordinates of what is deprecated in a valid operation's text; the values of variables are not."""
    info = TypeInfo(schema)
    visitor = _Uses(info)
    visit(operation, TypeInfoVisitor(info, visitor))
    seen: set[str] = set()
    while waiting := visitor.spread - seen:
        name = waiting.pop()
        seen.add(name)
        visit(fragments[name], TypeInfoVisitor(info, visitor))
    return tuple(sorted(visitor.found))


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
