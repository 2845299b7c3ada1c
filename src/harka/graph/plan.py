"""An operation as a plan: what is selected on which type, and how each field is resolved for many objects.

Made once for an operation and kept with its document. What a plan does not cover has none, and is executed
by graphql-core: mutations and subscriptions, introspection, lists of lists, directives but `@skip` and
`@include`, field extensions other than a permission.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from inspect import iscoroutinefunction
from typing import Any, Final

import msgspec
from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableNode,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
)
from strawberry import Schema
from strawberry.types.field import StrawberryField

from harka import executor
from harka.codec import json_bytes
from harka.graph.arguments import Arguments, Variables, arguments_of
from harka.graph.caching import policy_of
from harka.graph.cost import Cost
from harka.graph.deprecation import old_variables, uses
from harka.graph.field import related_of, sends_several
from harka.graph.loaders.loader import Loader
from harka.graph.node import is_node_id, struct_of
from harka.graph.permission import Access, Required, Requires

_DEFINITION: Final = "strawberry-definition"
MOST_VARIANTS: Final = 16
"""Plans of one operation: each condition on a variable doubles them."""


class Step(msgspec.Struct, kw_only=True):
    """How one field is resolved.

    `loader`, `key`: by the loader, for each object's attribute `key`. Otherwise by `resolver`, called with
    the keywords `root` and `info` where it takes them; without either it is the attribute itself.
    `waits`: how often it may need the database, two standing for more. `waits_below`: likewise, of the
    fields of what it answers, but for those that are loaded `ahead`: together with it, by its own keys.
    `given`: it is one of these.
    """

    required: Required = Access.OPEN
    loader: type[Loader[Any, Any]] | None = None
    key: str = ""
    resolver: Callable[..., Any] | None = None
    root: str = ""
    info: str = ""
    arguments: Callable[[Any], Arguments] | None = None
    waits: int = 0
    waits_below: int = 0
    ahead: tuple[type[Loader[Any, Any]], ...] = ()
    given: bool = False


class Plan(msgspec.Struct, frozen=True):
    """`shape`: of the root. `waits`: how often its fields may need the database, a list's counted once.

    `lone`: the root's only field, where there is one and a resolver answers it.
    """

    shape: Any
    waits: int
    lone: Any = None


class _UnplannedError(Exception):
    """Something in the operation is graphql-core's."""


class Operation:
    """One operation and its plans: one for each outcome of its conditions.

    `deprecated`: what of the schema it uses that will be taken out; `old_variables` may hold more.
    `policy`: for how long its answers may be kept; None for not at all.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        *,
        has_old_parts: bool = False,
    ) -> None:
        self.node = operation
        self.kind = operation.operation
        self.is_mutation = self.kind is OperationType.MUTATION
        self.has_several_fields = _has_several_fields(operation)
        self.variables = Variables(schema, operation)
        self._schema = schema
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._conditions = sorted(conditions(document))
        self._plans: dict[tuple[Any, ...], Plan | None] = {}
        self.name = _name_of(operation)
        self.deprecated = uses(schema, self._fragments, operation) if has_old_parts else ()
        self.old_variables = old_variables(schema, operation) if has_old_parts else {}
        self.cost = Cost(schema, self._fragments, operation)
        self.policy = policy_of(schema, self._fragments, operation)
        self.is_covered = executor.COMPILED and self.kind is OperationType.QUERY and not operation.directives

    def plan(self, variables: Mapping[str, Any]) -> Plan | None:
        """The plan for these (coerced) variables; None where graphql-core executes."""
        if not self.is_covered:
            return None
        outcome = tuple(map(variables.get, self._conditions))
        if outcome not in self._plans:
            if len(self._plans) >= MOST_VARIANTS:
                return None
            self._plans[outcome] = self._made(variables)
        return self._plans[outcome]

    def _made(self, variables: Mapping[str, Any]) -> Plan | None:
        root = self._schema.query_type
        assert root is not None  # noqa: S101 - a GraphQL schema has one
        planner = _Planner(self._schema, self._fragments, variables)
        try:
            shape = planner.shape(root, [self.node.selection_set])
            return Plan(shape, planner.waits, _lone(shape.steps))
        except _UnplannedError:
            return None


def _lone(fields: Sequence[Any]) -> Any:
    """See `Plan`. `fields`: those of the root that are resolved one way or another."""
    if len(fields) != 1 or fields[0].step is None or fields[0].step.resolver is None:
        return None
    return fields[0]


def _has_several_fields(operation: OperationDefinitionNode) -> bool:
    """Whether there may be more than one root field; a fragment may hold any number."""
    selections = operation.selection_set.selections
    return len(selections) != 1 or not isinstance(selections[0], FieldNode)


class _Planner:
    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: Mapping[str, Any],
    ) -> None:
        self.waits = 0
        self._schema = schema
        self._fragments = fragments
        self._variables = variables
        self._declared: Schema = schema.extensions[_DEFINITION]

    def shape(self, type_: GraphQLObjectType, selections: Iterable[SelectionSetNode]) -> "executor.Shape":
        struct, node = struct_of(type_.name)
        if struct is None and type_.is_type_of is not None:
            raise _UnplannedError
        shape = executor.Shape(struct, node)
        collected: dict[str, list[FieldNode]] = {}
        visited: set[str] = set()
        for selection in selections:
            self._collect(type_, selection, collected, visited)
        for key, nodes in collected.items():
            shape.add(self._field(type_, key, nodes))
        return shape

    def _collect(
        self,
        type_: GraphQLObjectType,
        selections: SelectionSetNode,
        collected: dict[str, list[FieldNode]],
        visited: set[str],
    ) -> None:
        for selection in selections.selections:
            if not self._included(selection.directives):
                continue
            if isinstance(selection, FieldNode):
                key = (selection.alias or selection.name).value
                collected.setdefault(key, []).append(selection)
            elif isinstance(selection, InlineFragmentNode):
                if self._applies(selection, type_):
                    self._collect(type_, selection.selection_set, collected, visited)
            elif isinstance(selection, FragmentSpreadNode) and selection.name.value not in visited:
                visited.add(selection.name.value)
                fragment = self._fragments[selection.name.value]
                if fragment.directives:
                    raise _UnplannedError
                if self._applies(fragment, type_):
                    self._collect(type_, fragment.selection_set, collected, visited)

    def _included(self, directives: Sequence[DirectiveNode] | None) -> bool:
        for directive in directives or ():
            name = directive.name.value
            if name not in {"skip", "include"}:
                raise _UnplannedError
            (argument,) = directive.arguments or ()
            value: Any = argument.value
            met = self._variables.get(value.name.value) if isinstance(value, VariableNode) else value.value
            if not isinstance(met, bool):
                raise _UnplannedError
            if met is (name == "skip"):
                return False
        return True

    def _applies(
        self, fragment: InlineFragmentNode | FragmentDefinitionNode, type_: GraphQLObjectType
    ) -> bool:
        if fragment.type_condition is None:
            return True
        wanted: Any = self._schema.type_map[fragment.type_condition.name.value]
        return wanted is type_ or (is_abstract_type(wanted) and self._schema.is_sub_type(wanted, type_))

    def _field(self, parent: GraphQLObjectType, key: str, nodes: list[FieldNode]) -> Any:
        name = nodes[0].name.value
        if name == "__typename":
            return executor.Field.text(key, parent.name)
        if name.startswith("__"):
            raise _UnplannedError
        field = parent.fields[name]
        declared: StrawberryField = field.extensions[_DEFINITION]
        step = self._step(field, declared, nodes[0])
        if (
            step is not None
            and step.resolver is not None
            and is_node_id(step.resolver)
            and struct_of(parent.name)[0]
        ):
            return executor.Field.sealed(key)
        self.waits += 0 if step is None else step.waits
        before = self.waits
        made = self._made(key, declared.python_name, field.type, nodes, step)
        if step is not None:
            step.waits_below = self.waits - before - len(step.ahead)
        return made

    def _made(self, key: str, attribute: str, type_: Any, nodes: list[FieldNode], step: Step | None) -> Any:
        nullable, type_ = _nullable(type_)
        many = is_list_type(type_)
        nullable_items, item = _nullable(type_.of_type) if isinstance(type_, GraphQLList) else (False, type_)
        if is_leaf_type(item):
            return self._leaf(
                key, attribute, item, nullable=nullable, step=step, items=(many, nullable_items)
            )
        if is_list_type(item):
            raise _UnplannedError
        shapes = self._shapes(item, nodes)
        if step is not None and step.loader is not None and isinstance(shapes, executor.Shape):
            _look_ahead(step, shapes)
        return executor.Field.child(
            key,
            attribute,
            shapes,
            many=many,
            nullable=nullable,
            nullable_items=nullable_items,
            step=step,
        )

    def _leaf(
        self,
        key: str,
        attribute: str,
        type_: Any,
        *,
        nullable: bool,
        step: Step | None,
        items: tuple[bool, bool],
    ) -> Any:
        many, nullable_items = items
        encode = _encoder(type_)
        if many:
            one = encode

            def encode(values: Any) -> bytes:
                if not isinstance(values, list | tuple):
                    raise executor.UncoveredError
                return b"[" + b",".join(_item(one, value, nullable=nullable_items) for value in values) + b"]"

        choices = None
        if isinstance(type_, GraphQLEnumType) and not many:
            choices = {value.value: name for name, value in type_.values.items()}
            # a struct holds the value, a resolver may answer with the member
            choices |= {member: choices[member.value] for member in getattr(type_, "wrapped_cls", ())}
        return executor.Field.leaf(
            key,
            attribute,
            "" if many else type_.name,
            nullable=nullable,
            step=step,
            choices=choices,
            encode=encode,
        )

    def _shapes(self, type_: Any, nodes: list[FieldNode]) -> Any:
        selections = [node.selection_set for node in nodes if node.selection_set is not None]
        if not is_abstract_type(type_):
            return self.shape(type_, selections)
        possible = self._schema.get_possible_types(type_)
        if any(struct_of(each.name)[0] is None for each in possible):
            raise _UnplannedError
        return {struct_of(each.name)[0]: self.shape(each, selections) for each in possible}

    def _step(self, field: GraphQLField, declared: StrawberryField, node: FieldNode) -> Step | None:
        required: Required = Access.OPEN
        for extension in declared.extensions:
            if not isinstance(extension, Requires):
                raise _UnplannedError
            required = extension.required
        resolver = declared.base_resolver
        if resolver is None:
            return None if required is Access.OPEN else Step(required=required)
        function: Any = resolver.wrapped_func
        if resolver.self_parameter or resolver.parent_parameter:
            raise _UnplannedError
        related = related_of(function)
        if related is not None:
            waits = 2 if related.loader.several else 1
            return Step(required=required, loader=related.loader, key=related.key, waits=waits)
        return Step(
            required=required,
            resolver=function,
            root=resolver.root_parameter.name if resolver.root_parameter else "",
            info=resolver.info_parameter.name if resolver.info_parameter else "",
            arguments=arguments_of(field, node, declared, self._declared),
            waits=2 if sends_several(function) else int(_may_wait(function)),
        )


def _look_ahead(step: Step, shape: "executor.Shape") -> None:
    """Mark what of the answers' fields is to be loaded together with them."""
    for field in shape.steps:
        below: Step | None = field.step
        if below is None or below.loader is None or below.ahead:
            # what has something loaded with it is not given itself
            continue
        if below.loader.behind is step.loader:
            below.given = True
            step.ahead = (*step.ahead, below.loader)


def _name_of(operation: OperationDefinitionNode) -> str:
    """The operation's name, or else its first field's: for logs and metrics."""
    if operation.name:
        return operation.name.value
    first = operation.selection_set.selections[:1]
    return first[0].name.value if first and isinstance(first[0], FieldNode) else ""


def _nullable(type_: Any) -> tuple[bool, Any]:
    return (False, type_.of_type) if isinstance(type_, GraphQLNonNull) else (True, type_)


def _encoder(type_: Any) -> Callable[[Any], bytes]:
    def encode(value: Any) -> bytes:
        coerced = type_.coerce_output_value(value)
        if coerced is None:
            raise executor.UncoveredError
        return json_bytes(coerced)

    return encode


def _item(encode: Callable[[Any], bytes], value: Any, *, nullable: bool) -> bytes:
    if value is not None:
        return encode(value)
    if not nullable:
        raise executor.UncoveredError
    return b"null"


def _may_wait(function: Callable[..., Any]) -> bool:
    returned = str(getattr(function, "__annotations__", {}).get("return", ""))
    return iscoroutinefunction(function) or "Awaitable" in returned


def conditions(document: DocumentNode) -> set[str]:
    """The variables that decide what is selected, anywhere in the document."""
    found: set[str] = set()
    stack: list[Any] = [node.selection_set for node in document.definitions if hasattr(node, "selection_set")]
    while stack:
        for selection in stack.pop().selections:
            for directive in selection.directives or ():
                found.update(
                    argument.value.name.value
                    for argument in directive.arguments or ()
                    if isinstance(argument.value, VariableNode)
                )
            if getattr(selection, "selection_set", None) is not None:
                stack.append(selection.selection_set)
    return found
