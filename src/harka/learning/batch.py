from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

T = TypeVar("T")

ROWS: Final = 5_000
"""Rows of one statement: a megabyte or two at most, and so many that round trips do not matter."""


def batches(items: Sequence[T], size: int = ROWS) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))
