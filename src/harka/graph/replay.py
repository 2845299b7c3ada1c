"""The first answer again: to who may still ask for it.

Nothing is done for it. A field that the caller may ask for no more is told as if they had asked now.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    SelectionSetNode,
)

from harka.errors import HarkaError
from harka.graph import schema
from harka.graph.answer import Answer
from harka.graph.context import RequestContext
from harka.graph.errors import show_all
from harka.graph.permission import Requires
from harka.graph.request import Prepared

_DEFINITION = "strawberry-definition"


def replayed(body: dict[str, Any], prepared: Prepared, context: RequestContext) -> Answer:
    """`body`: what a mutation came to when it was done, some of it at least."""
    denied = _denied(prepared, context, body["data"])
    if denied:
        told = [each for each in body.get("errors", ()) if each["path"][0] not in denied]
        told += show_all(list(denied.values()), context.request_id)
        body = {"errors": told, "data": {**body["data"], **dict.fromkeys(denied)}}
    return Answer(body=body, statements=context.work.session.statements, replayed=True)


def _denied(prepared: Prepared, context: RequestContext, data: Mapping[str, Any]) -> dict[str, GraphQLError]:
    """By key in the answer, the root fields in it that the caller may ask for no more."""
    root = schema.core().mutation_type
    assert root is not None  # noqa: S101 - what is replayed was a mutation
    found: dict[str, GraphQLError] = {}
    for node in _root_fields(prepared):
        name, key = node.name.value, (node.alias or node.name).value
        if key not in data or key in found or name not in root.fields:
            continue
        for guard in root.fields[name].extensions[_DEFINITION].extensions:
            if isinstance(guard, Requires):
                try:
                    context.require(guard.required)
                except HarkaError as error:
                    found[key] = GraphQLError(error.message, node, path=[key], original_error=error)
    return found


def _root_fields(prepared: Prepared) -> Iterator[FieldNode]:
    """All that are written, in fragments too; whether they were included the answer tells."""
    fragments = {
        node.name.value: node.selection_set
        for node in prepared.document.tree.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    left: list[SelectionSetNode] = [prepared.operation.node.selection_set]
    while left:
        for selection in left.pop().selections:
            if isinstance(selection, FieldNode):
                yield selection
            elif isinstance(selection, FragmentSpreadNode):
                left.append(fragments[selection.name.value])
            elif isinstance(selection, InlineFragmentNode):
                left.append(selection.selection_set)
