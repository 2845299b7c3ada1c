"""Work counted in calls, which are the same on every machine and however busy it is."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class Calls:
    """`python`: calls of functions written in Python, resumed coroutines included. `native`: all others."""

    def __init__(self) -> None:
        self.python = 0
        self.native = 0

    @property
    def total(self) -> int:
        return self.python + self.native

    def note(self, _frame: FrameType, event: str, _function: Any) -> None:
        if event == "call":
            self.python += 1
        elif event == "c_call":
            self.native += 1


@contextmanager
def counted() -> Iterator[Calls]:
    """What this thread calls until the block ends; the collector, whose turns nobody knows, is off."""
    calls = Calls()
    gc.disable()
    sys.setprofile(calls.note)
    try:
        yield calls
    finally:
        sys.setprofile(None)
        gc.enable()
