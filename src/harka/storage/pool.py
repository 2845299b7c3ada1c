"""A pool of connections to one database.

asyncpg's own costs tens of microseconds for each loan, more than the statement's other work here; this one's
usual loan is a pop from a list.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Final

import asyncpg

from harka.storage.wire import Wire

_IDLE_SECONDS: Final = 300.0
_SWEEP_SECONDS: Final = 60.0
_SEVERAL: Final = 2
"""Shards: one alone leaves nothing to others."""


class Waiting(asyncio.Future[Wire | None]):
    """One who waits for a connection, `since` a loop time; a result of None: there is room for another."""

    holder: bytes = b""
    shard: str = ""
    since: float = 0.0


class Pool:
    """At most `size` connections, the one used last lent first, and at most `share` of them to one holder.

    What is beyond `share` is lent to shards that hold fewer than are left then: however one of them hangs, or
    two, there is one for another. Of those who wait, who holds the fewest is served first, among equals who
    came first.
    """

    def __init__(
        self, connect: Callable[[], Awaitable[Wire]], *, size: int, share: int | None = None
    ) -> None:
        """`share`: None for all of them."""
        self._connect = connect
        self._size = size
        self._share = size if share is None else share
        self._idle: list[Wire] = []
        # with whom it is lent to, and on which shard
        self._used: dict[Wire, tuple[bytes, str]] = {}
        self._held: dict[bytes, int] = {}
        # of every shard that was asked for lately
        self._of_shard: dict[str, int] = {}
        # loop time since when they hold none
        self._left_at: dict[str, float] = {}
        # with the loop time since when, and the shard
        self._opening: dict[asyncio.Future[Wire], tuple[float, str]] = {}
        # in the order they came
        self._waiters: dict[Waiting, None] = {}
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

    async def acquire(self, deadline: float, holder: bytes = b"", shard: str = "") -> Wire:
        """Raise `TimeoutError` when none is to be had by `deadline` (loop time); or why there is none.

        `holder`, `shard`: whose shares it counts towards; empty for what belongs to nobody.
        """
        since = 0.0
        while True:
            if self._closing:
                raise asyncpg.InterfaceError("the pool is closing")
            if self._may_hold(holder) and self._may_be_on(shard):
                while self._idle:
                    wire = self._idle.pop()
                    if not wire.connection.is_closed():
                        self._lend(wire, holder, shard)
                        return wire
                if self.get_size() + len(self._opening) < self._size:
                    return await self._open(deadline, holder, shard)
            since = since or asyncio.get_running_loop().time()
            handed = await self._wait(deadline, holder, shard, since)
            if handed is not None:
                if not handed.connection.is_closed():
                    return handed
                self.discard(handed)
            elif not (self._may_hold(holder) and self._may_be_on(shard)):
                # the share was used up meanwhile, and the room is another's
                self._wake()

    def late(self, since: float, askers: Mapping[Wire, Mapping[str, int]]) -> Counter[str]:
        """How many of each shard wait, from before `since` (loop time), for an answer or to be let in.

        `askers`: how many wait on a connection where it is not one. Who waits for a connection is late where
        all those are that it might get; otherwise it waits for others' turns.
        """
        late = Counter[str]()
        # who has a connection on which the server is not late
        served, shards = set[bytes](), set[str]()
        for began, shard in self._opening.values():
            if began < since:
                late[shard] += 1
            else:
                served.add(b"")
                shards.add(shard)
        for wire, (holder, shard) in self._used.items():
            if 0.0 < wire.sent_at < since:
                late.update(askers.get(wire, {shard: 1}))
            else:
                served.add(holder)
                shards.add(shard)
        for waiter in self._waiters:
            holder, shard = waiter.holder, waiter.shard
            is_behind = (
                not served
                or (holder not in served and not self._may_hold(holder))
                or (shard not in shards and not self._may_be_on(shard))
            )
            late[shard] += waiter.since < since and is_behind
        return late

    def charge(self, wire: Wire, shard: str) -> bool:
        """It counts towards the share of another shard from now on, whose turn on it has come.

        Whether it might be lent to that shard, too.
        """
        if wire not in self._used:
            return True
        holder, before = self._used.pop(wire)
        self._count(b"", before, -1)
        is_within = self._may_be_on(shard)
        self._used[wire] = holder, shard
        self._count(b"", shard, 1)
        self._wake_if_room()
        return is_within

    def release(self, wire: Wire) -> None:
        """Give back a connection that is idle."""
        if self._closing or wire.connection.is_closed():
            self.discard(wire)
            return
        self._take_back(wire)
        waiter = self._next_waiter()
        if waiter is not None:
            self._lend(wire, waiter.holder, waiter.shard)
            waiter.set_result(wire)
            return
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
        self._take_back(wire)
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
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()
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

    def _may_hold(self, holder: bytes) -> bool:
        return not holder or self._held.get(holder, 0) < self._share

    def _may_be_on(self, shard: str) -> bool:
        """Whether one more may be on it: of the last few there is one left for another."""
        held = self._of_shard.get(shard, 0)
        return not held or self._has_more_than_the_last() or held < self._not_lent()

    def _has_more_than_the_last(self) -> bool:
        return self._size - self._not_lent() < self._share or len(self._of_shard) < _SEVERAL

    def _not_lent(self) -> int:
        """How many more may be lent, be they open or not."""
        return self._size - len(self._used) - len(self._opening)

    def _lend(self, wire: Wire, holder: bytes, shard: str) -> None:
        self._used[wire] = holder, shard
        self._count(holder, shard, 1)
        self._wake_soon()

    def _take_back(self, wire: Wire) -> None:
        lent = self._used.pop(wire, None)
        if lent is not None:
            self._count(*lent, -1)

    def _count(self, holder: bytes, shard: str, change: int) -> None:
        if shard:
            on_it = self._of_shard[shard] = self._of_shard.get(shard, 0) + change
            if not on_it:
                self._left_at[shard] = asyncio.get_running_loop().time()
        if holder:
            held = self._held.get(holder, 0) + change
            if held:
                self._held[holder] = held
            else:
                del self._held[holder]

    async def _open(self, deadline: float, holder: bytes, shard: str) -> Wire:
        """A new connection. Who is cancelled meanwhile leaves it to the pool, lest half of it be lost."""
        opening = asyncio.ensure_future(self._connect())
        # it counts from now on: others may open theirs meanwhile
        self._opening[opening] = asyncio.get_running_loop().time(), shard
        self._count(holder, shard, 1)
        self._wake_soon()
        try:
            async with asyncio.timeout_at(deadline):
                await asyncio.shield(opening)
        except BaseException:
            self._count(holder, shard, -1)
            if opening.done():
                self._adopt(opening)
            else:
                opening.add_done_callback(self._adopt)
            raise
        del self._opening[opening]
        wire = opening.result()
        self._used[wire] = holder, shard
        return wire

    def _adopt(self, opening: asyncio.Future[Wire]) -> None:
        del self._opening[opening]
        if opening.cancelled() or opening.exception() is not None:
            self._wake()
            return
        self._lend(opening.result(), b"", "")
        self.release(opening.result())

    async def _wait(self, deadline: float, holder: bytes, shard: str, since: float) -> Wire | None:
        """A connection handed over, or None: there is room for another."""
        loop = asyncio.get_running_loop()
        waiter = Waiting(loop=loop)
        waiter.holder, waiter.shard = holder, shard
        waiter.since = since
        self._waiters[waiter] = None
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
            self._waiters.pop(waiter, None)

    def _wake_soon(self) -> None:
        """What was just lent changes shares: one connection that came back may let two in."""
        if self._waiters:
            asyncio.get_running_loop().call_soon(self._wake_if_room)

    def _wake_if_room(self) -> None:
        if self._waiters and self._not_lent() > 0:
            self._wake()

    def _wake(self) -> None:
        """There is room for one more."""
        waiter = self._next_waiter()
        if waiter is not None:
            waiter.set_result(None)
        if self._closing and not self._used and not self._opening:
            self._emptied.set()

    def _next_waiter(self) -> Waiting | None:
        """Take out who is to be served now; None when nobody waits who may hold one more."""
        chosen, fewest = None, self._share
        for waiter in self._waiters:
            held = self._held.get(waiter.holder, 0)
            if held < fewest and not waiter.done() and self._may_be_on(waiter.shard):
                chosen, fewest = waiter, held
        if chosen is not None:
            del self._waiters[chosen]
        return chosen

    def _close_idle(self) -> None:
        """Close what nobody has used for long; the longest unused is first in the list."""
        loop = asyncio.get_running_loop()
        while self._idle and loop.time() - self._idle[0].idle_since > _IDLE_SECONDS:
            task = loop.create_task(_end(self._idle.pop(0)))
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
        for shard, at in list(self._left_at.items()):
            if self._of_shard[shard]:
                del self._left_at[shard]
            elif loop.time() - at > _IDLE_SECONDS:
                del self._left_at[shard], self._of_shard[shard]
        again = self._idle or self._left_at
        self._sweep = loop.call_later(_SWEEP_SECONDS, self._close_idle) if again else None


def _give_up(waiter: Waiting) -> None:
    if not waiter.done():
        waiter.set_exception(TimeoutError())


async def _end(wire: Wire) -> None:
    """Say goodbye, so that the server's log has no lost connection; not for long."""
    with suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        await wire.connection.close(timeout=1.0)
