"""The machinery under the loaders: many `load` calls of one moment become one statement."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Hashable, Iterable, Sequence
from typing import Any, Generic, TypeVar

from harka.learning.work import UnitOfWork

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
L = TypeVar("L", bound="Loader[Any, Any]")


class Loader(ABC, Generic[K, V]):
    """Answers by key along one access path, for one request of one tenant.

    Keys asked for until the event loop has run what was ready are answered by one `fetch`.
    Each key is fetched once a request, unless `clear` forgets it.
    """

    def __init__(self, work: UnitOfWork) -> None:
        self.work = work
        self._known: dict[K, asyncio.Future[V]] = {}
        self._waiting: dict[K, asyncio.Future[V]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @abstractmethod
    async def fetch(self, keys: list[K]) -> Sequence[V]:
        """One answer per key, in the order of `keys`, which are distinct."""

    def load(self, key: K) -> Awaitable[V]:
        known = self._known.get(key)
        if known is None:
            known = self._ask(key)
        # shielded: whoever waits may be cancelled because a sibling field failed, the others still wait
        return known if known.done() else asyncio.shield(known)

    def prime(self, pairs: Iterable[tuple[K, V]]) -> None:
        """Remember answers that came along another path; what is known already stays."""
        loop = asyncio.get_running_loop()
        for key, value in pairs:
            if key not in self._known:
                self._known[key] = future = loop.create_future()
                future.set_result(value)

    def clear(self) -> None:
        """Forget all answers; those being waited for still arrive."""
        self._known.clear()

    async def close(self) -> None:
        """Cancel what is still being fetched, and return once it has stopped."""
        for future in self._waiting.values():
            future.cancel()
        self._waiting = {}
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _ask(self, key: K) -> asyncio.Future[V]:
        loop = asyncio.get_running_loop()
        if not self._waiting:
            # twice: resolvers that this round of the loop has woken still join the batch
            loop.call_soon(loop.call_soon, self._dispatch)
        future: asyncio.Future[V] = loop.create_future()
        self._known[key] = self._waiting[key] = future
        return future

    def _dispatch(self) -> None:
        batch, self._waiting = self._waiting, {}
        if batch:
            task = asyncio.get_running_loop().create_task(self._answer(batch))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer(self, batch: dict[K, asyncio.Future[V]]) -> None:
        try:
            answers = await self.fetch(list(batch))
            for future, answer in zip(batch.values(), answers, strict=True):
                future.set_result(answer)
        except Exception as error:  # noqa: BLE001 - whoever waits for an answer gets the failure instead
            for future in batch.values():
                if not future.done():
                    future.set_exception(error)
                    # a field that was cancelled meanwhile will not ask
                    future.exception()
        finally:
            for future in batch.values():
                future.cancel()


class Loaders:
    """The loaders of one request, each made when it is first asked for."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work
        self._made: dict[type[Loader[Any, Any]], Loader[Any, Any]] = {}

    def of(self, kind: type[L]) -> L:
        made = self._made.get(kind)
        if made is None:
            made = self._made[kind] = kind(self._work)
        return made  # type: ignore[return-value]  # the registry maps each class to its own instance

    def clear(self) -> None:
        """Forget all answers: something is about to change."""
        for loader in self._made.values():
            loader.clear()

    async def close(self) -> None:
        for loader in self._made.values():
            await loader.close()
