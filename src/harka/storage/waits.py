"""Ends the waiting for answers that do not come.

A timer for each answer costs more than the rest of what surrounds it; here one look at all that are waited
for, ten times a second, ends those that are late.
"""

import asyncio
from typing import Any, Final

PERIOD: Final = 0.1
"""Seconds between two looks: how late an end may come."""


class Waits:
    """For the answers of one database, in one event loop."""

    def __init__(self) -> None:
        self._until: dict[asyncio.Future[Any], float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._until)

    def begin(self, answer: asyncio.Future[Any], until: float) -> None:
        """From `until` on (loop time) it is a `TimeoutError`, unless it has come, or `end` was called."""
        self._until[answer] = until
        if self._timer is None:
            self._timer = answer.get_loop().call_later(PERIOD, self._look)

    def end(self, answer: asyncio.Future[Any]) -> None:
        self._until.pop(answer, None)

    def close(self) -> None:
        """Nobody waits any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(PERIOD, self._look) if self._until else None
        now = loop.time()
        for answer, until in self._until.items():
            if until <= now and not answer.done():
                answer.set_exception(TimeoutError())
                # retrieved once: who waits may be cancelled before they hear of it, which is no error to log
                answer.exception()
