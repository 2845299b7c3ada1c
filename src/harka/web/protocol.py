"""uvicorn's HTTP protocol, with bounds on the head of a request: its size and the time it takes to arrive.

uvicorn bounds neither with httptools: a head of any size is collected in memory, and a connection that never
completes one stays open for ever. Bodies are bounded further in, where the tenant is known.

It also tells the request that is being worked on when its client has left, and whether all of it has arrived
(`web.connection`).
"""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from harka.web.connection import ARRIVED, CONNECTION, ClientConnection

MAX_HEAD_BYTES: Final = 65_536
"""Request line and headers together; browsers and proxies stop far below."""
MAX_HEADERS: Final = 128
HEAD_TIMEOUT: Final = 15.0
"""Seconds from a connection, or from the first byte of a further request, to the end of the headers."""
_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)


class HeadTooLargeError(Exception):
    """Raised through the parser, which then gives up the connection."""


class BoundedProtocol(HttpToolsProtocol):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._in_head = True
        self._head_bytes = 0
        self._too_large = False
        self._head_timer: asyncio.TimerHandle | None = None
        self._connection = ClientConnection()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's own
        super().connection_made(transport)
        self._start_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_head()
        super().connection_lost(exc)
        self._connection.lose()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head and not self.transport.is_closing():
            # counted here, since a single endless header never reaches on_header: it grows inside the parser
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._too_large = True
                self.send_400_response("")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope[CONNECTION] = self._connection  # type: ignore[typeddict-unknown-key]  # ours alone
        self._start_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        if len(self.headers) > MAX_HEADERS:
            self._too_large = True
            raise HeadTooLargeError

    def on_headers_complete(self) -> None:
        self._end_head()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self.scope[ARRIVED] = True  # type: ignore[typeddict-unknown-key]  # ours alone
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        if not self._too_large:
            super().send_400_response(msg)
            return
        self.transport.write(_TOO_LARGE)
        self.transport.close()

    def _start_head(self) -> None:
        self._end_head()
        self._in_head = True
        self._head_timer = self.loop.call_later(HEAD_TIMEOUT, self.transport.close)

    def _end_head(self) -> None:
        self._in_head = False
        self._head_bytes = 0
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
