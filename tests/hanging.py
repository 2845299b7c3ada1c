"""Of a test that hangs: which one it is, and what its tasks wait for; pytest itself shows threads only."""

import asyncio
import gc
import sys
import threading
from collections.abc import Iterator
from typing import Any, Final

import pytest

HANGS_AFTER: Final = 240.0
"""Seconds; before pytest ends the process (`faulthandler_timeout`)."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    watch = threading.Timer(HANGS_AFTER, _tell, (item,))
    watch.daemon = True
    watch.start()
    try:
        return (yield)
    finally:
        watch.cancel()


def _tell(item: pytest.Item) -> None:
    lines = [f"{item.nodeid} hangs"]
    # not `asyncio.all_tasks`, which wants to be told the loop
    for task in [each for each in gc.get_objects() if isinstance(each, asyncio.Task) and not each.done()]:
        lines += [task.get_name(), *(f"  {line}" for line in _waits_at(task.get_coro()))]
    capture: Any = item.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        sys.stderr.write("\n" + "\n".join(lines) + "\n")
        sys.stderr.flush()


def _waits_at(coroutine: Any) -> Iterator[str]:
    """The lines at which a coroutine waits, the outermost first; `Task.get_stack` knows only that one."""
    while coroutine is not None:
        frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "ag_frame", None)
        if frame is not None:
            yield f"{frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_qualname}"
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "ag_await", None)
