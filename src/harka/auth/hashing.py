"""Where passwords are hashed: few at a time, and never one organization's before all others'.

A hash takes tens of milliseconds of a processor and 19 MiB. Whoever floods one organization with guesses
fills that organization's short queue, and is refused; another's sign-in waits for the hashes that have
begun, no more.
"""

import asyncio
import os
from collections import OrderedDict, deque
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


def usual_workers() -> int:
    """Half of the processors: the others answer requests."""
    return max(1, (os.cpu_count() or 1) // 2)


class Hasher:
    """Turns between organizations; `close` when the process ends."""

    def __init__(self, *, workers: int | None = None, share: int = SHARE) -> None:
        self._workers = workers or usual_workers()
        self._share = share
        self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="hash")
        self._running = 0
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
            self._ended()
            raise
        # of the thread, not of who waits for it: one who leaves does not make room
        begun.add_done_callback(lambda _: _soon(loop, self._ended))
        return await asyncio.wrap_future(begun)

    async def _turn(self, tenant: UUID) -> None:
        """Return when there is room, which is taken then."""
        if self._running < self._workers and not self._waiting:
            self._running += 1
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
                self._ended()
            raise

    def _ended(self) -> None:
        self._running -= 1
        while self._waiting and self._running < self._workers:
            tenant, queue = self._waiting.popitem(last=False)
            turn = queue.popleft()
            if queue:
                self._waiting[tenant] = queue
            if not turn.done():
                self._running += 1
                turn.set_result(None)


def _soon(loop: asyncio.AbstractEventLoop, call: Callable[[], Any]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(call)
