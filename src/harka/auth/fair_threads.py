"""A few threads, of which none is one organization's before all others'.

Whoever floods one organization fills its short queue, and is refused; another's call waits for those that
have begun, no more.
"""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, Final, TypeVar
from uuid import UUID

from harka.errors import RateLimitedError

T = TypeVar("T")

_MOST_WAITING: Final = 512
_RETRY: Final = 1.0


class FairThreads:
    """`most`: threads that an organization may have. `share`: of its calls, how many may wait.

    `begin`: what each thread does first.
    """

    def __init__(
        self, name: str, workers: int, *, most: int, share: int, begin: Callable[[], None] | None = None
    ) -> None:
        self._workers = workers
        self._most = most
        self._share = share
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix=name, initializer=begin)
        self._running: Counter[UUID] = Counter()
        # whose turn it is comes first
        self._waiting: OrderedDict[UUID, deque[asyncio.Future[None]]] = OrderedDict()

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def run(self, tenant: UUID, call: Callable[[], T]) -> T:
        """What `call` answers in a thread. Raise `RateLimitedError` when too many of the tenant's wait."""
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

    def require_room(self, tenant: UUID) -> None:
        """Raise `RateLimitedError` when a call of the tenant's could not even wait."""
        if self._is_free(tenant):
            return
        waiting = len(self._waiting.get(tenant, ()))
        if waiting >= self._share or sum(map(len, self._waiting.values())) >= _MOST_WAITING:
            raise RateLimitedError("Too many people sign in at the moment.", retry_after=_RETRY)

    async def _turn(self, tenant: UUID) -> None:
        """Return when there is room, which is taken then."""
        if self._is_free(tenant):
            self._running[tenant] += 1
            return
        self.require_room(tenant)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(tenant, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._ended(tenant)
            raise

    def _is_free(self, tenant: UUID) -> bool:
        """A call of the tenant's need not wait."""
        return tenant not in self._waiting and self._has_room(tenant)

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


def _soon(loop: asyncio.AbstractEventLoop, call: Callable[[], Any]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(call)
