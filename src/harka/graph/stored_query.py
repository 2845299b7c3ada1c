"""Queries that are kept, and executed later by a worker for who kept them; checked and priced before."""

import functools
from typing import Final

from graphql import NamedTypeNode, NonNullTypeNode, OperationType, VariableDefinitionNode

from harka.errors import ValidationError
from harka.graph.document import Documents, RefusedError
from harka.graph.limits import Limits
from harka.learning.text import accept_text

MOST_POINTS: Final = 1_000
"""What a stored query may cost at the most, each time."""


def accept_query(text: str, field: str, *, longest: int, variables: frozenset[str]) -> str:
    """One query over the schema as it is now, without variables but these, each an `ID!`.

    Raise `ValidationError` naming `field`.
    """
    accepted = accept_text(text, field, longest=longest)
    try:
        operation = _documents().prepare(accepted, hide_suggestions=False).operation(None)
    except RefusedError as error:
        raise ValidationError(error.errors[0].message, field=field) from None
    if operation.kind is not OperationType.QUERY:
        raise ValidationError("Only a query can be kept.", field=field)
    for definition in operation.node.variable_definitions or ():
        if definition.variable.name.value not in variables or not _is_id(definition):
            names = " and ".join(f"${name}: ID!" for name in sorted(variables))
            raise ValidationError(f"There are no variables but {names}.", field=field)
    points = operation.cost.requested({})
    if points > MOST_POINTS:
        raise ValidationError(
            f"This may cost {points:,} points, and {MOST_POINTS:,} are allowed.", field=field
        )
    return accepted


@functools.cache
def _documents() -> Documents:
    from harka.graph import schema  # noqa: PLC0415 - it is made of mutations that keep queries

    return Documents(schema.core(), Limits(), introspection=False)


def _is_id(definition: VariableDefinitionNode) -> bool:
    type_ = definition.type
    return (
        isinstance(type_, NonNullTypeNode)
        and isinstance(type_.type, NamedTypeNode)
        and type_.type.name.value == "ID"
    )
