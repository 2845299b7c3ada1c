"""What a directory looks for in a list: the rows that match, one page of them, and how many there are."""

import functools
from collections.abc import Mapping, Sequence
from typing import Final, Generic, TypeVar

import msgspec

from harka.repositories.scim_condition import EVERYTHING, Column, Condition, compiled
from harka.storage.session import ShardSession
from harka.storage.statement import Statement

Row = TypeVar("Row")

OLDEST_FIRST: Final = "meta.created"
_SHAPES: Final = 512


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """`first`: rows after the `offset` first that match. `by`: an attribute that the list is ordered by."""

    condition: Condition = EVERYTHING
    by: str = OLDEST_FIRST
    descending: bool = False
    offset: int = 0
    first: int


class Page(msgspec.Struct, Generic[Row], frozen=True):
    """`total`: how many match."""

    rows: Sequence[Row]
    total: int


class ScimList(Generic[Row]):
    """`columns`: by what rows are found; `sorted_by`: by what they are ordered. Names are in lower case."""

    def __init__(
        self,
        row: type[Row],
        *,
        name: str,
        shown: str,
        source: str,
        key: str,
        columns: Mapping[str, Column],
        sorted_by: Mapping[str, str],
    ) -> None:
        """`shown`: what is selected. `source`: what follows FROM, with the tenant's id as $1 in its WHERE.

        `key`: what no two rows share.
        """
        self.columns = columns
        self.sorted_by = sorted_by
        self._row = row
        self._name = name
        self._shown = shown
        self._source = source
        self._key = key

    async def find(self, session: ShardSession, asked: Asked) -> Page[Row]:
        counted = compiled(asked.condition, self.columns, 2)
        total = int(await session.fetch_value(self.count_statement(counted.sql), *counted.values))
        if not asked.first or asked.offset >= total:
            return Page([], total)
        shown = compiled(asked.condition, self.columns, 4)
        statement = self.page_statement(shown.sql, asked.by, descending=asked.descending)
        values = (asked.offset, asked.first, *shown.values)
        return Page(await session.fetch_rows(self._row, statement, *values), total)

    def page_statement(self, condition: str, by: str, *, descending: bool) -> Statement:
        """`condition`: made of constants by `compiled`, its parameters from $4 on."""
        down = " DESC" if descending else ""
        order = f"{self.sorted_by[by]}{down}, {self._key}{down}"
        chosen = f"{condition} ORDER BY {order} OFFSET $2::bigint LIMIT $3"
        return _statement(f"{self._name}.page", f"SELECT {self._shown} FROM {self._source} AND {chosen}")  # noqa: S608 - constants

    def count_statement(self, condition: str) -> Statement:
        """`condition`: made of constants by `compiled`, its parameters from $2 on."""
        return _statement(f"{self._name}.count", f"SELECT count(*) FROM {self._source} AND {condition}")  # noqa: S608 - constants


@functools.lru_cache(_SHAPES)
def _statement(name: str, text: str) -> Statement:
    """One object for one text, by which connections know what they have prepared."""
    return Statement(name, text)
