"""How much memory the server takes, from its start to the end."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Final

import psutil

_EVERY: Final = 1.0


class Memory:
    """Resident bytes of a process and all that it started, once a second."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self.start = self.highest = self._read()

    def read(self) -> int:
        self.highest = max(self.highest, found := self._read())
        return found

    def _read(self) -> int:
        total = 0
        for process in (self._process, *self._process.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                total += process.memory_info().rss
        return total


@contextlib.contextmanager
def watching(pid: int) -> Iterator[Memory]:
    memory, ended = Memory(pid), threading.Event()

    def watch() -> None:
        while not ended.wait(_EVERY):
            memory.read()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield memory
    finally:
        ended.set()
        thread.join()
