"""How many requests may be under way at once: found by measuring, not by guessing.

The gradient controller of Envoy's adaptive concurrency filter (envoyproxy.io, "Adaptive Concurrency"), which
is Netflix's Gradient limit with an ideal time that is measured anew: the time a request takes while few are
under way is compared with what it takes now. While both are alike the limit grows by the square root of
itself, which is the queue that keeps a server busy; as requests take longer it shrinks in proportion.
"""

import math
from collections.abc import Callable
from random import uniform
from typing import Final

LEAST: Final = 8
"""Also how many are under way when the ideal time is measured."""
INITIAL: Final = 32
WINDOW: Final = 32
"""Requests that are looked at together; their median is what counts."""
_TOLERANCE: Final = 1.25
"""How much longer than ideal is no sign of a queue: Envoy's default. On two processors 14 are under way in a
flood. With 2.0 they were 20, which take more of the processors' caches, and 5 to 8 % fewer came out."""
_STEEPEST, _WIDEST = 0.5, 2.0
_NEWEST: Final = 0.25
_SHORTEST: Final = 1e-6
_PROBE_SECONDS: Final = 10.0
"""Between two measurements of the ideal time while the limit is under pressure, give or take a tenth."""


class Concurrency:
    """`limit`: requests; `steady`: what it is again when the ideal time has been measured.

    `watches`: whether it wants to know of requests that end; it does while it is under pressure: somebody has
    to wait, or more than `busy` are under way.
    `rate`: how many end in a second when there are enough of them; 0.0 until known.
    """

    def __init__(self, most: int, changed: Callable[[], None] = lambda: None) -> None:
        """`most`: requests, whatever is measured. `changed`: called when there is something new."""
        self._most = most
        self._least = min(LEAST, most)
        self._changed = changed
        self.limit = self.steady = min(INITIAL, most)
        self.rate = 0.0
        self._ideal = 0.0
        self._times: list[float] = []
        self._busiest = 0
        self.watches = self._probing = self._held = False
        self._since, self._probe_at = 0.0, -math.inf

    @property
    def busy(self) -> int:
        """Beyond so many a limit that grew while requests were light may be too much, though nobody waits."""
        return max(self.limit // 2, INITIAL)

    def press(self, now: float) -> None:
        """Somebody has to wait, as more would be taken than the limit lets in; or it is `busy`."""
        if not self.watches:
            self.watches, self._since = True, now

    def hold(self, *, is_held: bool) -> None:
        """Whether more are under way than it is told of: then nothing is ideal, and no limit grows."""
        self._held = is_held
        if is_held and self._probing:
            self._probing = False
            self._set(self.steady)

    def record(self, seconds: float, under_way: int, now: float) -> None:
        """One has ended that took `seconds`, while `under_way` were, itself among them; if it `watches`."""
        self._times.append(seconds)
        if under_way > self._busiest:  # noqa: PLR1730 - a call costs more
            self._busiest = under_way
        if len(self._times) >= WINDOW:
            self._look(now)

    def _look(self, now: float) -> None:
        times, busiest, elapsed = self._times, self._busiest, now - self._since
        self._times, self._busiest, self._since = [], 0, now
        # until there is pressure again: of few under way, for which nobody waits, a limit says nothing
        self.watches = self._probing
        times.sort()
        median = max(times[len(times) // 2], _SHORTEST)
        if busiest <= self._least and not self._held:
            self._ideal = median
        if self._probing:
            self._end_probe(now, is_ideal=busiest <= self._least)
            return
        rate = len(times) / max(elapsed, _SHORTEST)
        self.rate = rate if not self.rate else self.rate + _NEWEST * (rate - self.rate)
        if self._held:
            # with nothing to compare it with, what takes long may do so by itself
            self.steady = min(self._next(median), self.steady) if self._ideal else self.steady
            self._set(self.steady)
        elif now >= self._probe_at and busiest > self._least:
            self._probing = self.watches = True
            self._set(self._least)
        else:
            self.steady = self._next(median)
            self._set(self.steady)

    def _next(self, median: float) -> int:
        gradient = min(max(self._ideal * _TOLERANCE / median, _STEEPEST), _WIDEST)
        limit = int(self.limit * gradient + math.sqrt(self.limit))
        return min(max(limit, self._least), self._most)

    def _end_probe(self, now: float, *, is_ideal: bool) -> None:
        # those that were let in before have to end first
        if is_ideal:
            self._probing = self.watches = False
            self._probe_at = now + _PROBE_SECONDS * uniform(0.9, 1.1)  # noqa: S311 - so that processes take turns
            self._set(self.steady)

    def _set(self, limit: int) -> None:
        self.limit = limit
        self._changed()
