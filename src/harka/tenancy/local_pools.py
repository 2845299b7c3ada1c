"""The pools of one organization in this process alone: without a ledger, or while it is away."""

import math
from collections.abc import Mapping, Sequence

from harka.cache.pool_ledger import Ask, Told
from harka.fastpath import Bucket
from harka.tenancy.needs import total, usable

_SLACK = 1e-6


class LocalPools:
    """Grants as the ledger would, of this process's share.

    `spent`: what the ledger is to be told later; not of months, of which it is told all that was used.
    """

    def __init__(self, taken: Mapping[str, float], at: float) -> None:
        """`taken`: of this process's share of each pool, at monotonic second `at`; none of others."""
        self.spent: dict[str, float] = {}
        self._taken, self._at = taken, at
        self._buckets: dict[str, Bucket] = {}
        self._months: dict[str, _Month] = {}

    def draw(self, asks: Sequence[Ask], now: float, share: float) -> list[Told]:
        """`share`: of every capacity and rate."""
        return [self._draw(ask, now, share) for ask in asks]

    def _draw(self, ask: Ask, now: float, share: float) -> Told:
        if ask.window:
            month = self._month(ask, share)
            if month is None:
                return Told(0.0, 0.0, unknown=True)
            month.taken = max(month.taken - ask.back, 0.0)
            granted = _granted(ask, ask.capacity * share - month.taken, share)
            month.taken += granted
            return Told(granted, ask.capacity * share - month.taken, unknown=False)
        if ask.rate:
            bucket = self._bucket(ask, share)
            granted = _granted(ask, bucket.settle(now, -ask.back), share)
            free = bucket.settle(now, granted)
        else:
            # as of what flows, one at least: with a part of one nobody would get in
            free = max(ask.capacity * share, min(ask.capacity, 1.0)) - ask.held
            granted = _granted(ask, free, share)
            # of one without a limit nothing is known any more
            self._months.pop(ask.pool, None)
            return Told(granted, free - granted, unknown=False)
        self.spent[ask.pool] = max(self.spent.get(ask.pool, 0.0) + granted - ask.back, 0.0)
        return Told(granted, free, unknown=False)

    def _bucket(self, ask: Ask, share: float) -> Bucket:
        rate, burst = ask.rate * share, max(int(ask.capacity * share), 1)
        bucket = self._buckets.get(ask.pool)
        if bucket is None:
            bucket = self._buckets[ask.pool] = Bucket(rate, burst)
            bucket.settle(self._at, self._taken.get(ask.pool, 0.0))
        else:
            bucket.reconfigure(rate, burst)
        return bucket

    def _month(self, ask: Ask, share: float) -> "_Month | None":
        """None where nobody knows how much was taken of it."""
        month = self._months.get(ask.pool)
        if month is not None and month.window == ask.window:
            return month
        taken = ask.seed * share if ask.seed >= 0.0 else None if month else self._taken.get(ask.pool)
        if taken is None:
            return None
        month = self._months[ask.pool] = _Month(ask.window, taken)
        return month


def trusted(ask: Ask) -> Told:
    """What is granted of a month that nobody knows: it is counted, and will be known.

    An organization is not shut out because what it used is written down in a database that is away.
    """
    spare = max(min(ask.want, ask.most - ask.idle), 0.0)
    return Told(ask.need + spare, ask.capacity, unknown=False)


class _Month:
    __slots__ = ("taken", "window")

    def __init__(self, window: str, taken: float) -> None:
        self.window = window
        self.taken = taken


def _granted(ask: Ask, free: float, share: float) -> float:
    """As the ledger."""
    most = ask.most * share if ask.rate or ask.window else math.floor(ask.most * share)
    spare, free = max(min(ask.want, most - ask.idle), 0.0), max(free + _SLACK, 0.0)
    if free >= ask.need:
        return min(ask.need + spare, max(ask.need, float(math.floor(free))))
    owed = max(min(ask.need + ask.idle - total(ask.sizes), float(math.floor(free))), 0.0)
    return owed + max(usable(ask.sizes, free - owed + ask.idle) - ask.idle, 0.0)
