"""A filter as RFC 7644, section 3.4.2.2, writes it, as a condition on columns."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

import msgspec
from scim2_models import SCIMException, ScimFilter
from scim2_models.path import (
    AttrPath,
    CompareOperator,
    FilterNode,
    LogicalExpr,
    LogicalOperator,
    Not,
    Present,
    ValuePath,
)
from scim2_models.path import Comparison as Compared

from harka.errors import ScimRequestError
from harka.ids import NodeKind
from harka.repositories.scim_condition import (
    OPERATORS,
    Column,
    Comparison,
    Condition,
    Fixed,
    Joined,
    Kind,
    Negated,
    Operator,
    Value,
)
from harka.web.scim.names import Names

LONGEST: Final = 4_000
_DEEPEST: Final = 20
_MOST_TERMS: Final = 100
_PLURAL: Final = {"emails", "roles", "groups", "members"}


class Filterable(msgspec.Struct, frozen=True):
    """A kind of resource. `schema`: its URN. `ids`: of its ids, and of `members`, what they name."""

    name: str
    schema: str
    columns: Mapping[str, Column]
    ids: Mapping[str, NodeKind]
    others: frozenset[str] = frozenset()
    """Columns of other kinds that are looked for along with it, none of which it has."""


def condition_of(text: str, resource: Filterable, names: Names) -> Condition:
    """Raise `ScimRequestError`: `invalidFilter`, for what is no filter and for what cannot be looked for."""
    if len(text) > LONGEST or _depth(text) > _DEEPEST:
        raise _invalid(f"A filter has at most {LONGEST} characters, and {_DEEPEST} levels of brackets.")
    try:
        tree = ScimFilter(text).ast
    except (SCIMException, ValueError) as error:
        raise _invalid(f"This is no filter: {str(error)[:200]}") from None
    return _Reader(resource, names).read(tree, "")


class _Reader:
    def __init__(self, resource: Filterable, names: Names) -> None:
        self._resource, self._names = resource, names
        self._terms = 0

    def read(self, node: FilterNode, within: str) -> Condition:
        """`within`: the attribute whose values are looked at."""
        match node:
            case LogicalExpr(op=op, terms=terms):
                parts = tuple(self.read(each, within) for each in terms)
                return Joined(parts, every=op == LogicalOperator.and_)
            case Not(expr=expr):
                return Negated(self.read(expr, within))
            case ValuePath(attr_path=path, val_filter=inner) if not within:
                return self.read(inner, self._name(path))
            case Present(attr_path=path):
                return self._test(path, within, Operator.PRESENT, None)
            case Compared(attr_path=path, op=op, value=value):
                return self._test(path, within, Operator(CompareOperator(op).value), value)
        raise _invalid("This cannot be looked for.")

    def _test(self, path: AttrPath, within: str, operator: Operator, value: object) -> Condition:
        self._terms += 1
        if self._terms > _MOST_TERMS:
            raise _invalid(f"A filter has at most {_MOST_TERMS} comparisons.")
        name = f"{within}.{self._name(path)}" if within else self._name(path)
        if name in _PLURAL:
            name += ".value"
        if name == "meta.resourcetype":
            return self._of_type(operator, value)
        column = self._resource.columns.get(name)
        if column is None:
            if name in self._resource.others:
                return Fixed(holds=False)
            allowed = ", ".join(sorted(self._resource.columns))
            raise _invalid(f"{name} cannot be looked for. These can: {allowed}.")
        if operator not in OPERATORS[column.kind] or (value is None and column.kind is Kind.MEMBER):
            raise _invalid(f"{name} cannot be compared by {operator}.")
        if operator is Operator.PRESENT or value is None:
            if operator not in {Operator.PRESENT, Operator.EQUAL, Operator.NOT_EQUAL}:
                raise _invalid(f"{name} cannot be compared to null by {operator}.")
            return Comparison(name, operator)
        return self._compared(name, column, operator, value)

    def _compared(self, name: str, column: Column, operator: Operator, value: object) -> Condition:
        if column.kind in {Kind.ID, Kind.MEMBER}:
            found = self._names.find(self._resource.ids[name], value)
            # what names nothing here is nobody
            return (
                Fixed(holds=operator is Operator.NOT_EQUAL)
                if found is None
                else Comparison(name, operator, found)
            )
        return Comparison(name, operator, _READ[column.kind](name, value))

    def _of_type(self, operator: Operator, value: object) -> Condition:
        if operator not in {Operator.EQUAL, Operator.NOT_EQUAL} or not isinstance(value, str):
            raise _invalid("meta.resourceType is compared to a name by eq or ne.")
        is_it = value.lower() == self._resource.name.lower()
        return Fixed(holds=is_it == (operator is Operator.EQUAL))

    def _name(self, path: AttrPath) -> str:
        if path.uri is not None and path.uri.lower() != self._resource.schema.lower():
            raise _invalid(f"Attributes of {path.uri} cannot be looked for.")
        return path.attr.lower() + (f".{path.sub_attr.lower()}" if path.sub_attr else "")


def _text(name: str, value: object) -> Value:
    if not isinstance(value, str) or "\x00" in value:
        raise _invalid(f"{name} is compared to a text.")
    return value


def _boolean(name: str, value: object) -> Value:
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise _invalid(f"{name} is compared to true or false.")
    return value


def _moment(name: str, value: object) -> Value:
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise _invalid(f"{name} is compared to a time as in 2026-01-31T09:30:00Z.")
    return moment


_READ: Final[Mapping[Kind, Callable[[str, object], Value]]] = {
    Kind.TEXT: _text,
    Kind.EXACT: _text,
    Kind.BOOLEAN: _boolean,
    Kind.MOMENT: _moment,
}


def _depth(text: str) -> int:
    """Of brackets, those in texts included: before anything is parsed."""
    deepest = depth = 0
    for character in text:
        depth += (character in "([") - (character in ")]")
        deepest = max(deepest, depth)
    return deepest


def _invalid(message: str) -> ScimRequestError:
    return ScimRequestError(message, "invalidFilter")
