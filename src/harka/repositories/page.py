"""Keyset pages: rows in the order of (a sort key, id), continued after the last row seen."""

import enum
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

import msgspec

from harka.storage.statement import CatalogStatement, Statement

S = TypeVar("S", Statement, CatalogStatement)

Position = tuple[datetime | str | float | int | UUID, UUID]
"""The sort key of a row and its id."""

BEGINNING: Final[tuple[datetime, UUID]] = (datetime(1, 1, 1, tzinfo=UTC), UUID(int=0))
"""Before every row. A real position instead of "no position" keeps the comparison a plain index condition."""

AFTER_ALL: Final = datetime(9999, 1, 1, tzinfo=UTC)
"""Stands in for a moment that there is not yet, in an order that ends with those."""
BEFORE_ALL: Final = datetime(2, 1, 1, tzinfo=UTC)
"""Stands in for a moment that there is not yet, in an order that begins with those.

Not the first moment of Python: asyncpg sends that one as minus infinity.
"""
_STAND_INS: Final[Mapping[str, datetime | float]] = {
    "due_at": AFTER_ALL,
    "expires_at": AFTER_ALL,
    "completed_at": BEFORE_ALL,
    "submitted_at": BEFORE_ALL,
    "percent": -1.0,
}


class OrderDirection(enum.StrEnum):
    ASC = "asc"
    DESC = "desc"


class Order(msgspec.Struct, frozen=True):
    """`by`: the attribute of a row that is its sort key. Rows with equal keys go by their id.

    A key may be None where something stands in for it, in SQL as in positions.
    """

    by: str
    direction: str = OrderDirection.ASC


OLDEST_FIRST: Final = Order("created_at")
NEWEST_FIRST: Final = Order("created_at", OrderDirection.DESC)
BY_NAME: Final = Order("name")
BY_ID: Final = Order("id")
"""Of lists between two nouns, until a client asks for an order."""


def position_of(row: Any, order: Order) -> Position:
    """Where a row stands in an order."""
    key = getattr(row, order.by)
    return (_STAND_INS[order.by] if key is None else key), row.id


class Key(msgspec.Struct, frozen=True):
    """How an order stands in SQL. `asked`: what makes the stored key out of the one of a position."""

    column: str
    type: str
    asked: str = "{}"


CREATED: Final = Key("created_at", "timestamptz")
UPDATED: Final = Key("updated_at", "timestamptz")
NAME: Final = Key("name", "text")
ID: Final = Key("id", "uuid")


class Condition(msgspec.Struct, frozen=True):
    """What must hold of a row when it is asked for; {} stands for what is asked, of this type of SQL."""

    type: str
    text: str


NAMED: Final = Condition("text", "position(lower({}) IN lower(name)) > 0")


def narrowed(*conditions: Condition, begin: int = 2) -> str:
    """Those of the conditions that are asked for: their parameters, from `begin` on, are NULL where not.

    As a CASE, see `repositories.user`.
    """
    asked = [(f"${number}", each) for number, each in enumerate(conditions, begin)]
    nothing = " AND ".join(f"{parameter}::{each.type} IS NULL" for parameter, each in asked)
    everything = " AND ".join(
        f"({parameter} IS NULL OR {each.text.replace('{}', parameter)})" for parameter, each in asked
    )
    return f"CASE WHEN {nothing} THEN true ELSE {everything} END"


class Pages(msgspec.Struct, Generic[S], frozen=True):
    """The two statements of an order: a page from the beginning has no position to compare with.

    There is no text after all others in whatever collation the database has, so no sentinel could stand in.
    """

    first: S
    after: S

    def of(self, after: Position | None) -> S:
        return self.first if after is None else self.after


def pages(
    name: str, text: str, keys: Mapping[str, Key], *, position: int, id_: str = "id"
) -> dict[Order, Pages[Statement]]:
    """Statements by order, made at import: `text` in the order of each key, in both directions.

    `text` holds {after} at the end of its conditions, {order} after ORDER BY, and fewer than `position`
    parameters: the key and the id of the position are the last two. `id_`: its column.
    """
    return _pages(Statement, name, text, keys, position, id_)


def catalog_pages(
    name: str, text: str, keys: Mapping[str, Key], *, position: int
) -> dict[Order, Pages[CatalogStatement]]:
    """Like `pages`, of what the catalog knows."""
    return _pages(CatalogStatement, name, text, keys, position, "id")


def _pages(
    kind: type[S], name: str, text: str, keys: Mapping[str, Key], position: int, id_: str
) -> dict[Order, Pages[S]]:
    made = {}
    for by, key in keys.items():
        asked = key.asked.replace("{}", f"${position}::{key.type}")
        for direction, sign in ((OrderDirection.ASC, ">"), (OrderDirection.DESC, "<")):
            condition = f"AND ({key.column}, {id_}) {sign} ({asked}, ${position + 1}::uuid)"
            ordered = text.replace("{order}", f"{key.column} {direction}, {id_} {direction}")
            full_name = f"{name}.{by}.{direction}"
            made[Order(by, direction)] = Pages(
                first=kind(f"{full_name}.first", ordered.replace("{after}", "")),
                after=kind(f"{full_name}.after", ordered.replace("{after}", condition)),
            )
    return made


def beginnings(name: str, text: str, keys: Mapping[str, Key]) -> dict[Order, Statement]:
    """Statements by order, for what is never continued: of many parents at once, say. {order} as above."""
    return {
        Order(by, direction): Statement(
            f"{name}.{by}.{direction}", text.replace("{order}", f"{key.column} {direction}, id {direction}")
        )
        for by, key in keys.items()
        for direction in OrderDirection
    }


def statements_of(orders: Mapping[Order, Pages[Any] | Statement]) -> Iterable[Any]:
    for each in orders.values():
        yield from (each,) if isinstance(each, Statement) else (each.first, each.after)
