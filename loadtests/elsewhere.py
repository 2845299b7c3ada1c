"""A server that is not HARKA, to know what sending takes of processors that are shared."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from typing import Final, cast

import uvloop
from stage import LOOPBACK

_ANSWER: Final = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 300\r\n\r\n" + b" " * 300


class _Elsewhere(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's own, of no class of asyncio's
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, _data: bytes) -> None:
        # each request comes in one piece, and the next when it was answered
        self._transport.write(_ANSWER)


@contextlib.contextmanager
def elsewhere() -> Iterator[int]:
    """The port of one in a thread, which answers anything with the same 300 bytes and 503."""
    loop = uvloop.new_event_loop()
    server = loop.run_until_complete(loop.create_server(_Elsewhere, LOOPBACK, 0, backlog=1024))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        loop.close()
