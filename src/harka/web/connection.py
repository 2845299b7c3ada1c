"""A request's work while its client waits: cancelled when the client leaves.

Our own protocol tells of the end of a connection, at no cost to the requests before it. Of another server one
must ask, with a task that waits for the message that the client has left.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any, Final, TypeVar

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

T = TypeVar("T")

CONNECTION: Final = "harka.connection"
"""Where the protocol puts the `ClientConnection` of a request in its scope."""
WORKER: Final = "harka.worker"
"""In the scope where it is known: the task that answers the request."""
ARRIVED: Final = "harka.arrived"
"""In the scope once the whole request is here: its body."""

ANSWER: Final = "harka.answer"
"""In the scope: writes a whole answer (status, header lines, body) at once, in place of ASGI's messages."""


class ClientConnection:
    """One connection, of which at most one request is worked on at a time; the next ones wait in line."""

    __slots__ = ("_lost", "_task", "_watch")

    def __init__(self, watch: Callable[[], None] | None = None) -> None:
        """`watch`: see to it that the client takes what is unsent by now."""
        self._lost = False
        self._watch = watch
        self._task: asyncio.Task[Any] | None = None

    def lose(self) -> None:
        """The client has left."""
        self._lost = True
        # it leads back here
        self._watch = None
        if self._task is not None:
            self._task.cancel()

    def watch(self) -> None:
        """To be called before more is written, where that may be too little to fill a buffer."""
        if self._watch is not None:
            self._watch()

    async def carry(self, work: Coroutine[Any, Any, T], worker: asyncio.Task[Any] | None = None) -> T:
        """What `work` answers. Raise `ClientDisconnect`, once `work` has ended, when the client leaves.

        `worker`: the running task, which to ask for is a system call (getpid, in Python 3.11).
        """
        left = self._lost  # a copy, since it changes while we wait
        if left:
            work.close()
            raise ClientDisconnect
        task = worker or asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine is run by a task
        if self._task is task:
            # a part of what is carried already
            return await work
        self._task = task
        try:
            return await work
        except asyncio.CancelledError:
            if self._lost and task.cancelling() == 1:
                raise ClientDisconnect from None
            # somebody else wants an end, too
            raise
        finally:
            if self._task is task:
                self._task = None
            if self._lost:
                task.uncancel()


def lines_of(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Headers as they go over the wire."""
    return b"".join([b"%b: %b\r\n" % header for header in headers])


class LastLines:
    """`lines_of` of a list that is used for many answers, as uvicorn's own headers are for a second."""

    def __init__(self) -> None:
        self._headers: Sequence[tuple[bytes, bytes]] = ()
        self._lines = b""

    def of(self, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
        """`headers`: never changed in place."""
        if headers is not self._headers:
            self._headers, self._lines = headers, lines_of(headers)
        return self._lines


def while_connected(scope: Scope, receive: Receive, work: Coroutine[Any, Any, T]) -> Awaitable[T]:
    """What `work` answers. Raise `ClientDisconnect`, once `work` has ended, when the client leaves."""
    connection: ClientConnection | None = scope.get(CONNECTION)
    return _watched(work, receive) if connection is None else connection.carry(work, scope.get(WORKER))


def carried(scope: Scope, work: Coroutine[Any, Any, T]) -> Awaitable[T]:
    """Like `while_connected`, where the body may be still to come; another server is not asked then."""
    connection: ClientConnection | None = scope.get(CONNECTION)
    return work if connection is None else connection.carry(work, scope.get(WORKER))


async def _watched(work: Coroutine[Any, Any, T], receive: Receive) -> T:
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(departure(receive))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnect
        return task.result()
    finally:
        await stopped(task, gone)


async def departure(receive: Receive) -> None:
    """Return when the client has left; what it still sends is dropped."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def stopped(*tasks: asyncio.Future[Any]) -> None:
    """Cancel, and wait for the end."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
