"""Rows as the database sent them, decoded when looked at: picks the compiled reader, if there is one."""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

COMPILED = False
"""Whether `unpack` is to be had. Without a compiler rows are fetched and decoded one by one."""


def unpack(struct: type[T], data: bytes | None) -> Sequence[T]:
    """Read what `string_agg(record_send(row), '')` made of rows whose columns are the fields of `struct`.

    `data`: None stands for no rows. Raise `ValueError` for what is no such text.
    """
    raise NotImplementedError
