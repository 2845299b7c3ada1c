"""uvicorn's HTTP protocol, with bounds on the head of a request: its size and the time it takes to arrive.

uvicorn bounds neither with httptools: a head of any size is collected in memory, and a connection that never
completes one stays open for ever. Bodies are bounded further in, where the tenant is known.

It also tells the request that is being worked on when its client has left and whether all of it has arrived
(`web.connection`), and takes a whole answer at once: by way of ASGI's two messages it would be two system
calls, and uvicorn would look at every header of ours.
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from itertools import chain
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from harka.codec import json_bytes
from harka.errors import BadRequestError
from harka.web.connection import ANSWER, ARRIVED, CONNECTION, ClientConnection

MAX_HEAD_BYTES: Final = 65_536
"""Request line and headers together; browsers and proxies stop far below."""
MAX_HEADERS: Final = 128
HEAD_TIMEOUT: Final = 15.0
"""Seconds from a connection, or from the first byte of a further request, to the end of the headers."""
_TOO_LARGE_TEXT: Final = "The request line and the headers are too large."
_SEPARATORS: Final = len(": \r\n")


class HeadTooLargeError(Exception):
    """Raised through the parser, which then gives up the connection."""


class BoundedProtocol(HttpToolsProtocol):
    """Counts twice: what the parser hands over of a head, before anybody sees it, and what it may hold.

    A head may arrive whole in one read. A single header that never ends is not handed over at all, be it in
    the head or after a chunked body: it grows inside the parser.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._in_head = True
        self._head_bytes = 0
        self._held_bytes = 0
        self._handed_over = 0  # bytes of the latest read
        self._before_head = 0  # of these, what belonged to an earlier request
        self._too_large = False
        self._head_timer: asyncio.TimerHandle | None = None
        self._connection = ClientConnection()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's own
        super().connection_made(transport)
        self._head_timer = self.loop.call_later(HEAD_TIMEOUT, self.transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_head()
        super().connection_lost(exc)
        self._connection.lose()

    def data_received(self, data: bytes) -> None:
        self._handed_over = self._before_head = 0
        super().data_received(data)
        if self._in_head and self._head_timer is None:
            # most heads are whole by now, and need no timer
            self._head_timer = self.loop.call_later(HEAD_TIMEOUT, self.transport.close)
        if self._in_head:
            self._held_bytes += len(data) - self._before_head
        else:
            self._held_bytes = 0 if self._handed_over else self._held_bytes + len(data)
        if self._held_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self._too_large = True
            self.send_400_response(_TOO_LARGE_TEXT)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope[CONNECTION] = self._connection  # type: ignore[typeddict-unknown-key]  # ours alone
        self._start_head()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._count(len(name) + len(value) + _SEPARATORS)
        if len(self.headers) > MAX_HEADERS:
            self._refuse()

    def on_headers_complete(self) -> None:
        self._end_head()
        super().on_headers_complete()
        cycle: RequestResponseCycle | None = self.cycle
        # a request for a WebSocket has none, a connection may have that of an earlier request
        if cycle is not None and cycle.scope is self.scope:
            self.scope[ANSWER] = partial(self._answer, cycle)  # type: ignore[typeddict-unknown-key]  # ours alone

    async def _answer(
        self, cycle: RequestResponseCycle, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes
    ) -> None:
        """All of an answer to a request that is not HEAD, in one write.

        `headers`: sound ones, `content-length` among them.
        """
        if self.flow.write_paused and not cycle.disconnected:
            await self.flow.drain()
        if cycle.disconnected:
            return
        lines = [STATUS_LINE[status]]
        for name, value in chain(cycle.default_headers, headers):
            lines += (name, b": ", value, b"\r\n")
        lines += (b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n", body)
        self.transport.write(b"".join(lines))
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        cycle.message_event.set()
        if not cycle.keep_alive:
            self.transport.close()
        cycle.on_response()

    def on_body(self, body: bytes) -> None:
        self._handed_over += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self.scope[ARRIVED] = True  # type: ignore[typeddict-unknown-key]  # ours alone
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's text has no code
        """As JSON with a code, like every other error."""
        status, text = HTTPStatus.BAD_REQUEST, BadRequestError.default_message()
        if self._too_large:
            status, text = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, _TOO_LARGE_TEXT
        body = json_bytes({"errors": [{"message": text, "extensions": {"code": BadRequestError.code}}]})
        head = [
            b"HTTP/1.1 %d %s" % (status, status.phrase.encode()),
            *(b"%s: %s" % header for header in self.server_state.default_headers),
            b"content-type: application/json",
            b"content-length: %d" % len(body),
            b"cache-control: no-store",
            b"connection: close",
        ]
        self.transport.write(b"\r\n".join([*head, b"", body]))
        self.transport.close()

    def _count(self, length: int) -> None:
        self._handed_over += length
        self._head_bytes += length
        if self._head_bytes > MAX_HEAD_BYTES:
            self._refuse()

    def _refuse(self) -> None:
        self._too_large = True
        raise HeadTooLargeError

    def _start_head(self) -> None:
        self._end_head()
        self._in_head = True
        self._head_bytes = self._held_bytes = 0
        self._before_head = self._handed_over

    def _end_head(self) -> None:
        self._in_head = False
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
