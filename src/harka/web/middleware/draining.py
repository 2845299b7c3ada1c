"""Shutting down politely: readiness goes first, sockets are told to go elsewhere, answers are finished."""

import asyncio
import contextlib
from collections.abc import Iterator

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_GOING_AWAY = 1001


class Draining:
    """The switch: thrown once, when the process is asked to stop."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._sockets = 0
        self._no_sockets = asyncio.Event()
        self._no_sockets.set()

    @property
    def begun(self) -> bool:
        return self._event.is_set()

    def begin(self) -> None:
        self._event.set()

    async def wait(self) -> None:
        await self._event.wait()

    @contextlib.contextmanager
    def socket(self) -> Iterator[None]:
        """Count one open socket while the block runs."""
        self._sockets += 1
        self._no_sockets.clear()
        try:
            yield
        finally:
            self._sockets -= 1
            if not self._sockets:
                self._no_sockets.set()

    async def sockets_closed(self, seconds: float) -> None:
        """Return when no socket is open, or after `seconds`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._no_sockets.wait()


class DrainingMiddleware:
    """Closes WebSockets with 1001 (going away) once draining begins; requests run on to their end."""

    def __init__(self, app: ASGIApp, draining: Draining) -> None:
        self._app = app
        self._draining = draining

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await self._app(scope, receive, send)
            return
        socket = _Socket(self._draining, receive, send)
        with self._draining.socket():
            await self._app(scope, socket.receive, socket.send)


class _Socket:
    def __init__(self, draining: Draining, receive: Receive, send: Send) -> None:
        self._draining, self._receive, self._send = draining, receive, send
        self._closed = False

    async def receive(self) -> Message:
        """The client's next message, or the disconnection that draining makes of it."""
        message = asyncio.ensure_future(self._receive())
        drained = asyncio.ensure_future(self._draining.wait())
        try:
            await asyncio.wait({message, drained}, return_when=asyncio.FIRST_COMPLETED)
            if message.done() and not self._draining.begun:
                return message.result()
            await self.send({"type": "websocket.close", "code": _GOING_AWAY, "reason": "shutting down"})
            return {"type": "websocket.disconnect", "code": _GOING_AWAY}
        finally:
            message.cancel()
            drained.cancel()

    async def send(self, message: Message) -> None:
        """Nothing may follow a close: what the inner layers still say is dropped."""
        if self._closed:
            return
        self._closed = message["type"] == "websocket.close"
        await self._send(message)
