"""`harka serve` as a process of its own, over the session's servers."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import msgspec

from cli.running import running
from cli.waiting import text
from harka.cli.serving import listen, port_of
from harka.config import Settings

_PATIENCE = 60.0  # seconds; a busy machine takes ten to start a process


@contextlib.asynccontextmanager
async def served(settings: Settings, log: Path) -> AsyncIterator[str]:
    """The address it answers at. Made after the tenants and keys that are to be known there."""
    with listen("127.0.0.1", 0) as listener:
        settings = msgspec.structs.replace(settings, port=port_of(listener), shutdown_grace=2.0)
    address = f"http://127.0.0.1:{settings.port}"
    with running(settings, log, "serve") as process:
        async with httpx2.AsyncClient(headers={"host": settings.platform_domain}) as client:
            async with asyncio.timeout(_PATIENCE):
                while not await _is_ready(client, address):
                    assert process.poll() is None, text(log)
                    # there is no event to wait for in another process
                    await asyncio.sleep(0.02)
        yield address


async def _is_ready(client: httpx2.AsyncClient, address: str) -> bool:
    try:
        return (await client.get(f"{address}/readyz")).status_code == 200
    except httpx2.TransportError:
        return False
