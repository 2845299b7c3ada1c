"""Quota checks of the fast path in plain Python, as `_fastpath_quota.pxi` gives them."""

import math
from typing import final

from harka._fastpath_rules import (
    BUCKET_SLACK,
    bucket_limits,
    lease_amount,
    lease_toll,
    number,
    settle_error,
    take_error,
    type_error,
)


@final
class Bucket:
    """Token bucket of one tenant in this process: the generic cell rate algorithm (GCRA) of ITU-T I.371.

    `rate`: tokens a second, finite, above 0; `burst`: tokens that may be taken at once, 1 to 2^53. Of the two
    equivalent forms in I.371, virtual scheduling (a theoretical arrival time, TAT) and the continuous-state
    leaky bucket, this keeps the second, `level = (TAT - now) * rate`: whole tokens stay exact in a float.
    """

    __slots__ = ("_burst", "_last", "_level", "_rate")

    def __init__(self, rate: float, burst: int) -> None:
        self.reconfigure(rate, burst)
        self._level = 0.0
        self._last = -math.inf

    def take(self, now: float, cost: float = 1.0) -> float:
        """Answer 0.0 and take `cost` tokens, or take nothing and answer the seconds until that would pass.

        `now`: monotonic seconds; `cost`: 0 or more tokens. More than the burst never passes: inf.
        Raise `ValueError` when either is not finite or the cost is negative.
        """
        now = now if type(now) is float else number("now", now)
        cost = cost if type(cost) is float else number("cost", cost)
        if not math.isfinite(now) or not 0.0 <= cost < math.inf:
            raise take_error(now)
        level = max(0.0, self._level - (now - self._last) * self._rate)
        excess = level + cost - self._burst
        if excess <= BUCKET_SLACK:
            self._level = level + cost
            self._last = now
            return 0.0
        return excess / self._rate if cost - self._burst <= BUCKET_SLACK else math.inf

    def settle(self, now: float, change: float) -> float:
        """Take `change` tokens, or give back as many where it is negative; answer how many there are now.

        It never refuses: below 0 there is a debt. Raise `ValueError` when either is not finite.
        """
        now = now if type(now) is float else number("now", now)
        change = change if type(change) is float else number("change", change)
        if not math.isfinite(now) or not math.isfinite(change):
            raise settle_error(now)
        level = max(0.0, self._level - (now - self._last) * self._rate)
        self._level = max(0.0, level + change)
        self._last = now
        return self._burst - self._level

    def reconfigure(self, rate: float, burst: int) -> None:
        """Change the limits; tokens already taken stay taken. Raise as the constructor, changing nothing."""
        self._rate, self._burst = bucket_limits(rate, burst)


@final
class Lease:
    """Tokens of a pool that this process may give out until a moment; the pool itself is a ledger's.

    `toll`: what `enter` takes, 0 or more. Amounts are finite; `tokens` may be below 0 where more was spent
    than was there. A new one has none.
    """

    __slots__ = ("_low", "_taken", "_tokens", "_toll", "_until")

    def __init__(self, toll: float) -> None:
        self._toll = lease_toll(toll)
        self._tokens = self._taken = self._low = 0.0
        self._until = -math.inf

    @property
    def tokens(self) -> float:
        """How many there are, whether or not they may still be given out."""
        return self._tokens

    @property
    def until(self) -> float:
        """Monotonic seconds; from then on nothing is given out."""
        return self._until

    def take(self, now: float, amount: float) -> bool:
        """Take `amount`, or nothing where there are not so many, or not any more. `now`: in seconds."""
        now = now if type(now) is float else number("now", now)
        amount = amount if type(amount) is float else number("amount", amount)
        if not (now < self._until and 0.0 <= amount <= self._tokens + BUCKET_SLACK):
            return False
        self._tokens -= amount
        self._taken += amount
        return True

    def has_toll(self, now: float) -> bool:
        return now < self._until and self._toll <= self._tokens + BUCKET_SLACK

    def pay(self) -> bool:
        """Take the toll; whether few are left."""
        self._tokens -= self._toll
        self._taken += self._toll
        return self._tokens < self._low

    def put(self, amount: float) -> None:
        """Give `amount` back; below 0, spend as much, whether or not it is there."""
        amount = lease_amount(amount)
        self._tokens += amount
        if amount < 0.0:
            self._taken -= amount

    def grant(self, amount: float, until: float, low: float) -> None:
        """There are so many more; all may be given out `until` then. `enter` tells of fewer than `low`."""
        self._tokens += lease_amount(amount)
        self._until = number("until", until)
        self._low = number("low", low)

    def drain(self, keep: float) -> float:
        """Take out what is beyond `keep`, to go back to the pool; how many that were."""
        surplus = self._tokens - lease_amount(keep)
        if not surplus > 0.0:
            surplus = 0.0
        self._tokens -= surplus
        return surplus

    def demand(self) -> float:
        """How many were taken since this was last asked."""
        taken, self._taken = self._taken, 0.0
        return taken


def enter(leases: tuple[Lease, ...], now: float) -> int:
    """Take the toll of each and answer -1, or -2 where one of them is low; or take nothing.

    Then the answer is the place of the first that has not its toll. `now`: monotonic seconds.
    """
    if type(leases) is not tuple:
        raise type_error("leases", "tuple", leases)
    now = now if type(now) is float else number("now", now)
    for place, lease in enumerate(leases):
        if not lease.has_toll(now):
            return place
    low = [lease.pay() for lease in leases]
    return -2 if True in low else -1
