"""Ends what is not done in time.

A timer for each operation costs more than the rest of what surrounds it; here one look at all of them, ten
times a second, ends those that are late.
"""

import asyncio
from collections.abc import Awaitable
from typing import Any, Final, TypeVar

from harka.errors import DeadlineExceededError

T = TypeVar("T")

PERIOD: Final = 0.1
"""Seconds between two looks: how late an end may come."""


class Deadlines:
    """Of all operations of a process."""

    def __init__(self) -> None:
        self._running: set[_Running] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def within(self, seconds: float, work: Awaitable[T], worker: asyncio.Task[Any] | None = None) -> T:
        """What `work` answers. Raise `DeadlineExceededError`, once it has ended, when it takes longer.

        `worker`: the running task, which to ask for is a system call (getpid, in Python 3.11).
        """
        running = _Running(seconds, worker or asyncio.current_task())
        self._running.add(running)
        if self._timer is None:
            self._timer = running.loop.call_later(PERIOD, self._look)
        try:
            return await work
        except asyncio.CancelledError:
            # more often than by us: somebody else wants an end, too
            if running.is_late and running.task.cancelling() <= running.cancelling + 1:
                raise DeadlineExceededError from None
            raise
        finally:
            self._running.discard(running)
            if running.is_late:
                running.task.uncancel()

    def _look(self) -> None:
        for running in self._running:
            if not running.is_late and running.loop.time() >= running.deadline:
                running.is_late = True
                running.task.cancel()
        self._timer = None
        if self._running:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(PERIOD, self._look)


class _Running:
    """`deadline`: loop time. `cancelling`: how often the task was to be cancelled before."""

    __slots__ = ("cancelling", "deadline", "is_late", "loop", "task")

    def __init__(self, seconds: float, task: asyncio.Task[Any] | None) -> None:
        assert task is not None  # noqa: S101 - a coroutine is run by a task
        self.task = task
        self.loop = loop = task.get_loop()
        self.deadline = loop.time() + seconds
        self.cancelling = task.cancelling()
        self.is_late = False
