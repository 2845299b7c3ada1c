"""Being asked to stop."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator
from typing import Final

_STOPPING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def on_stop(stop: Callable[[], object]) -> Iterator[None]:
    """While the block runs, call `stop` in the loop at every Ctrl-C, SIGTERM and lost terminal."""
    loop = asyncio.get_running_loop()
    for number in _STOPPING:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in _STOPPING:
            loop.remove_signal_handler(number)


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Let no such signal come between a step and the note that it was taken; it is delivered at the end."""
    asked: list[int] = []
    handlers = {number: signal.signal(number, lambda number, _: asked.append(number)) for number in _STOPPING}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if asked:
            signal.raise_signal(asked[0])


def interrupt_on_stop() -> None:
    """Outside of a loop: let every such signal unwind the program as a Ctrl-C does."""
    for number in _STOPPING:
        signal.signal(number, signal.default_int_handler)
