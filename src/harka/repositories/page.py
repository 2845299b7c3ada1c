"""Keyset pages: rows in the order of (a sort key, id), continued after the last row seen."""

import enum
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import msgspec

from harka.storage.statement import Statement

Position = tuple[datetime | str, UUID]
"""The sort key of a row and its id."""

BEGINNING: Final[tuple[datetime, UUID]] = (datetime(1, 1, 1, tzinfo=UTC), UUID(int=0))
"""Before every row. A real position instead of "no position" keeps the comparison a plain index condition."""


class OrderDirection(enum.StrEnum):
    ASC = "asc"
    DESC = "desc"


class Order(msgspec.Struct, frozen=True):
    """`by`: the attribute of a row that is its sort key; never null. Rows with equal keys go by their id."""

    by: str
    direction: str = OrderDirection.ASC


OLDEST_FIRST: Final = Order("created_at")


class Key(msgspec.Struct, frozen=True):
    """How an order stands in SQL. `asked`: what makes the stored key out of the one of a position."""

    column: str
    type: str
    asked: str = "{}"


CREATED: Final = Key("created_at", "timestamptz")
UPDATED: Final = Key("updated_at", "timestamptz")


class Pages(msgspec.Struct, frozen=True):
    """The two statements of an order: a page from the beginning has no position to compare with.

    There is no text after all others in whatever collation the database has, so no sentinel could stand in.
    """

    first: Statement
    after: Statement

    def of(self, after: Position | None) -> Statement:
        return self.first if after is None else self.after


def pages(name: str, text: str, keys: Mapping[str, Key], *, position: int) -> dict[Order, Pages]:
    """Statements by order, made at import: `text` in the order of each key, in both directions.

    `text` holds {after} at the end of its conditions, {order} after ORDER BY, and fewer than `position`
    parameters: the key and the id of the position are the last two.
    """
    made = {}
    for by, key in keys.items():
        asked = key.asked.replace("{}", f"${position}::{key.type}")
        for direction, sign in ((OrderDirection.ASC, ">"), (OrderDirection.DESC, "<")):
            condition = f"AND ({key.column}, id) {sign} ({asked}, ${position + 1}::uuid)"
            ordered = text.replace("{order}", f"{key.column} {direction}, id {direction}")
            full_name = f"{name}.{by}.{direction}"
            made[Order(by, direction)] = Pages(
                first=Statement(f"{full_name}.first", ordered.replace("{after}", "")),
                after=Statement(f"{full_name}.after", ordered.replace("{after}", condition)),
            )
    return made


def statements_of(orders: Mapping[Order, Pages]) -> Iterable[Statement]:
    for each in orders.values():
        yield each.first
        yield each.after
