"""How long an operation holds the processor: the time of each of its steps, not of what it waits for."""

import time
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Final, Generic, TypeVar

T = TypeVar("T")

_TRIES: Final = 200
_CHEAP: Final = 0.2e-6


def _clock() -> Callable[[], float]:
    """The thread's own, where asking it is cheap; where each question is a slow system call, the wall's.

    Within a step nothing else runs in the thread: the two differ by what the system gives to others.
    """
    began = time.perf_counter()
    for _ in range(_TRIES):
        time.thread_time()
    return time.thread_time if (time.perf_counter() - began) / _TRIES < _CHEAP else time.perf_counter


processor_time: Final = _clock()


class Meter(Generic[T]):
    """Awaited in place of `work`, it answers or raises the same. `seconds`: so far."""

    __slots__ = ("_work", "seconds")

    def __init__(self, work: Coroutine[Any, Any, T]) -> None:
        self._work = work
        self.seconds = 0.0

    def __await__(self) -> Generator[Any, Any, T]:
        step: Callable[[Any], Any] = self._work.send
        given: Any = None
        while True:
            began = processor_time()
            try:
                waited = step(given)
            except StopIteration as done:
                answer: T = done.value
                return answer
            finally:
                self.seconds += processor_time() - began
            try:
                step, given = self._work.send, (yield waited)
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is the work's to handle
                step, given = self._work.throw, error
