"""Stops asking a server that does not answer, so that its trouble costs the callers nothing."""

import random
from typing import Final

from harka import clock

_SHORTEST: Final = 0.5
_LONGEST: Final = 10.0


class Breaker:
    """Opens after `threshold` failures in a row; then one caller at a time tries, at growing intervals.

    The intervals are 0.5 s to `longest` (or all `longest`, if that is less), doubled each time, with up to a
    quarter of jitter, so that many processes do not come back in step.
    """

    def __init__(self, threshold: int = 2, *, longest: float = _LONGEST) -> None:
        self._threshold = threshold
        self._longest = longest
        self._shortest = min(_SHORTEST, longest)
        self._failures = 0
        self._retry_at = 0.0
        self.failing_since: float | None = None
        """Monotonic seconds of the first of the failures in a row; None after a success."""

    @property
    def is_open(self) -> bool:
        return self._failures >= self._threshold

    def allows(self) -> bool:
        """Whether to try now. A caller that is allowed must report `succeeded` or `failed`."""
        if not self.is_open:
            return True
        now = clock.monotonic()
        if now < self._retry_at:
            return False
        # the others keep waiting while this one tries
        self._retry_at = now + self._shortest
        return True

    def succeeded(self) -> None:
        self._failures = 0
        self.failing_since = None

    def failed(self) -> None:
        if self.failing_since is None:
            self.failing_since = clock.monotonic()
        self._failures += 1
        over = self._failures - self._threshold
        if over >= 0:
            pause = min(self._shortest * 2.0 ** min(over, 10), self._longest)
            # jitter against lock step, not a secret
            self._retry_at = clock.monotonic() + pause * random.uniform(0.75, 1.0)  # noqa: S311 - no secret
