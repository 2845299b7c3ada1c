"""A few threads, of which none is one organization's before all others'.

Whoever floods one organization fills its short queue, and is refused; another's call waits for those that
have begun, no more. A party is an organization, or a line of it apart, named beside it.
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
Party = UUID | tuple[UUID, str]

_MOST_WAITING: Final = 512
_RETRY: Final = 1.0


class FairThreads:
    """`most`: threads that an organization may have. `share`: of a party's calls, how many may wait.

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
        # with those that have ended, and rest
        self._places: Counter[Party] = Counter()
        # whose turn it is comes first
        self._waiting: OrderedDict[Party, deque[asyncio.Future[None]]] = OrderedDict()

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def run(
        self, party: Party, call: Callable[[], T], rest: Callable[[Future[T]], float] | None = None
    ) -> T:
        """What `call` answers in a thread. Raise `RateLimitedError` when too many of the party's wait.

        `rest`: seconds for which what has ended keeps the party's place, while the thread serves others.
        """
        await self._turn(party)
        loop = asyncio.get_running_loop()
        try:
            begun: Future[T] = self._pool.submit(call)
        except BaseException:
            self._ended(party)
            raise

        def end(done: Future[T]) -> None:
            # of the thread, not of who waits for it: one who leaves does not make room
            seconds = 0.0
            try:
                seconds = rest(done) if rest else 0.0
            finally:
                _soon(loop, partial(self._ended, party, seconds))

        begun.add_done_callback(end)
        return await asyncio.wrap_future(begun)

    def require_room(self, party: Party) -> None:
        """Raise `RateLimitedError` when a call of the party's could not even wait."""
        if self._is_free(party):
            return
        waiting = len(self._waiting.get(party, ()))
        if waiting >= self._share or sum(map(len, self._waiting.values())) >= _MOST_WAITING:
            raise RateLimitedError("Too many people sign in at the moment.", retry_after=_RETRY)

    async def _turn(self, party: Party) -> None:
        """Return when there is room, which is taken then."""
        if self._is_free(party):
            self._take(party)
            return
        self.require_room(party)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(party, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._ended(party)
            raise

    def _is_free(self, party: Party) -> bool:
        """A call of the party's need not wait."""
        return party not in self._waiting and self._has_room(party)

    def _has_room(self, party: Party) -> bool:
        return (
            self._running.total() < self._workers
            and self._running[_organization(party)] < self._most
            and self._places[party] < self._most
        )

    def _take(self, party: Party) -> None:
        self._running[_organization(party)] += 1
        self._places[party] += 1

    def _ended(self, party: Party, rest: float = 0.0) -> None:
        _less(self._running, _organization(party))
        if rest:
            asyncio.get_running_loop().call_later(rest, self._rested, party)
        else:
            _less(self._places, party)
        self._go_on()

    def _rested(self, party: Party) -> None:
        _less(self._places, party)
        self._go_on()

    def _go_on(self) -> None:
        while (following := next(filter(self._has_room, self._waiting), None)) is not None:
            queue = self._waiting.pop(following)
            turn = queue.popleft()
            if queue:
                self._waiting[following] = queue
            if not turn.done():
                self._take(following)
                turn.set_result(None)


def _organization(party: Party) -> UUID:
    return party if isinstance(party, UUID) else party[0]


def _less(counter: Counter[Any], of: Party) -> None:
    counter[of] -= 1
    if not counter[of]:
        del counter[of]


def _soon(loop: asyncio.AbstractEventLoop, call: Callable[[], Any]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(call)
