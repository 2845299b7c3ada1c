"""The query of a bulk operation: one list, and what is wanted of each of its nodes; executed page by page.

    { courses(filter: {status: PUBLISHED}) { nodes { id title } } }

`edges { node { … } }` will do as well. Which page is not for the client to say: `first` and `after` are taken
out, and each page is asked for with a size that its cost allows and the cursor of the one before. It is read
in the order in which its nodes were made: in another a node that changes meanwhile may move from where the
reading has not come yet to where it has been, or the other way. Lists with pages of their own below the nodes
are refused: a page of them would pass for all, and they are lists to be asked for themselves.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from graphql import (
    ArgumentNode,
    DocumentNode,
    EnumValueNode,
    FieldNode,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    IntValueNode,
    NamedTypeNode,
    NameNode,
    NullValueNode,
    ObjectFieldNode,
    ObjectValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    TypeInfo,
    TypeInfoVisitor,
    VariableDefinitionNode,
    VariableNode,
    Visitor,
    get_named_type,
    print_ast,
    value_from_ast_untyped,
    visit,
)

from harka.errors import ValidationError
from harka.graph.arguments import RefusedVariablesError
from harka.graph.document import Document, Documents, RefusedError, find_operation
from harka.graph.pagination import MOST_ROWS
from harka.learning.bulk_operation import AFTER, LIST

_PAGING: Final = frozenset({"first", "after"})
_ORDER: Final = "orderBy"
_LASTING: Final = ("CREATED_AT", "SEQUENCE")
"""Orders in which a node stays where it is."""
_SIZES: Final = (MOST_ROWS, 50, 20, 10, 5, 2, 1)
_FIELD: Final = "query"


class BulkQuery(msgspec.Struct, frozen=True):
    """`text`: what is executed for each page, with the variable `AFTER`. `cost`: of a page, in points."""

    text: str
    cost: int


def accept_query(documents: Documents, text: str, variables: Mapping[str, Any], *, most: float) -> BulkQuery:
    """The query as it is executed. `most`: points that a page may cost. Raise `ValidationError`."""
    try:
        return _accepted(documents, text, variables, most)
    except RefusedError as error:
        # not the code of a document of the caller's own request, which this is not
        raise ValidationError(error.errors[0].message, field=_FIELD) from None


def _accepted(documents: Documents, text: str, variables: Mapping[str, Any], most: float) -> BulkQuery:
    tree = documents.parse(text)
    operation = find_operation(tree, None)
    if operation.operation is not OperationType.QUERY:
        raise _refused("Only a query can be run over all that there is.")
    root = _only_field(operation.selection_set, "The query must have one list at its root, and nothing else.")
    connection = _connection_of(documents.schema, root)
    nodes = _nodes(root)
    if AFTER in {each.variable.name.value for each in operation.variable_definitions or ()}:
        raise _refused(f"No variable may be called ${AFTER}.")
    _require_no_lists_below(documents.schema, tree, root, connection)
    _require_lasting_order(operation, root, variables)
    order = _lasting_order(documents.schema, root)
    cost = 0
    for size in _SIZES:
        paged = print_ast(_paged(tree, operation, root, nodes, size, order))
        document = documents.prepare(paged, hide_suggestions=False)
        cost = _cost(document, variables)
        if cost <= most:
            return BulkQuery(paged, cost)
    raise _refused(f"One node may cost {cost:,} points; the plan's budget allows {most:,.0f} for a page.")


def _cost(document: Document, variables: Mapping[str, Any]) -> int:
    operation = document.operation(None)
    try:
        operation.variables.coerce(variables)
    except RefusedVariablesError:
        raise ValidationError("They do not fit the query's.", field="variables") from None
    return operation.cost.requested(variables)


def _connection_of(schema: GraphQLSchema, root: FieldNode) -> GraphQLNamedType | None:
    """None for a field that there is not: validation says so."""
    query = schema.query_type
    definition = None if query is None else query.fields.get(root.name.value)
    if definition is None:
        return None
    named: GraphQLNamedType = get_named_type(definition.type)
    if not _is_connection(named):
        raise _refused(f"`{root.name.value}` is no list with pages.")
    return named


def _is_connection(type_: GraphQLNamedType | None) -> bool:
    return isinstance(type_, GraphQLObjectType) and {"nodes", "pageInfo"} <= type_.fields.keys()


def _nodes(root: FieldNode) -> SelectionSetNode:
    """What is wanted of each node."""
    words = "Of the list only `nodes { … }` or `edges { node { … } }` can be asked for."
    wanted = _only_field(root.selection_set, words)
    if wanted.name.value == "edges":
        wanted = _only_field(wanted.selection_set, words)
        is_known = wanted.name.value == "node"
    else:
        is_known = wanted.name.value == "nodes"
    if not is_known or wanted.directives or wanted.selection_set is None:
        raise _refused(words)
    return wanted.selection_set


def _only_field(selected: SelectionSetNode | None, words: str) -> FieldNode:
    selections = () if selected is None else selected.selections
    only = selections[0] if len(selections) == 1 else None
    if not isinstance(only, FieldNode) or only.directives:
        raise _refused(words)
    return only


def _require_no_lists_below(
    schema: GraphQLSchema, tree: DocumentNode, root: FieldNode, connection: GraphQLNamedType | None
) -> None:
    if connection is None:
        return
    types = TypeInfo(schema)
    visit(tree, TypeInfoVisitor(types, _ListFinder(types, root)))


class _ListFinder(Visitor):
    """Refuses every list with pages but the root; fragments are looked at wherever they are spread."""

    def __init__(self, types: TypeInfo, root: FieldNode) -> None:
        super().__init__()
        self._types = types
        self._root = root

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        type_ = self._types.get_type()
        if node is not self._root and type_ is not None and _is_connection(get_named_type(type_)):
            raise _refused(
                f"`{node.name.value}` is a list with pages of its own: run an operation for that list, and "
                "ask there for what its nodes belong to."
            )


def _require_lasting_order(
    operation: OperationDefinitionNode, root: FieldNode, variables: Mapping[str, Any]
) -> None:
    given = {
        each.variable.name.value: value_from_ast_untyped(each.default_value)
        for each in operation.variable_definitions or ()
        if each.default_value is not None
    } | dict(variables)
    for argument in root.arguments or ():
        if argument.name.value == _ORDER:
            order = value_from_ast_untyped(argument.value, given)
            by = order.get("field") if isinstance(order, dict) else None
            if by is not None and by not in _LASTING:
                raise _refused(
                    f"A node that changes its place in the order by {by} while the list is read would be "
                    "written twice, or not at all: leave `orderBy` out, and sort what you get."
                )


def _lasting_order(schema: GraphQLSchema, root: FieldNode) -> str | None:
    """The one to ask for where the client leaves it open: None where the list has none."""
    query = schema.query_type
    definition = None if query is None else query.fields.get(root.name.value)
    argument = None if definition is None else definition.args.get(_ORDER)
    if argument is None:
        return None
    fields: Any = get_named_type(get_named_type(argument.type).fields["field"].type)
    return next((each for each in _LASTING if each in fields.values), None)


def _ordered(root: FieldNode, order: str | None) -> list[ArgumentNode]:
    given = [each for each in root.arguments or () if each.name.value not in _PAGING]
    is_open = all(each.name.value != _ORDER or isinstance(each.value, NullValueNode) for each in given)
    if order is None or not is_open:
        return given
    field = ObjectFieldNode(name=_name("field"), value=EnumValueNode(value=order))
    return [
        *(each for each in given if each.name.value != _ORDER),
        ArgumentNode(name=_name(_ORDER), value=ObjectValueNode(fields=(field,))),
    ]


def _paged(
    tree: DocumentNode,
    operation: OperationDefinitionNode,
    root: FieldNode,
    nodes: SelectionSetNode,
    size: int,
    order: str | None,
) -> DocumentNode:
    page = FieldNode(
        alias=_name(LIST),
        name=root.name,
        arguments=(
            *_ordered(root, order),
            ArgumentNode(name=_name("first"), value=IntValueNode(value=str(size))),
            ArgumentNode(name=_name("after"), value=VariableNode(name=_name(AFTER))),
        ),
        directives=(),
        selection_set=_set(
            FieldNode(name=_name("nodes"), selection_set=nodes),
            FieldNode(
                name=_name("pageInfo"),
                selection_set=_set(FieldNode(name=_name("hasNextPage")), FieldNode(name=_name("endCursor"))),
            ),
        ),
    )
    after = VariableDefinitionNode(
        variable=VariableNode(name=_name(AFTER)), type=NamedTypeNode(name=_name("String")), directives=()
    )
    executed = OperationDefinitionNode(
        operation=OperationType.QUERY,
        name=_name("BulkOperation"),
        variable_definitions=(*(operation.variable_definitions or ()), after),
        directives=operation.directives,
        selection_set=_set(page),
    )
    others = [each for each in tree.definitions if each is not operation]
    return DocumentNode(definitions=(executed, *others))


def _name(text: str) -> NameNode:
    return NameNode(value=text)


def _set(*fields: FieldNode) -> SelectionSetNode:
    return SelectionSetNode(selections=fields)


def _refused(message: str) -> ValidationError:
    return ValidationError(message, field=_FIELD)
