"""uvicorn's WebSocket protocol, which a client must read, like an answer (`web.unread`)."""

import asyncio
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from harka.web.unread import Unread


class BoundedSocket(WebSocketsSansIOProtocol):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._unread: Unread | None = None

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._unread is not None:
            self._unread.end()
        super().connection_lost(exc)

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """What is still to be sent is the last; without it the connection does not close."""
        super().on_task_complete(task)
        self._watch()

    def keepalive_timeout(self) -> None:
        """No ping is answered; to close is to wait for what is unsent, and the application waits, too."""
        super().keepalive_timeout()
        self._watch()

    def _watch(self) -> None:
        if self._unread is None:
            self._unread = Unread(self.transport, self.app_state)
        self._unread.watch()
