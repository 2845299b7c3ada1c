"""A pool of connections to one database.

asyncpg's own costs tens of microseconds for each loan, more than the statement's other work here; this one's
usual loan is a pop from a list.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import asyncpg

from harka.storage.wire import Wire

_IDLE_SECONDS: Final = 300.0
_SWEEP_SECONDS: Final = 60.0


class Pool:
    """At most `size` connections, the one used last lent first. Who waits for one is served in order."""

    def __init__(self, connect: Callable[[], Awaitable[Wire]], *, size: int) -> None:
        self._connect = connect
        self._size = size
        self._idle: list[Wire] = []
        self._used: set[Wire] = set()
        self._opening = 0
        self._waiters: deque[asyncio.Future[Wire | None]] = deque()
        self._closing = False
        self._emptied = asyncio.Event()
        self._sweep: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Task[None]] = set()

    def get_size(self) -> int:
        """How many connections are open."""
        return len(self._idle) + len(self._used)

    def get_idle_size(self) -> int:
        return len(self._idle)

    @property
    def is_crowded(self) -> bool:
        """Whether somebody waits for a connection."""
        return any(not waiter.done() for waiter in self._waiters)

    @property
    def used(self) -> frozenset[Wire]:
        return frozenset(self._used)

    async def acquire(self, deadline: float) -> Wire:
        """Raise `TimeoutError` when none is to be had by `deadline` (loop time); or why there is none."""
        while True:
            while self._idle:
                wire = self._idle.pop()
                if not wire.connection.is_closed():
                    self._used.add(wire)
                    return wire
            if self._closing:
                raise asyncpg.InterfaceError("the pool is closing")
            if self.get_size() + self._opening < self._size:
                return await self._open(deadline)
            handed = await self._wait(deadline)
            if handed is not None:
                if not handed.connection.is_closed():
                    return handed
                self.discard(handed)

    def release(self, wire: Wire) -> None:
        """Give back a connection that is idle."""
        if self._closing or wire.connection.is_closed():
            self.discard(wire)
            return
        waiter = self._next_waiter()
        if waiter is not None:
            waiter.set_result(wire)
            return
        self._used.discard(wire)
        loop = asyncio.get_running_loop()
        wire.idle_since = loop.time()
        self._idle.append(wire)
        if self._sweep is None:
            self._sweep = loop.call_later(_SWEEP_SECONDS, self._close_idle)

    def discard(self, wire: Wire) -> None:
        """Give back a connection that nobody shall use again."""
        # InterfaceError: it was lost, and has ended by itself
        with suppress(asyncpg.InterfaceError):
            wire.connection.terminate()
        self._used.discard(wire)
        self._wake()

    def terminate(self) -> None:
        """Cut every connection: who waits for an answer on one hears that it is lost."""
        for wire in (*self._idle, *self._used):
            with suppress(asyncpg.InterfaceError):
                wire.connection.terminate()
        self._idle.clear()

    async def close(self, timeout: float) -> None:  # noqa: ASYNC109 - it ends by closing what is left
        """Wait for what is in use, for at most `timeout` seconds."""
        self._closing = True
        if self._sweep is not None:
            self._sweep.cancel()
        # nothing is handed over any more
        while (waiter := self._next_waiter()) is not None:
            waiter.set_result(None)
        while self._idle:
            await _end(self._idle.pop())
        if self._used or self._opening:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._emptied.wait()
        for wire in list(self._used):
            self.discard(wire)
        if self._ending:
            await asyncio.wait(self._ending)

    async def _open(self, deadline: float) -> Wire:
        """A new connection. Who is cancelled meanwhile leaves it to the pool, lest half of it be lost."""
        self._opening += 1
        opening = asyncio.ensure_future(self._connect())
        try:
            async with asyncio.timeout_at(deadline):
                await asyncio.shield(opening)
        except BaseException:
            if opening.done():
                self._adopt(opening)
            else:
                opening.add_done_callback(self._adopt)
            raise
        self._opening -= 1
        wire = opening.result()
        self._used.add(wire)
        return wire

    def _adopt(self, opening: asyncio.Future[Wire]) -> None:
        self._opening -= 1
        if opening.cancelled() or opening.exception() is not None:
            self._wake()
            return
        self._used.add(opening.result())
        self.release(opening.result())

    async def _wait(self, deadline: float) -> Wire | None:
        """A connection handed over, or None: there is room for another."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Wire | None] = loop.create_future()
        self._waiters.append(waiter)
        timer = loop.call_at(deadline, _give_up, waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if not waiter.cancelled() and waiter.exception() is None:
                # given at the very moment of giving up: the next one gets it
                wire = waiter.result()
                if wire is None:
                    self._wake()
                else:
                    self.release(wire)
            raise
        finally:
            timer.cancel()

    def _wake(self) -> None:
        """There is room for one more."""
        waiter = self._next_waiter()
        if waiter is not None:
            waiter.set_result(None)
        if self._closing and not self._used and not self._opening:
            self._emptied.set()

    def _next_waiter(self) -> asyncio.Future[Wire | None] | None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                return waiter
        return None

    def _close_idle(self) -> None:
        """Close what nobody has used for long; the longest unused is first in the list."""
        loop = asyncio.get_running_loop()
        while self._idle and loop.time() - self._idle[0].idle_since > _IDLE_SECONDS:
            task = loop.create_task(_end(self._idle.pop(0)))
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
        self._sweep = loop.call_later(_SWEEP_SECONDS, self._close_idle) if self._idle else None


def _give_up(waiter: asyncio.Future[Wire | None]) -> None:
    if not waiter.done():
        waiter.set_exception(TimeoutError())


async def _end(wire: Wire) -> None:
    """Say goodbye, so that the server's log has no lost connection; not for long."""
    with suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        await wire.connection.close(timeout=1.0)
