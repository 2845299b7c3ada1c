"""A request that arrived whole, in the form in which nearly all come: a plain `POST /graphql` in one read.

uvicorn's parser calls back for each header, and a cycle of some twenty attributes is made for each request:
a quarter of the time of a small query. This takes the place of a cycle with what is needed to answer in one
write; whoever asks for ASGI's messages after all (a stream of events) gets uvicorn's own cycle.
"""

import asyncio
from typing import TYPE_CHECKING, Any, Final, cast

from starlette.types import Message, Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from harka import logs
from harka.web.connection import WORKER, LastLines
from harka.web.turn import TURN, Turn

if TYPE_CHECKING:
    from harka.web.protocol import BoundedProtocol

log = logs.logger("web")


OWN_LINES: Final = LastLines()
"""Of the headers that uvicorn gives every answer."""


class _Nobody:
    """Who waits for messages: nobody, as there are none to come."""

    def set(self) -> None:
        pass


_NOBODY: Final = _Nobody()


class WholeRequest:
    """To its protocol, a cycle like uvicorn's: the attributes are those that the protocol looks at."""

    __slots__ = (
        "body",
        "default_headers",
        "disconnected",
        "full",
        "keep_alive",
        "message_event",
        "protocol",
        "response_complete",
        "response_started",
        "scope",
        "waiting_for_100_continue",
    )

    def __init__(self, protocol: "BoundedProtocol", scope: Scope, body: bytes) -> None:
        self.protocol = protocol
        self.scope = scope
        self.body = body
        self.default_headers = protocol.server_state.default_headers
        self.disconnected = False
        self.keep_alive = True
        self.message_event: Any = _NOBODY
        self.response_started = self.response_complete = False
        self.waiting_for_100_continue = False
        self.full: RequestResponseCycle | None = None

    async def run(self, tasks: set[asyncio.Task[None]]) -> None:
        """Have the application answer. `tasks`: this one is no longer among them then."""
        protocol = self.protocol
        try:
            await protocol.app(self.scope, self.receive, self.send)
        except BaseException as error:
            log.exception("application failed", exc_info=error)
        cycle = self.full or self
        if not cycle.response_complete and not cycle.disconnected:
            # it will never be: the client should not wait for it
            protocol.close()
        turn: Turn | None = self.scope.get(TURN)
        if turn is not None:
            turn.end()
        # it leads back here by `ANSWER`, and a circle stays until the collector comes
        tasks.discard(self.scope[WORKER])
        self.scope = {}

    def on_response(self) -> None:
        self.protocol.on_response_complete()

    async def receive(self) -> Message:
        return cast("Message", await self._cycle().receive())

    async def send(self, message: Message) -> None:
        await self._cycle().send(message)  # type: ignore[arg-type] # the same messages

    def _cycle(self) -> RequestResponseCycle:
        """Uvicorn's own, from now on the one that the protocol knows."""
        if self.full is None:
            protocol = self.protocol
            self.full = full = RequestResponseCycle(
                scope=self.scope,  # type: ignore[arg-type] # a dictionary all the same
                transport=protocol.transport,
                flow=protocol.flow,
                logger=protocol.logger,
                access_logger=protocol.access_logger,
                access_log=protocol.access_log,
                default_headers=self.default_headers,
                message_event=asyncio.Event(),
                expect_100_continue=False,
                keep_alive=self.keep_alive,
                on_response=protocol.on_response_complete,
            )
            full.body, full.more_body = bytearray(self.body), False
            full.message_event.set()
            full.disconnected = self.disconnected
            if protocol.working is self:
                protocol.working = full
            current: object = protocol.cycle
            if current is self:
                protocol.cycle = full
        return self.full


async def answer(
    protocol: "BoundedProtocol",
    cycle: RequestResponseCycle | WholeRequest,
    status: int,
    lines: bytes,
    body: bytes,
) -> None:
    """All of an answer to a request that is not HEAD, in one write.

    `lines`: of sound headers, `content-length` among them.
    """
    if protocol.flow.write_paused and not cycle.disconnected:
        await protocol.flow.drain()
    if cycle.disconnected:
        return
    end = b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n"
    protocol.transport.write(
        b"".join((STATUS_LINE[status], OWN_LINES.of(cycle.default_headers), lines, end, body))
    )
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    cycle.message_event.set()
    if not cycle.keep_alive:
        protocol.transport.close()
    cycle.on_response()
