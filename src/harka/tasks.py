"""Coroutines that are under way together."""

import asyncio
from collections.abc import Coroutine
from typing import Any


async def together(*works: Coroutine[Any, Any, Any]) -> None:
    """Return when all have ended. The first that fails ends the others, and what it raised is raised alone.

    For who tries again in the same task, where an `asyncio.TaskGroup` is of no use: before Python 3.13 it
    leaves that task counted as cancelled once when one of its own fails. In Python 3.11.2, which is Debian's,
    the next `asyncio.timeout` that runs out then does not raise `TimeoutError`, but cancels the task.
    """
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        if not task.cancelled() and (failure := task.exception()) is not None:
            raise failure
