"""uvicorn's HTTP protocol, with bounds on the head of a request: its size and the time it takes to arrive.

uvicorn bounds neither with httptools: a head of any size is collected in memory, and a connection that never
completes one stays open for ever. Bodies are bounded further in, where the tenant is known.

It also tells the request that is being worked on when its client has left and what of it has arrived
(`web.connection`), and takes a whole answer at once: by way of ASGI's two messages it would be two system
calls, and uvicorn would look at every header of ours. A plain `POST /graphql` that comes whole does not go
through uvicorn's parser at all (`web.whole_request`).
"""

import asyncio
import secrets
import weakref
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from harka import logs
from harka.codec import json_bytes
from harka.errors import BadRequestError
from harka.fastpath import split_request
from harka.tenancy.line import Flow
from harka.web.callers import Caller
from harka.web.connection import ANSWER, ARRIVED, CONNECTION, WORKER, ClientConnection
from harka.web.doorway import Seat
from harka.web.refusals import REFUSALS, Refusals
from harka.web.turn import TURN, Turn
from harka.web.unread import Unread
from harka.web.whole_request import OWN_LINES, WholeRequest, answer

log = logs.logger("web")

MAX_HEAD_BYTES: Final = 65_536
"""Request line and headers together; browsers and proxies stop far below."""
MAX_HEADERS: Final = 128
HEAD_TIMEOUT: Final = 15.0
"""Seconds from a connection, or from the first byte of a further request, to the end of the headers."""
_TOO_LARGE_TEXT: Final = "The request line and the headers are too large."
_PLAIN_POST: Final = b"POST /graphql HTTP/1.1\r\n"
_SEPARATORS: Final = len(": \r\n")


class HeadTooLargeError(Exception):
    """Raised through the parser, which then gives up the connection."""


class BoundedProtocol(HttpToolsProtocol):
    """Counts twice: what the parser hands over of a head, before anybody sees it, and what it may hold.

    A head may arrive whole in one read. A single header that never ends is not handed over at all, be it in
    the head or after a chunked body: it grows inside the parser.
    """

    # beside uvicorn's, which alone are few enough to share their names: a connection is 1.2 KB less
    __slots__ = (
        "_before_head",
        "_between",
        "_connection",
        "_handed_over",
        "_head_bytes",
        "_head_timer",
        "_held",
        "_held_bytes",
        "_in_head",
        "_is_last",
        "_leave",
        "_refusals",
        "_refused",
        "_rest_until",
        "_seat",
        "_too_large",
        "_turn",
        "_unread",
        "working",
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._in_head = True
        self._head_bytes = 0
        self._held_bytes = 0
        self._handed_over = 0  # bytes of the latest read
        self._before_head = 0  # of these, what belonged to an earlier request
        self._too_large = False
        self._head_timer: asyncio.TimerHandle | None = None
        self._connection = ClientConnection(self._watch)
        # of the request that is worked on: uvicorn's `cycle` is of the last that came, be it behind that
        self.working: RequestResponseCycle | WholeRequest | None = None
        self._between = True  # the parser has read whole messages only
        self._refusals: Refusals | None = self.app_state.get(REFUSALS)
        self._held: bytearray | None = None  # what comes while a request, or a refusal, waits for its turn
        self._refused: Caller | None = None  # who waits for a refusal
        self._turn: Turn | None = None  # of a request that waits
        self._leave: Callable[[], None] | None = None  # to be called when its client leaves meanwhile
        self._is_last = False  # that one, since the server stops
        self._rest_until = 0.0  # when a connection without a request is closed; 0.0 while it has one
        self._seat: Seat | None = None  # while the doorman reads what comes
        self._unread: Unread | None = None  # of a client that once did not read as fast as it was sent to

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's own
        super().connection_made(transport)
        self._head_timer = self.loop.call_later(HEAD_TIMEOUT, self.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_head()
        if self._seat is not None:
            self._seat.clear()
            self._seat = None
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
        if self._unread is not None:
            self._unread.end()
        if self._turn is not None:
            self._turn.withdraw()
            self._turn = None
        if self._leave is not None:
            self._leave()
            self._leave = None
        super().connection_lost(exc)
        if self.working is not None and not self.working.response_complete:
            # uvicorn tells the last that came
            self.working.disconnected = True
            self.working.message_event.set()
        # all lead back here
        self.cycle = self.scope = self.working = None  # type: ignore[assignment] # as uvicorn begins
        self._connection.lose()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch()

    def _watch(self) -> None:
        """Whether the client takes what is still to be sent."""
        if self._unread is None:
            self._unread = Unread(self.transport, self.app_state)
        self._unread.watch()

    def close(self) -> None:
        """Once all is sent, which is not waited for as long as a client likes."""
        self.transport.close()
        self._watch()

    def data_received(self, data: bytes) -> None:
        if self._held is not None:
            # a client that does not wait for its answer waits for it here
            self._held += data
            if len(self._held) > MAX_HEAD_BYTES:
                # not before: we would not hear that it leaves
                self.flow.pause_reading()
            return
        cycle: RequestResponseCycle | None = self.cycle
        if self._between and (cycle is None or cycle.response_complete) and self._has_begun(data):
            return
        if self._seat is not None:
            # what uvicorn's parser begins it may want to stop reading
            self._stand_up()
        self._handed_over = self._before_head = 0
        super().data_received(data)
        if self._in_head and self._head_timer is None:
            # most heads are whole by now, and need no timer
            self._head_timer = self.loop.call_later(HEAD_TIMEOUT, self.close)
        if self._in_head:
            self._held_bytes += len(data) - self._before_head
        else:
            self._held_bytes = 0 if self._handed_over else self._held_bytes + len(data)
        if self._held_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self._too_large = True
            self.send_400_response(_TOO_LARGE_TEXT)

    def hand(self, data: bytes, *, is_last: bool) -> None:
        """See `doorway.Guest`."""
        # on a connection that closes the loop would have read nothing more
        is_closing = self.transport.is_closing()
        if is_last:
            self._seat = None
            self._read_again()
            if data and not is_closing:
                # it may be a socket's by now
                self.transport.get_protocol().data_received(data)  # type: ignore[attr-defined] # of streams, both
        elif not is_closing:
            if self._refusals is None or not self._refusals.are_due():
                # the doorman has nothing to do any more
                self._stand_up()
            self.data_received(data)

    def _stand_up(self) -> None:
        if self._seat is not None and self._seat.give_up():
            self._seat = None
            self._read_again()

    def _read_again(self) -> None:
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def _has_begun(self, data: bytes) -> bool:
        """Begin a plain request that is all here, have it wait, or refuse it. Whether it was one."""
        refusals = self._refusals
        if refusals is None or self.flow.write_paused or not refusals.are_due():
            # nobody is refused now: it does not matter yet who asks
            asked = split_request(_PLAIN_POST, data)
            if asked is not None:
                self._take(*asked)
            return asked is not None
        caller = refusals.callers.known(data, self.client)
        if caller is None:
            asked = split_request(_PLAIN_POST, data)
            if asked is None:
                return False
            headers, body = asked
            head = data[: len(data) - len(body)]
            caller = refusals.callers.learn(head, headers, len(body), self.scheme, self.client)
            if caller is None:
                self._take(headers, body)
                return True
        flow = refusals.line_for(caller)
        if flow is None:
            self._refuse_in_turn(refusals, caller, data)
        elif not caller.within:
            self._begin(data, None)
        else:
            self._line_up(refusals, caller, flow, data)
        return True

    def _line_up(self, refusals: Refusals, caller: Caller, flow: Flow, data: bytes) -> None:
        """Begin what they ask, or have it wait for its turn as it came."""
        turn = Turn(refusals.gate, flow, caller.rank, partial(self._begin, data))
        if turn.enter(caller.within):
            self._begin(data, turn)
            return
        self._end_rest()
        self._turn, self._held = turn, bytearray()
        self._leave = partial(refusals.leave, caller, turn.since)

    def _begin(self, data: bytes, turn: Turn | None) -> None:
        """What has its turn, or waits no longer for it; and then what came meanwhile."""
        held, self._held = self._held, None
        self._turn = self._leave = None
        try:
            asked = split_request(_PLAIN_POST, data)
            assert asked is not None  # noqa: S101 - the same head was split before
            self._take(*asked, turn)
            if self._is_last:
                super().shutdown()
            self._go_on(held)
        except Exception as error:
            # in the midst of another's request, which is not to suffer by what is wrong with this one
            if turn is not None:
                turn.end()
            self.close()
            log.exception("a request could not begin", exc_info=error)

    def _go_on(self, held: bytearray | None) -> None:
        """With what came while something else was to be answered."""
        if held:
            self.flow.resume_reading()
            self.data_received(bytes(held))

    def _refuse_in_turn(self, refusals: Refusals, caller: Caller, data: bytes) -> None:
        self._end_rest()
        if refusals.may_go_on():
            if self._seat is None:
                self._seat = refusals.seat(self, caller, data[: len(data) - caller.length])
            self._refuse_at_the_door(refusals, caller)
        else:
            self._refused, self._held = caller, bytearray()
            refusals.later(partial(self._refuse_held, refusals, caller))

    def _end_rest(self) -> None:
        """A whole request is here."""
        if self._in_head:
            self._end_head()
        self._rest_until = 0.0

    def shutdown(self) -> None:
        """Who waits for a refusal has it before the connection ends; who waits for a turn, an answer."""
        while self._refusals is not None and self._refused is not None:
            # with what came meanwhile, which may be held in its turn
            self._refuse_held(self._refusals, self._refused)
        self._is_last = self._turn is not None
        if not self._is_last:
            super().shutdown()

    def _refuse_held(self, refusals: Refusals, caller: Caller) -> None:
        """What was to wait for its refusal, and then what came meanwhile.

        It is refused though there may be room by now: of what was asked nothing is kept.
        """
        if self._refused is not caller:
            # the server stopped, and this one did not wait for its turn
            return
        held, self._held, self._refused = self._held, None, None
        if not self.transport.is_closing():
            self._refuse_at_the_door(refusals, caller)
            self._go_on(held)

    def _refuse_at_the_door(self, refusals: Refusals, caller: Caller) -> None:
        own = OWN_LINES.of(self.server_state.default_headers)
        self.transport.write(refusals.answer(caller, own))
        self.server_state.total_requests += 1
        self._rest()

    def _take(self, headers: list[tuple[bytes, bytes]], body: bytes, turn: Turn | None = None) -> None:
        """A request that is all here; the parser hears nothing of it."""
        self._end_rest()
        scope: Any = {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": self.scheme,
            "path": "/graphql",
            "raw_path": b"/graphql",
            "query_string": b"",
            "root_path": self.root_path,
            "headers": headers,
            "server": self.server,
            "client": self.client,
            "state": self.app_state.copy(),
            CONNECTION: self._connection,
            ARRIVED: body,
        }
        if turn is not None:
            scope[TURN] = turn
        request = WholeRequest(self, scope, body)
        scope[ANSWER] = partial(answer, self, request)
        self.working = request
        self.cycle = request  # type: ignore[assignment] # it has what a protocol asks of a cycle
        scope[WORKER] = task = self.loop.create_task(request.run(self.tasks))
        self.tasks.add(task)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._between = False
        self._rest_until = 0.0
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
        # an answer before this one may have ended while the head was arriving
        self._rest_until = 0.0
        super().on_headers_complete()
        cycle: RequestResponseCycle | None = self.cycle
        # a request for a WebSocket has none, a connection may have that of an earlier request
        if cycle is not None and cycle.scope is self.scope:
            # by proxy, or scope and cycle would lead to each other until the collector comes
            self.scope[ANSWER] = partial(answer, self, weakref.proxy(cycle))  # type: ignore[typeddict-unknown-key]  # ours alone
        if len(self.pipeline) == 1:
            # uvicorn stops reading, and would not hear that the client leaves; a third request stops it
            self.flow.resume_reading()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """uvicorn's, which would not tell us that it closes after a failure in the midst of an answer."""
        self.working = cycle
        task = self.loop.create_task(cycle.run_asgi(app))
        task.add_done_callback(self._end_task)
        self.tasks.add(task)

    def _end_task(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        cycle: RequestResponseCycle | None = self.cycle
        # a lost connection has none
        if cycle is not None and self.transport.is_closing():
            self._watch()

    def on_body(self, body: bytes) -> None:
        self._handed_over += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._between = True
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and cycle.scope is self.scope:
            self.scope[ARRIVED] = bytes(cycle.body)  # type: ignore[typeddict-unknown-key]  # ours alone
            # a large body has stopped the reading, and nobody may ask for it any more who would resume it
            self.flow.resume_reading()

    def on_response_complete(self) -> None:
        """uvicorn's, but with one timer for many rests between requests."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            self._watch()
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        if self._in_head:
            # the next head is arriving, and has its own time for that
            return
        self._rest()

    def _rest(self) -> None:
        """Nothing is asked on this connection, from now on."""
        if self._seat is not None:
            self._seat.rest()
        self._rest_until = self.loop.time() + self.timeout_keep_alive
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_at(
                self._rest_until, self.timeout_keep_alive_handler
            )

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that rests for too long, or look again when it will have."""
        self.timeout_keep_alive_task = None
        if not self._rest_until:
            return
        if self._seat is not None:
            # the doorman has answered meanwhile
            self._rest_until = max(self._rest_until, self._seat.refused_at() + self.timeout_keep_alive)
        if self.loop.time() >= self._rest_until:
            super().timeout_keep_alive_handler()
            self._watch()
        else:
            self.timeout_keep_alive_task = self.loop.call_at(
                self._rest_until, self.timeout_keep_alive_handler
            )

    def _unset_keepalive_if_required(self) -> None:
        """Not yet: an empty line begins no request."""

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's text has no code
        """As JSON with a code, like every other error; nothing where another's answer is owed first."""
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and not cycle.response_complete:
            self.close()
            return
        status, text = HTTPStatus.BAD_REQUEST, BadRequestError.default_message()
        if self._too_large:
            status, text = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, _TOO_LARGE_TEXT
        request_id = secrets.token_hex(16)
        shown = {"code": BadRequestError.code, "requestId": request_id}
        body = json_bytes({"errors": [{"message": text, "extensions": shown}]})
        log.info("request refused by the parser", request_id=request_id, status=int(status))
        head = [
            b"HTTP/1.1 %d %s" % (status, status.phrase.encode()),
            *(b"%s: %s" % header for header in self.server_state.default_headers),
            b"content-type: application/json",
            b"content-length: %d" % len(body),
            b"x-request-id: " + request_id.encode(),
            b"cache-control: no-store",
            b"connection: close",
        ]
        self.transport.write(b"\r\n".join([*head, b"", body]))
        self.close()

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
