"""What those who wait lack of an organization's pools."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

Sizes = Sequence[tuple[float, int]]
"""Amounts, and how many lack as much; the smallest first."""


class Needs:
    """Of those who wait, or have not woken yet. Equal amounts are kept once: a thousand may wait."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        # how many lack which amount of which pool
        self._waiting: Counter[tuple[int, float]] = Counter()

    @contextmanager
    def waiting(self, amounts: Mapping[int, float]) -> Iterator[None]:
        """`amounts`: by the places of the pools."""
        self._waiting.update(amounts.items())
        try:
            yield
        finally:
            for each in amounts.items():
                self._waiting[each] -= 1
                if not self._waiting[each]:
                    del self._waiting[each]

    def of(self, place: int) -> Sizes:
        return sorted(
            (amount, count) for (each, amount), count in self._waiting.items() if each == place and amount
        )


def total(sizes: Sizes) -> float:
    return sum((amount * count for amount, count in sizes), 0.0)


def usable(sizes: Sizes, room: float) -> float:
    """What they take of `room`, each all that it lacks or nothing, the smallest first."""
    taken = 0.0
    for amount, count in sizes:
        taken += amount * min(count, math.floor((room - taken) / amount))
    return taken
