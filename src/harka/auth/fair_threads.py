"""A few threads, of which none is one organization's before all others'.

Whoever floods one organization fills its short queue, and is refused; another's call waits for those that
have begun, no more. A party, `of` below, is an organization, or a part of one that waits apart from the rest.
"""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, Final, TypeVar

from harka.errors import RateLimitedError

T = TypeVar("T")

_MOST_WAITING: Final = 512
_RETRY: Final = 1.0


class FairThreads:
    """`most`: threads that a party may have. `share`: of its calls, how many may wait.

    `begin`: what each thread does first.
    """

    def __init__(
        self, name: str, workers: int, *, most: int, share: int, begin: Callable[[], None] | None = None
    ) -> None:
        self._workers = workers
        self._most = most
        self._share = share
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix=name, initializer=begin)
        # with those that have ended, and rest
        self._running: Counter[Hashable] = Counter()
        self._resting = 0
        # whose turn it is comes first
        self._waiting: OrderedDict[Hashable, deque[asyncio.Future[None]]] = OrderedDict()

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def run(
        self, of: Hashable, call: Callable[[], T], rest: Callable[[Future[T]], float] | None = None
    ) -> T:
        """What `call` answers in a thread. Raise `RateLimitedError` when too many of the party's wait.

        `rest`: seconds for which what has ended keeps the party's place, while the thread serves others.
        """
        await self._turn(of)
        loop = asyncio.get_running_loop()
        try:
            begun: Future[T] = self._pool.submit(call)
        except BaseException:
            self._ended(of)
            raise

        def end(done: Future[T]) -> None:
            # of the thread, not of who waits for it: one who leaves does not make room
            _soon(loop, partial(self._ended, of, rest(done) if rest else 0.0))

        begun.add_done_callback(end)
        return await asyncio.wrap_future(begun)

    def require_room(self, of: Hashable) -> None:
        """Raise `RateLimitedError` when a call of the party's could not even wait."""
        if self._is_free(of):
            return
        waiting = len(self._waiting.get(of, ()))
        if waiting >= self._share or sum(map(len, self._waiting.values())) >= _MOST_WAITING:
            raise RateLimitedError("Too many people sign in at the moment.", retry_after=_RETRY)

    async def _turn(self, of: Hashable) -> None:
        """Return when there is room, which is taken then."""
        if self._is_free(of):
            self._running[of] += 1
            return
        self.require_room(of)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(of, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._ended(of)
            raise

    def _is_free(self, of: Hashable) -> bool:
        """A call of the party's need not wait."""
        return of not in self._waiting and self._has_room(of)

    def _has_room(self, of: Hashable) -> bool:
        return self._running.total() - self._resting < self._workers and self._running[of] < self._most

    def _ended(self, of: Hashable, rest: float = 0.0) -> None:
        if rest:
            self._resting += 1
            asyncio.get_running_loop().call_later(rest, self._rested, of)
        else:
            self._leave(of)
        self._go_on()

    def _rested(self, of: Hashable) -> None:
        self._resting -= 1
        self._leave(of)
        self._go_on()

    def _leave(self, of: Hashable) -> None:
        self._running[of] -= 1
        if not self._running[of]:
            del self._running[of]

    def _go_on(self) -> None:
        while (following := next(filter(self._has_room, self._waiting), None)) is not None:
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
