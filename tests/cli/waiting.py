"""Waiting for what another process does: there is nothing to await but its effects."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

_PATIENCE = 60.0  # seconds; a busy disk has made a write take twenty


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(_PATIENCE):
        while not condition():  # noqa: ASYNC110 - the condition is another process's
            await asyncio.sleep(0.01)


def wait_until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < end, condition
        time.sleep(0.01)


def gone(pid: int) -> bool:
    """Not there, or dead and only waiting for its parent to notice."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def text(path: Path) -> str:
    """What is written there so far."""
    return path.read_text() if path.exists() else ""
