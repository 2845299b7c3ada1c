"""Between asyncpg and its socket: what leads a statement in or out goes out with the statement, in one write.

A write of its own would cost a system call, which wakes the server before it has anything to do: on a small
machine as much time as all of our own work on a request.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

Factory = Callable[[], Any]

_SYNC: Final = b"S\0\0\0\x04"


class HoldingTransport:
    """asyncio's transport, and `hold` and `trail`."""

    def __init__(self, transport: Any) -> None:
        self._transport: Final = transport
        self._held = b""
        self._trail = b""

    def hold(self, data: bytes) -> None:
        """Write `data` before whatever is written next."""
        self._held = data

    def trail(self, data: bytes) -> None:
        """Write `data` behind whatever is written next, before the Sync that ends it."""
        self._trail = data

    def drop(self) -> bool:
        """Never write what is held, nor what should trail. Whether anything was held."""
        held, self._held, self._trail = self._held, b"", b""
        return bool(held)

    def write(self, data: Any) -> None:
        if self._held or self._trail:
            held, trail, self._held, self._trail = self._held, self._trail, b"", b""
            body = bytes(data)
            if trail and body.endswith(_SYNC):
                data = held + body[: -len(_SYNC)] + trail + _SYNC
            else:
                data = held + body
        self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class HoldingLoop:
    """The running loop, for `asyncpg.connect`: the connections that it makes can hold."""

    def __init__(self) -> None:
        self._loop = loop = asyncio.get_running_loop()
        # used by asyncpg for every statement
        self.create_future = loop.create_future
        self.call_later = loop.call_later

    async def create_connection(self, factory: Factory, *args: Any, **options: Any) -> tuple[Any, Any]:
        _, arrival = await self._loop.create_connection(lambda: _Arrival(factory), *args, **options)
        return arrival.made

    async def create_unix_connection(self, factory: Factory, *args: Any, **options: Any) -> tuple[Any, Any]:
        _, arrival = await self._loop.create_unix_connection(lambda: _Arrival(factory), *args, **options)
        return arrival.made

    async def start_tls(self, transport: HoldingTransport, *args: Any, **options: Any) -> Any:
        plain = transport._transport  # noqa: SLF001 - TLS is laid on the socket itself
        secure = await self._loop.start_tls(plain, *args, **options)
        return None if secure is None else HoldingTransport(secure)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)


class _Arrival(asyncio.Protocol):
    """Stands in until the connection is there, and then steps aside."""

    def __init__(self, factory: Factory) -> None:
        self._factory = factory
        self.made: tuple[Any, Any] = None, None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        protocol = self._factory()
        holding = HoldingTransport(transport)
        self.made = holding, protocol
        transport.set_protocol(protocol)
        protocol.connection_made(holding)
