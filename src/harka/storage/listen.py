"""PostgreSQL's notifications, on a connection of its own that is always made again."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Never

import asyncpg

from harka.errors import HarkaError
from harka.storage.databases import CONNECT_TIMEOUT

_FIRST_RETRY: Final = 0.1
_LAST_RETRY: Final = 5.0
# a server that vanishes without a word (power, partition) closes no socket
_HEARTBEAT: Final = 15.0

_TROUBLE: Final = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, HarkaError)


async def listen(
    url: str,
    channel: str,
    on_notify: Callable[[str], Awaitable[None]],
    on_connect: Callable[[], Awaitable[None]],
) -> Never:
    """Call `on_notify` with each payload, one after the other, until cancelled.

    `on_connect` runs after each connection, when notifications can no longer be missed: read there what may
    have happened before. If either raises a `HarkaError`, the connection is made again and so is that call.
    """
    delay = _FIRST_RETRY
    while True:
        try:
            connection = await asyncpg.connect(url, timeout=CONNECT_TIMEOUT, statement_cache_size=0)
            try:
                payloads = await _subscribe(connection, channel)
                await on_connect()
                delay = _FIRST_RETRY
                await _relay(connection, payloads, on_notify)
            finally:
                connection.terminate()
        except _TROUBLE:
            await asyncio.sleep(delay)
            delay = min(delay * 2, _LAST_RETRY)


async def _subscribe(connection: asyncpg.Connection, channel: str) -> "asyncio.Queue[str | None]":
    """The payloads to come; None when the connection is lost."""
    payloads: asyncio.Queue[str | None] = asyncio.Queue()
    connection.add_termination_listener(lambda _: payloads.put_nowait(None))
    await connection.add_listener(
        channel, lambda _connection, _pid, _channel, payload: payloads.put_nowait(payload)
    )
    return payloads


async def _relay(
    connection: asyncpg.Connection,
    payloads: "asyncio.Queue[str | None]",
    on_notify: Callable[[str], Awaitable[None]],
) -> None:
    """Until the connection is lost. Raise `TimeoutError` when the server no longer answers."""
    while True:
        try:
            async with asyncio.timeout(_HEARTBEAT):
                payload = await payloads.get()
        except TimeoutError:
            await connection.execute("SELECT 1", timeout=CONNECT_TIMEOUT)
            continue
        if payload is None:
            return
        await on_notify(payload)
