"""What a directory looks for, as a condition in SQL: attributes are columns, values are parameters.

Only names of `Column`s and operators choose the text, so there are as many texts as there are shapes of
conditions, and nothing of what a client says stands in one.
"""

import enum
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

Value = str | bool | datetime | UUID | None


class Kind(enum.StrEnum):
    """`TEXT` is compared in any case, `EXACT` as written; an `ID` is that one or not, a `MEMBER` in it."""

    TEXT = "text"
    EXACT = "exact"
    BOOLEAN = "boolean"
    MOMENT = "moment"
    ID = "id"
    MEMBER = "member"


class Column(msgspec.Struct, frozen=True):
    """`sql`: the value, of `TEXT` in lower case. `equal`: how rows with `{}`, a parameter, are found."""

    kind: Kind
    sql: str = ""
    equal: str = ""


class Operator(enum.StrEnum):
    EQUAL = "eq"
    NOT_EQUAL = "ne"
    CONTAINS = "co"
    STARTS = "sw"
    ENDS = "ew"
    GREATER = "gt"
    AT_LEAST = "ge"
    LESS = "lt"
    AT_MOST = "le"
    PRESENT = "pr"


class Comparison(msgspec.Struct, frozen=True):
    """`attribute`: the name of a `Column`."""

    attribute: str
    operator: Operator
    value: Value = None


class Joined(msgspec.Struct, frozen=True):
    """Of at least one; all of them or any."""

    terms: tuple["Condition", ...]
    every: bool


class Negated(msgspec.Struct, frozen=True):
    term: "Condition"


class Fixed(msgspec.Struct, frozen=True):
    """True or false of every row."""

    holds: bool


Condition = Comparison | Joined | Negated | Fixed
EVERYTHING: Final = Fixed(holds=True)

_EITHER: Final = {Operator.EQUAL, Operator.NOT_EQUAL}
_ORDERED: Final = {
    *_EITHER,
    *(Operator.GREATER, Operator.AT_LEAST, Operator.LESS, Operator.AT_MOST, Operator.PRESENT),
}
OPERATORS: Final[Mapping[Kind, set[Operator]]] = {
    Kind.TEXT: set(Operator),
    Kind.EXACT: set(Operator),
    Kind.BOOLEAN: {*_EITHER, Operator.PRESENT},
    Kind.MOMENT: _ORDERED,
    Kind.ID: {*_EITHER, Operator.PRESENT},
    Kind.MEMBER: _EITHER,
}
"""What can be asked of a column."""

_TYPES: Final[Mapping[Kind, str]] = {
    Kind.TEXT: "text",
    Kind.EXACT: "text",
    Kind.BOOLEAN: "boolean",
    Kind.MOMENT: "timestamptz",
    Kind.ID: "uuid",
    Kind.MEMBER: "uuid",
}
_TEXTS: Final[Mapping[Operator, str]] = {
    Operator.NOT_EQUAL: "{0} IS DISTINCT FROM {1}",
    Operator.EQUAL: "{0} = {1}",
    Operator.CONTAINS: "strpos({0}, {1}) > 0",
    Operator.STARTS: "starts_with({0}, {1})",
    Operator.ENDS: "right({0}, length({1})) = {1}",
    Operator.GREATER: "{0} > {1}",
    Operator.AT_LEAST: "{0} >= {1}",
    Operator.LESS: "{0} < {1}",
    Operator.AT_MOST: "{0} <= {1}",
}


class Compiled(msgspec.Struct, frozen=True):
    """`values`: of the parameters in `sql`, in their order."""

    sql: str
    values: tuple[Value, ...] = ()


def compiled(condition: Condition, columns: Mapping[str, Column], first: int) -> Compiled:
    """`first`: the number of the first parameter. The caller has looked at every column and operator."""
    values: list[Value] = []
    sql = _sql(condition, columns, first, values)
    return Compiled(sql, tuple(values))


def _sql(condition: Condition, columns: Mapping[str, Column], first: int, values: list[Value]) -> str:
    match condition:
        case Fixed(holds=holds):
            return "true" if holds else "false"
        case Negated(term=term):
            # what is absent is not what was asked for, and so matches
            return f"({_sql(term, columns, first, values)}) IS NOT TRUE"
        case Joined(terms=terms, every=every):
            parts = [_sql(term, columns, first, values) for term in terms]
            return "(" + (" AND " if every else " OR ").join(parts) + ")"
        case Comparison():
            return _comparison(condition, columns[condition.attribute], first, values)


def _comparison(asked: Comparison, column: Column, first: int, values: list[Value]) -> str:
    operator = asked.operator
    if operator is Operator.PRESENT or asked.value is None:
        is_absent = operator is Operator.EQUAL
        return f"{column.sql} IS {'' if is_absent else 'NOT '}NULL"
    values.append(asked.value)
    parameter = f"${first + len(values) - 1}::{_TYPES[column.kind]}"
    if column.kind is Kind.TEXT:
        parameter = f"lower({parameter})"
    if column.equal and operator in _EITHER:
        found = column.equal.replace("{}", parameter)
        return found if operator is Operator.EQUAL else f"({found}) IS NOT TRUE"
    return _TEXTS[operator].format(column.sql, parameter)
