"""Rows as PostgreSQL sends them: DataRow messages of its protocol 3.0."""

import struct
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import msgspec
from hypothesis import strategies as st

from harka import rows

T = TypeVar("T")

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


class Kind(NamedTuple):
    """A type of column: its oid, its values, and the bytes of one."""

    oid: int
    values: st.SearchStrategy[Any]
    sent: Callable[[Any], bytes]


def texts() -> st.SearchStrategy[str]:
    """Whatever PostgreSQL keeps as text."""
    return st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)


def moments() -> st.SearchStrategy[datetime]:
    return st.datetimes(timezones=st.just(UTC)).map(lambda value: value.replace(fold=0))


def moment(value: datetime) -> bytes:
    return struct.pack("!q", (value - _EPOCH) // timedelta(microseconds=1))


KINDS = {
    "uuid": Kind(2950, st.uuids(), lambda value: value.bytes),
    "text": Kind(25, texts(), str.encode),
    "varchar": Kind(1043, texts(), str.encode),
    "int2": Kind(21, st.integers(-(2**15), 2**15 - 1), struct.Struct("!h").pack),
    "int4": Kind(23, st.integers(-(2**31), 2**31 - 1), struct.Struct("!i").pack),
    "int8": Kind(20, st.integers(-(2**63), 2**63 - 1), struct.Struct("!q").pack),
    "float8": Kind(701, st.floats(), struct.Struct("!d").pack),
    "bool": Kind(16, st.booleans(), struct.Struct("!?").pack),
    "timestamptz": Kind(1184, moments(), moment),
}


def cell(data: bytes | None) -> bytes:
    """None: NULL."""
    return struct.pack("!i", -1 if data is None else len(data)) + (data or b"")


def data_row(*cells: bytes) -> bytes:
    body = b"".join(cells)
    return b"D" + struct.pack("!ih", 6 + len(body), len(cells)) + body


def oids(kinds: Iterable[str]) -> list[int]:
    return [KINDS[kind].oid for kind in kinds]


def sent(kinds: Sequence[str], values: Iterable[Sequence[Any]]) -> bytes:
    """One row after the other; `kinds` are those of the columns."""
    return b"".join(
        data_row(
            *(
                cell(None if value is None else KINDS[kind].sent(value))
                for kind, value in zip(kinds, row, strict=True)
            )
        )
        for row in values
    )


def received(struct: type[T], kinds: Sequence[str], values: Iterable[Sequence[Any]]) -> Sequence[T]:
    """Such rows, unpacked."""
    return rows.unpack(struct, oids(kinds), sent(kinds, values), uuid)


def struct_of(kinds: Sequence[str]) -> type[msgspec.Struct]:
    """With a field for each column: `c0`, `c1`, …."""
    return msgspec.defstruct("Row", [(f"c{place}", Any) for place in range(len(kinds))], frozen=True)


def uuid(data: bytes) -> UUID:
    return UUID(bytes=data)


Table = tuple[list[str], list[tuple[Any, ...]]]


def tables(*, max_rows: int = 6) -> st.SearchStrategy[Table]:
    """Kinds of columns and rows of them, NULLs among the values."""
    kinds = st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=5)
    return kinds.flatmap(
        lambda kinds: st.tuples(
            st.just(kinds),
            st.lists(st.tuples(*(st.none() | KINDS[kind].values for kind in kinds)), max_size=max_rows),
        )
    )
