"""Arguments and variables of a planned operation, converted once where they are constant.

The usual variable (an id, a text, a number, a truth value) is its own value and is taken as it comes; all
others go the way they go in graphql-core and Strawberry.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLNonNull,
    GraphQLSchema,
    NonNullTypeNode,
    OperationDefinitionNode,
    TypeNode,
    VariableDefinitionNode,
    VariableNode,
    Visitor,
    visit,
)
from graphql.execution.values import VariableValues, get_argument_values, get_variable_values
from strawberry import Schema
from strawberry.types.arguments import convert_arguments
from strawberry.types.field import StrawberryField

Arguments = dict[str, Any]

_INT_32: Final = 2**31
# errors: graphql-core tells them, and to find each it may print all that was given
_ENOUGH_TO_REFUSE: Final = 1
_NONE: Final[Arguments] = {}


class RefusedVariablesError(Exception):
    """The variables do not fit; graphql-core says how."""


class Variables:
    """The variables that an operation declares."""

    def __init__(self, schema: GraphQLSchema, operation: OperationDefinitionNode) -> None:
        self._schema = schema
        self._definitions = operation.variable_definitions or ()
        self._plain = all(_is_plain(definition) for definition in self._definitions)
        self._accepted = [
            (definition.variable.name.value, *_accepted(definition))
            for definition in self._definitions
            if self._plain
        ]

    def coerce(self, given: Mapping[str, Any] | None) -> VariableValues:
        """Raise `RefusedVariablesError`."""
        if not self._definitions:
            return _NO_VARIABLES
        plain = self._coerce_plain(given or {}) if self._plain else None
        if plain is not None:
            return VariableValues({}, plain)
        coerced = get_variable_values(
            self._schema, self._definitions, dict(given or {}), max_errors=_ENOUGH_TO_REFUSE
        )
        if isinstance(coerced, list):
            raise RefusedVariablesError
        return coerced

    def _coerce_plain(self, given: Mapping[str, Any]) -> Arguments | None:
        """None where a value is not simply what its type takes."""
        coerced = {}
        for name, type_, nullable in self._accepted:
            if name not in given:
                if nullable:
                    continue
                return None
            value: Any = given[name]
            if type(value) is not type_ and not (nullable and value is None):
                return None
            if isinstance(value, int) and not -_INT_32 <= value < _INT_32:
                return None
            coerced[name] = value
        return coerced


_NO_VARIABLES: Final = VariableValues({}, {})
_PLAIN: Final[Mapping[str, type]] = {"ID": str, "String": str, "Int": int, "Boolean": bool}


def _named(node: TypeNode) -> TypeNode:
    return node.type if isinstance(node, NonNullTypeNode) else node


def _is_plain(definition: VariableDefinitionNode) -> bool:
    name = getattr(_named(definition.type), "name", None)
    return definition.default_value is None and name is not None and name.value in _PLAIN


def _accepted(definition: VariableDefinitionNode) -> tuple[type, bool]:
    named: Any = _named(definition.type)
    return _PLAIN[named.name.value], not isinstance(definition.type, NonNullTypeNode)


def arguments_of(
    field: GraphQLField, node: FieldNode, declared: StrawberryField, schema: Schema
) -> Callable[[VariableValues], Arguments]:
    """What makes a resolver's keyword arguments out of an operation's variables.

    It raises `GraphQLError` for what graphql-core would refuse. Constant arguments are converted here, once.
    """
    if not field.args:
        return lambda _variables: _NONE

    registry = schema.schema_converter.scalar_registry

    def converted(variables: VariableValues | None) -> Arguments:
        values = get_argument_values(field, node, variables)
        return convert_arguments(values, declared.arguments, scalar_registry=registry, config=schema.config)

    if not _uses_variables(node):
        constant = converted(None)
        return lambda _variables: constant
    return _taken(field, node, declared, schema) or converted


def _taken(
    field: GraphQLField, node: FieldNode, declared: StrawberryField, schema: Schema
) -> Callable[[VariableValues], Arguments] | None:
    """For arguments that are plain variables or absent, without a conversion; None for any others."""
    names = {
        schema.config.name_converter.from_argument(argument): argument.python_name
        for argument in declared.arguments
    }
    given = {argument.name.value: argument.value for argument in node.arguments or ()}
    taken = []
    for name, definition in field.args.items():
        value = given.get(name)
        type_ = definition.type
        required = isinstance(type_, GraphQLNonNull)
        named: Any = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
        if value is None and not required and definition.default_value is None:
            continue
        if not isinstance(value, VariableNode) or getattr(named, "name", "") not in _PLAIN:
            return None
        taken.append((names[name], value.name.value, required))

    def take(variables: VariableValues) -> Arguments:
        coerced = variables.coerced
        values = {}
        for name, variable, required in taken:
            if variable in coerced:
                values[name] = coerced[variable]
                if required and values[name] is None:
                    raise RefusedVariablesError
            elif required:
                raise RefusedVariablesError
        return values

    return take


def _uses_variables(node: FieldNode) -> bool:
    found = _Finder()
    for argument in node.arguments or ():
        visit(argument, found)
    return found.found


class _Finder(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.found = False

    def enter_variable(self, *_: Any) -> None:
        self.found = True
