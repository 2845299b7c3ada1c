"""How much memory the server takes, from its start to the end."""

import contextlib
import threading
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import psutil

_EVERY: Final = 1.0


class Memory:
    """Resident bytes of a process and all that it started, once a second."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self.start = self.highest = self._read()
        self._all = [self.start]

    def read(self) -> int:
        self.highest = max(self.highest, found := self._read())
        self._all.append(found)
        return found

    def over_time(self, points: int) -> list[int]:
        """The most of each of so many parts of the time, which are equally long: what grows shows."""
        bounds = [len(self._all) * part // points for part in range(points + 1)]
        return [max(self._all[start:end]) for start, end in pairwise(bounds) if start < end]

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
