"""Rows as the database sent them, made into structs only when somebody looks.

A statement's rows come as the messages in which PostgreSQL sent them. `unpack` walks them once; what it
answers is a sequence of structs to everybody, while the executor writes cells into the answer without making
an object of them. Lists of structs are as welcome everywhere: without a compiler all rows are that.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar
from uuid import UUID

T = TypeVar("T")

try:
    from harka import _rows

    _compiled = True
except ImportError:
    _compiled = False

COMPILED: Final = _compiled
"""Whether `unpack` is to be had. Without a compiler rows are fetched and decoded one by one."""


def unpack(struct: type[T], oids: Sequence[int], data: bytes, uuid: Callable[[bytes], UUID]) -> Sequence[T]:
    """Read rows whose columns are the fields of `struct`: DataRow messages, one after the other.

    `oids`: of the columns' types, which are `readable`. `uuid` makes an id of its 16 bytes. Raise
    `ValueError` for anything else.
    """
    return _rows.unpack(struct, oids, data, uuid)


def readable(oids: Sequence[int]) -> bool:
    """Whether columns of these types can be unpacked: uuid, text, numbers, boolean and timestamptz."""
    return COMPILED and _rows.readable(oids)


def column(rows: Sequence[Any], name: str) -> list[Any]:
    """The values of one field, None where there is no row."""
    if COMPILED and isinstance(rows, _rows.Rows):
        return rows.column(name)
    return [None if row is None else getattr(row, name) for row in rows]


def take(rows: Sequence[T], places: Iterable[int]) -> Sequence[T]:
    """The rows at these places, in this order."""
    if COMPILED and isinstance(rows, _rows.Rows):
        return rows.take(list(places))
    return [rows[place] for place in places]


def aligned(rows: Sequence[T], name: str, keys: Sequence[UUID]) -> Sequence[T | None]:
    """For each key the first row that has it in the field `name`, or None."""
    if COMPILED and isinstance(rows, _rows.Rows):
        return rows.aligned(name, keys)
    found = {getattr(row, name): row for row in reversed(rows)}
    return [found.get(key) for key in keys]


def grouped(rows: Sequence[T], name: str, keys: Sequence[UUID]) -> Sequence[Sequence[T]]:
    """For each key the rows that have it in the field `name`, in the order they come."""
    if COMPILED and isinstance(rows, _rows.Rows):
        return rows.grouped(name, keys)
    found: dict[UUID, list[T]] = {key: [] for key in keys}
    for row in rows:
        found.get(getattr(row, name), []).append(row)
    return [found[key] for key in keys]


class ByKey(Mapping[UUID, T]):
    """Rows by a field that is unique; a dictionary is made of them only for who asks for one."""

    def __init__(self, rows: Sequence[T], name: str = "id") -> None:
        self._rows = rows
        self._name = name
        self._made: dict[UUID, T] | None = None

    def aligned(self, keys: Sequence[UUID]) -> Sequence[T | None]:
        """In the order of `keys`, None for those that are not here."""
        return aligned(self._rows, self._name, keys)

    def __getitem__(self, key: UUID) -> T:
        return self._dict()[key]

    def __iter__(self) -> Iterator[UUID]:
        return iter(self._dict())

    def __len__(self) -> int:
        return len(self._dict())

    def _dict(self) -> dict[UUID, T]:
        if self._made is None:
            self._made = {getattr(row, self._name): row for row in self._rows}
        return self._made


class Grouped(Mapping[UUID, Sequence[T]]):
    """Rows by a field that several share, in the order they come."""

    def __init__(self, rows: Sequence[T], name: str, *, first: int | None = None) -> None:
        """`first`: no more than that of each group."""
        self._rows = rows
        self._name = name
        self._first = first
        self._made: dict[UUID, Sequence[T]] | None = None

    def aligned(self, keys: Sequence[UUID]) -> Sequence[Sequence[T]]:
        """In the order of `keys`, empty for those that are not here."""
        groups = grouped(self._rows, self._name, keys)
        return groups if self._first is None else [group[: self._first] for group in groups]

    def __getitem__(self, key: UUID) -> Sequence[T]:
        return self._dict()[key]

    def __iter__(self) -> Iterator[UUID]:
        return iter(self._dict())

    def __len__(self) -> int:
        return len(self._dict())

    def _dict(self) -> dict[UUID, Sequence[T]]:
        if self._made is None:
            keys = list(dict.fromkeys(column(self._rows, self._name)))
            self._made = dict(zip(keys, self.aligned(keys), strict=True))
        return self._made
