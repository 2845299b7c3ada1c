import asyncio
from collections.abc import Awaitable, Callable

PATIENCE = 10.0


async def until(holds: Callable[[], Awaitable[object]]) -> None:
    """Return when the answer is true; fail after ten seconds."""
    async with asyncio.timeout(PATIENCE):
        while not await holds():  # noqa: ASYNC110 - there is no event to wait for in another process
            await asyncio.sleep(0.005)
