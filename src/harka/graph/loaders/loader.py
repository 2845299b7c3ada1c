"""The machinery under the loaders: many `load` calls of one moment become one statement."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Generator, Hashable, Iterable, Sequence
from typing import Any, ClassVar, Generic, TypeVar, cast

from harka import rows
from harka.learning.work import UnitOfWork

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
L = TypeVar("L", bound="Loader[Any, Any]")


class Loader(ABC, Generic[K, V]):
    """Answers by key along one access path, for one request of one tenant.

    Keys asked for until the event loop has run what was ready are answered by one `fetch`.
    Each key is fetched once a request, unless `clear` forgets it.

    `several`: a `fetch` may send more than one statement, also for keys that ask for the same. `behind`: the
    loader whose answers' ids are keys here, where `fetch_ahead` answers for all of them by the keys of that
    one, and so need not wait for it.
    """

    several: ClassVar[bool] = False
    behind: "ClassVar[type[Loader[Any, Any]] | None]" = None

    def __init__(self, work: UnitOfWork) -> None:
        self.work = work
        self._known: dict[K, asyncio.Future[V]] = {}
        self._waiting: dict[K, asyncio.Future[V]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        # answers that nobody has asked for twice yet: by their keys, or by the attribute that is the key
        self._unread: list[tuple[list[K] | str, Sequence[V]]] = []
        self._read: list[tuple[dict[K, int], Sequence[V]]] = []
        self._ahead: list[rows.Grouped[Any]] = []

    @abstractmethod
    async def fetch(self, keys: list[K]) -> Sequence[V]:
        """One answer per key, in the order of `keys`, which are distinct."""

    @classmethod
    def sends_one(cls, keys: Sequence[K]) -> bool:
        """Whether `fetch` sends one statement for these: ids, or pairs of a parent and what it is asked."""
        if cls.several:
            return False
        return not isinstance(keys[0], tuple) or len({key[1] for key in cast("Sequence[Any]", keys)}) == 1

    async def fetch_ahead(self, keys: list[Any]) -> rows.Grouped[Any]:
        """The answers for whatever the loader `behind` which this one is answers for `keys`."""
        raise NotImplementedError

    async def load_ahead(self, keys: Iterable[Any]) -> None:
        """Have ready what `given` is to answer."""
        self._ahead.append(await self.fetch_ahead(list(dict.fromkeys(keys))))

    def given(self, keys: Sequence[K]) -> Sequence[V]:
        """Like `load_many` of keys that came to be known while they were loaded ahead."""
        places = {key: place for place, key in enumerate(dict.fromkeys(keys))}
        distinct: list[Any] = list(places)
        answers: Any
        answers, *others = [each.aligned(distinct) for each in self._ahead]
        for other in others:
            # what there is of a key is whole in each that has it
            answers = [one or two for one, two in zip(answers, other, strict=True)]
        return answers if len(places) == len(keys) else rows.take(answers, [places[key] for key in keys])

    def load_many(self, keys: Sequence[K]) -> Awaitable[Sequence[V]]:
        """Like `load` of each key, by one `fetch` and without a future for each."""
        if len(keys) == 1:
            return self.load_distinct(list(keys), [0])
        places = {key: place for place, key in enumerate(dict.fromkeys(keys))}
        return self.load_distinct(list(places), [places[key] for key in keys])

    async def load_distinct(self, keys: list[K], places: list[int]) -> Sequence[V]:
        """Like `load_many` of the keys at these places among `keys`, which differ."""
        if self._known or self._unread or self._read:
            missing = [key for key in keys if self._find(key) is None]
            if missing:
                self._remember(missing, await self.fetch(missing))
            found = [self._find(keys[place]) for place in places]
            return [await _shared(each) for each in found if each is not None]
        answers = await self.fetch(keys)
        self._remember(keys, answers)
        # as many places as keys, and in the order in which they came: they are each other's
        return answers if len(places) == len(keys) else rows.take(answers, places)

    def want(self, key: K, made: Callable[[V], Any] | None = None) -> "Wanted[K, V]":
        """Like `load`, for whoever may know of more keys before the answer is needed.

        `made`: what becomes of the answer; None for itself.
        """
        return Wanted(self, key, made)

    def load(self, key: K) -> Awaitable[V]:
        known = self._find(key)
        if known is None:
            known = self._ask(key)
        return _shared(known)

    def prime(self, answers: Sequence[V], key: str = "id") -> None:
        """Remember answers that came along another path, by their attribute `key`."""
        self._unread.append((key, answers))

    def clear(self) -> None:
        """Forget all answers; those being waited for still arrive."""
        self._known.clear()
        self._unread.clear()
        self._read.clear()
        self._ahead.clear()

    @property
    def is_fetching(self) -> bool:
        return bool(self._waiting or self._tasks)

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

    def _find(self, key: K) -> asyncio.Future[V] | None:
        """What is known of a key, or being fetched."""
        known = self._known.get(key)
        if known is not None:
            return known
        self._read_all()
        for places, answers in self._read:
            if key in places:
                self._known[key] = known = asyncio.get_running_loop().create_future()
                known.set_result(answers[places[key]])
                return known
        return None

    def _read_all(self) -> None:
        """Note where in the answers each key stands."""
        for by, answers in self._unread:
            keys = rows.column(answers, by) if isinstance(by, str) else by
            self._read.append(({key: place for place, key in reversed(list(enumerate(keys)))}, answers))
        self._unread.clear()

    def _remember(self, keys: list[K], answers: Sequence[V]) -> None:
        if len(answers) != len(keys):
            raise ValueError("a loader answers one value for each key")
        self._unread.append((keys, answers))

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
                if not future.done():
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


def _shared(known: asyncio.Future[V]) -> Awaitable[V]:
    """Shielded: whoever waits may be cancelled because a sibling field failed, the others still wait."""
    return known if known.done() else asyncio.shield(known)


class Wanted(Generic[K, V]):
    """An answer that is loaded when it is awaited, or with others before that."""

    __slots__ = ("key", "loader", "made")

    def __init__(self, loader: Loader[K, V], key: K, made: Callable[[V], Any] | None = None) -> None:
        self.loader = loader
        self.key = key
        self.made = made

    def __await__(self) -> Generator[Any, None, Any]:
        answer = yield from self.loader.load(self.key).__await__()
        return answer if self.made is None else self.made(answer)


def is_there(answer: object) -> bool:
    """For `want`."""
    return answer is not None


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
            if loader.is_fetching:
                await loader.close()
