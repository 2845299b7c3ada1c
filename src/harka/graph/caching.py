"""What may be kept of whole answers, and how long: declared in the schema, worked out for an operation."""

import enum
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import strawberry
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    get_named_type,
    is_leaf_type,
)
from strawberry.schema_directive import Location

_DEFINITION: Final = "strawberry-definition"


@strawberry.enum(description="Whose an answer is.")
class CacheControlScope(enum.Enum):
    PUBLIC = strawberry.enum_value("PUBLIC", description="The same for everybody in an organization.")
    PRIVATE = strawberry.enum_value("PRIVATE", description="The caller's, by who they are and may do.")


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION, Location.OBJECT],
    name="cacheControl",
    description=(
        "An answer may be kept for `maxAge` seconds when everything selected in it says so: the least of it "
        "counts, and what says nothing says 0; fields without fields of their own are as their object. GET "
        "tells it in `Cache-Control`, with an `ETag`. `scope` is PRIVATE unless all of it is PUBLIC. With "
        "`inheritMaxAge` a field is as the object it is asked of."
    ),
)
class CacheControlDirective:
    # in the order of the sorted schema, or Strawberry prints the directive once in either
    inherit_max_age: bool | None = strawberry.UNSET
    max_age: int | None = strawberry.UNSET
    scope: CacheControlScope | None = strawberry.UNSET


def kept(seconds: int, *, public: bool = False) -> CacheControlDirective:
    """For a type, or a field: its answers may be kept so long."""
    scope = CacheControlScope.PUBLIC if public else strawberry.UNSET
    return CacheControlDirective(max_age=seconds, scope=scope)


INHERITED: Final = CacheControlDirective(inherit_max_age=True)


class Policy(msgspec.Struct, frozen=True):
    """`max_age`: seconds, above 0. `is_public`: the same for everybody in the organization."""

    max_age: int
    is_public: bool

    def __and__(self, other: "Policy") -> "Policy":
        return Policy(min(self.max_age, other.max_age), self.is_public and other.is_public)


_NOT_AT_ALL: Final = Policy(0, is_public=False)
_WHATEVER: Final = Policy(2**31, is_public=True)
_INHERITED: Final = Policy(-1, is_public=True)


def policy_of(
    schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode], operation: OperationDefinitionNode
) -> Policy | None:
    """For a valid operation; None for one that is not kept, as no mutation and no subscription ever is."""
    root = schema.query_type
    if operation.operation is not OperationType.QUERY or root is None:
        return None
    found = _Reader(schema, fragments).policy(root, operation.selection_set, _NOT_AT_ALL)
    return found if 0 < found.max_age < _WHATEVER.max_age else None


class _Reader:
    def __init__(self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._schema = schema
        self._fragments = fragments

    def policy(self, type_: GraphQLNamedType, selections: SelectionSetNode, own: Policy) -> Policy:
        """Of what is selected on an object of `type_`, whose own policy is `own`. Conditions do not count."""
        least = _WHATEVER
        visited: set[str] = set()
        waiting = [(type_, selections)]
        while waiting and least.max_age:
            narrowed, selected = waiting.pop()
            for selection in selected.selections:
                if isinstance(selection, FieldNode):
                    least &= self._field(narrowed, selection, own)
                    continue
                if isinstance(selection, FragmentSpreadNode):
                    if selection.name.value in visited:
                        continue
                    visited.add(selection.name.value)
                    waiting.append(self._fragment(narrowed, self._fragments[selection.name.value]))
                else:
                    waiting.append(self._fragment(narrowed, selection))
        return least

    def _field(self, type_: GraphQLNamedType, node: FieldNode, parent: Policy) -> Policy:
        if not isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            return _WHATEVER  # all that a union has is __typename
        definition = self._schema.get_field(type_, node.name.value)
        if definition is None or node.name.value == "__typename":
            return _WHATEVER
        named = get_named_type(definition.type)
        own = _declared(definition) or (parent if is_leaf_type(named) else _declared(named))
        if own is _INHERITED:
            own = parent
        if own is None or not own.max_age:
            return _NOT_AT_ALL
        if node.selection_set is None:
            return own
        return own & self.policy(named, node.selection_set, own)

    def _fragment(self, type_: GraphQLNamedType, selection: Any) -> tuple[GraphQLNamedType, SelectionSetNode]:
        """What is selected on which type. `selection`: a fragment."""
        condition = selection.type_condition
        narrowed = type_ if condition is None else self._schema.type_map[condition.name.value]
        return narrowed, selection.selection_set


def _declared(thing: GraphQLField | GraphQLNamedType) -> Policy | None:
    definition = thing.extensions.get(_DEFINITION)
    for directive in getattr(definition, "directives", None) or ():
        if isinstance(directive, CacheControlDirective):
            if directive.inherit_max_age is True:
                return _INHERITED
            return Policy(directive.max_age or 0, directive.scope is CacheControlScope.PUBLIC)
    return None
