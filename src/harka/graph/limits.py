"""How much one document may ask for, measured in one walk before validation.

Every definition is walked once and fragments are summed along their spreads with a memo, so the cost is
linear in the document, whatever its fragments would expand to. A cycle adds nothing here: validation
reports it.
"""

from collections import Counter
from collections.abc import Iterator

import msgspec
from graphql import (
    DocumentNode,
    ExecutableDefinitionNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    Node,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
)

from harka.errors import DocumentLimitError

_INTROSPECTION_ROOTS = frozenset({"__schema", "__type"})


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much is allowed.

    `depth`: nested fields; `introspection_depth`: those below `__schema` and `__type`. `fields`: all of them
    after fragments are spread; `root_fields`: those directly in the operation. `repeats`: fields with a
    selection under one response name, anywhere in the document; validation compares each with each.
    `directives`: wherever they stand in the operation and its fragments.
    `lines`: the place of an error is counted in them. `operations`: each is validated with its fragments.
    """

    characters: int = 100_000
    lines: int = 5_000
    tokens: int = 5_000
    operations: int = 50
    depth: int = 15
    introspection_depth: int = 20
    root_fields: int = 30
    aliases: int = 500
    directives: int = 500
    fields: int = 2_000
    repeats: int = 60

    def check_text(self, text: str) -> None:
        """Before it is parsed. Raise `DocumentLimitError`; the parser keeps the other limits of texts."""
        self._require("lines", text.count("\n") + text.count("\r") + 1)

    def check(self, document: DocumentNode) -> list["Size"]:
        """The size of each operation. Raise `DocumentLimitError` naming the first limit that one exceeds."""
        self._require("operations", sum(isinstance(d, OperationDefinitionNode) for d in document.definitions))
        sizes = measure(document, ceiling=max(self.fields, self.aliases, self.directives) + 1)
        for size in sizes:
            for name in Size.__struct_fields__:
                self._require(name, getattr(size, name))
        return sizes

    def _require(self, name: str, measured: int) -> None:
        allowed = getattr(self, name)
        if measured > allowed:
            words = name.replace("_", " ")
            raise DocumentLimitError(f"The document exceeds the limit of {allowed} for {words}.")


class Size(msgspec.Struct, kw_only=True):
    """What a definition asks for; counts saturate at the ceiling they were measured with.

    `repeats` is that of the whole document.
    """

    depth: int = 0
    introspection_depth: int = 0
    root_fields: int = 0
    aliases: int = 0
    directives: int = 0
    fields: int = 0
    repeats: int = 0


class _Spread(msgspec.Struct, frozen=True):
    """`level`: fields around the spread. `introspection`: levels since `__schema`, 0 outside of it."""

    name: str
    level: int
    introspection: int


class _Walked(msgspec.Struct):
    size: Size
    spreads: list[_Spread]


def measure(document: DocumentNode, *, ceiling: int) -> list[Size]:
    """The size of each operation of `document`, fragments included."""
    names: Counter[str] = Counter()
    fragments: dict[str, _Walked] = {}
    operations: list[_Walked] = []
    for definition in document.definitions:
        if isinstance(definition, FragmentDefinitionNode):
            fragments[definition.name.value] = _walk(definition, names)
        elif isinstance(definition, OperationDefinitionNode):
            operations.append(_walk(definition, names))
    totals = _fragment_totals(fragments, ceiling)
    sizes = [_total(walked, totals, ceiling) for walked in operations]
    repeats = max(names.values(), default=0)
    return [msgspec.structs.replace(size, repeats=repeats) for size in sizes]


def _walk(definition: ExecutableDefinitionNode, names: Counter[str]) -> _Walked:
    variables = definition.variable_definitions or ()
    walked = _Walked(Size(directives=sum(map(_directives, (definition, *variables)))), [])
    size = walked.size
    stack: list[tuple[SelectionSetNode, int, int]] = [(definition.selection_set, 0, 0)]
    while stack:
        selections, level, introspection = stack.pop()
        spread: set[str] = set()
        for selection in selections.selections:
            size.directives += _directives(selection)
            if isinstance(selection, FragmentSpreadNode):
                # the executor collects a fragment once per selection set
                if selection.name.value not in spread:
                    spread.add(selection.name.value)
                    walked.spreads.append(_Spread(selection.name.value, level, introspection))
            elif isinstance(selection, FieldNode):
                inside = introspection + 1 if introspection or _enters_introspection(selection) else 0
                _count(size, selection, level + 1, inside)
                if selection.selection_set:
                    names[(selection.alias or selection.name).value] += 1
                    stack.append((selection.selection_set, level + 1, inside))
            else:
                stack.append((_selection_set(selection), level, introspection))
    return walked


def _count(size: Size, field: FieldNode, level: int, introspection: int) -> None:
    size.fields += 1
    size.aliases += field.alias is not None
    size.root_fields += level == 1
    if introspection:
        size.introspection_depth = max(size.introspection_depth, introspection)
    else:
        size.depth = max(size.depth, level)


def _fragment_totals(fragments: dict[str, _Walked], ceiling: int) -> dict[str, Size]:
    totals: dict[str, Size] = {}
    for root in fragments:
        path: list[tuple[str, Iterator[_Spread]]] = []
        on_path: set[str] = set()
        _enter(root, fragments, totals, path, on_path)
        while path:
            name, spreads = path[-1]
            following = next(spreads, None)
            if following is not None:
                _enter(following.name, fragments, totals, path, on_path)
            else:
                path.pop()
                on_path.discard(name)
                totals[name] = _total(fragments[name], totals, ceiling)
    return totals


def _enter(
    name: str,
    fragments: dict[str, _Walked],
    totals: dict[str, Size],
    path: list[tuple[str, Iterator[_Spread]]],
    on_path: set[str],
) -> None:
    if name in fragments and name not in totals and name not in on_path:
        on_path.add(name)
        path.append((name, iter(fragments[name].spreads)))


def _total(walked: _Walked, totals: dict[str, Size], ceiling: int) -> Size:
    total = msgspec.structs.replace(walked.size)
    for spread in walked.spreads:
        inner = totals.get(spread.name)
        if inner is None:
            continue
        total.fields = min(total.fields + inner.fields, ceiling)
        total.aliases = min(total.aliases + inner.aliases, ceiling)
        total.directives = min(total.directives + inner.directives, ceiling)
        if spread.level == 0:
            total.root_fields = min(total.root_fields + inner.root_fields, ceiling)
        if spread.introspection:
            deepest = spread.introspection + inner.depth
            total.introspection_depth = max(total.introspection_depth, deepest)
        else:
            total.depth = max(total.depth, spread.level + inner.depth)
            total.introspection_depth = max(total.introspection_depth, inner.introspection_depth)
    return total


def _directives(node: Node) -> int:
    """How many stand at this place."""
    return len(node.directives or ())  # type: ignore[attr-defined]  # of a selection, a definition, a variable


def _enters_introspection(field: FieldNode) -> bool:
    return field.name.value in _INTROSPECTION_ROOTS


def _selection_set(selection: SelectionNode) -> SelectionSetNode:
    inner: SelectionSetNode = selection.selection_set  # type: ignore[attr-defined]  # an inline fragment
    return inner
