"""Where passwords are hashed: few at a time, and never one organization's before all others'.

A hash takes tens of milliseconds of a processor and 19 MiB. Whoever floods one organization with guesses
fills that organization's short queue, and is refused; another's sign-in waits for the hashes that have
begun, no more.
"""

import asyncio
import contextlib
import os
import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, Final, TypeVar
from uuid import UUID

from harka.auth.password import hash_password, verify_password
from harka.errors import RateLimitedError

T = TypeVar("T")

SHARE: Final = 16
"""Hashes of one organization that may wait in a process."""
_MOST_WAITING: Final = 512
_RETRY: Final = 1.0
_NICE: Final = 3
_LEAST_WORKERS: Final = 2


def usual_workers() -> int:
    """Half of the processors: the others answer requests."""
    return max(_LEAST_WORKERS, (os.cpu_count() or 1) // 2)


class Hasher:
    """Turns between organizations, of which none has all the threads; `close` when the process ends."""

    def __init__(self, *, workers: int | None = None, share: int = SHARE) -> None:
        self._workers = workers or usual_workers()
        self._most = max(1, self._workers - 1)
        self._share = share
        self._pool = ThreadPoolExecutor(
            self._workers, thread_name_prefix="hash", initializer=_give_way, initargs=(_NICE,)
        )
        self._running: Counter[UUID] = Counter()
        # whose turn it is comes first
        self._waiting: OrderedDict[UUID, deque[asyncio.Future[None]]] = OrderedDict()

    async def hash(self, tenant: UUID, password: str) -> str:
        """Of an accepted password. Raise `RateLimitedError` when too many of the organization's wait."""
        return await self._run(tenant, partial(hash_password, password))

    async def verify(self, tenant: UUID, hashed: str | None, password: str) -> bool:
        """Like `hash`; as long for who has no password."""
        return await self._run(tenant, partial(verify_password, hashed, password))

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _run(self, tenant: UUID, call: Callable[[], T]) -> T:
        await self._turn(tenant)
        loop = asyncio.get_running_loop()
        try:
            begun: Future[T] = self._pool.submit(call)
        except BaseException:
            self._ended(tenant)
            raise
        # of the thread, not of who waits for it: one who leaves does not make room
        begun.add_done_callback(lambda _: _soon(loop, partial(self._ended, tenant)))
        return await asyncio.wrap_future(begun)

    async def _turn(self, tenant: UUID) -> None:
        """Return when there is room, which is taken then."""
        if tenant not in self._waiting and self._has_room(tenant):
            self._running[tenant] += 1
            return
        queue = self._waiting.setdefault(tenant, deque())
        if len(queue) >= self._share or sum(map(len, self._waiting.values())) >= _MOST_WAITING:
            if not queue:
                del self._waiting[tenant]
            raise RateLimitedError("Too many people sign in at the moment.", retry_after=_RETRY)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._ended(tenant)
            raise

    def _has_room(self, tenant: UUID) -> bool:
        return self._running.total() < self._workers and self._running[tenant] < self._most

    def _ended(self, tenant: UUID) -> None:
        self._running[tenant] -= 1
        if not self._running[tenant]:
            del self._running[tenant]
        while following := next(filter(self._has_room, self._waiting), None):
            queue = self._waiting.pop(following)
            turn = queue.popleft()
            if queue:
                self._waiting[following] = queue
            if not turn.done():
                self._running[following] += 1
                turn.set_result(None)


def _give_way(nice: int) -> None:
    """To the thread that answers requests, where threads have a priority of their own."""
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), nice)


def _soon(loop: asyncio.AbstractEventLoop, call: Callable[[], Any]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(call)
