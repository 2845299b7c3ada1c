"""Notices that a server hangs: what is asked of it is not answered, and a newcomer is not let in either.

A stopped machine closes no connection and refuses none. Without this every connection of the pool would have
to wait out a request's whole deadline before anybody failed fast. A slow statement alone is no reason: then
the newcomer is answered.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from harka.storage.pool import Pool

_PERIOD: Final = 0.5
"""Seconds between two looks, and between two tries of a server that hangs."""
_PATIENCE: Final = 1.0
"""Seconds without an answer until a newcomer is sent."""
_PAUSE: Final = 5.0
"""Seconds until the next one, after one that was let in."""


class Watch:
    """`hangs`: the server answers nobody; who asks for a connection is refused at once."""

    def __init__(self, pool: Pool, answers: Callable[[], Awaitable[bool]]) -> None:
        """`answers`: whether the server lets a newcomer in."""
        self.hangs = False
        self._pool = pool
        self._answers = answers
        self._timer: asyncio.TimerHandle | None = None
        self._probe: asyncio.Task[None] | None = None
        self._not_before = 0.0

    def begin(self) -> None:
        """Somebody is about to ask something."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_PERIOD, self._look)

    def end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._probe is not None:
            self._probe.cancel()

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        used, now = self._pool.used, loop.time()
        overdue = any(wire.sent_at and now - wire.sent_at > _PATIENCE for wire in used)
        if overdue and now >= self._not_before and (self._probe is None or self._probe.done()):
            self._probe = loop.create_task(self._try())
        self._timer = loop.call_later(_PERIOD, self._look) if used else None

    async def _try(self) -> None:
        try:
            while not await self._answers():
                self.hangs = True
                self._pool.terminate()
                await asyncio.sleep(_PERIOD)
        finally:
            # also when the try itself went wrong: who is refused for that would never be let in again
            self.hangs = False
            self._not_before = asyncio.get_running_loop().time() + _PAUSE
