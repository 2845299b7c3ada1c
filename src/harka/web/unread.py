"""Clients that do not read what they are sent: their connections are closed after a while.

Not who reads slowly: an answer may take as long as it likes, as long as some of it arrives. What has arrived
is known of the system only, which holds up to some megabytes of a connection: a slow reader takes of these
for minutes before we may send anything more.
"""

import asyncio
import fcntl
import math
import struct
import termios
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from harka import logs

log = logs.logger("web")

PATIENCE: Final = "harka.patience"
"""Where the application puts its `Patience` in the state of its server."""
_LOOKS: Final = 4
_NUMBER: Final = struct.Struct("i")


def _count_nothing() -> None:
    """As where there are no metrics."""


@dataclass(frozen=True)
class Patience:
    """`seconds`: without a byte that the client takes. `ended`: called for each connection closed so."""

    seconds: float = 30.0
    ended: Callable[[], None] = _count_nothing


class Unread:
    """What one client has not taken yet. It is looked at by one timer, from when something cannot be sent."""

    __slots__ = ("_left", "_patience", "_since", "_timer", "_transport")

    def __init__(self, transport: asyncio.Transport, state: dict[str, Any]) -> None:
        """`state`: of the server's application."""
        self._transport = transport
        self._patience: Patience = state.get(PATIENCE) or Patience()
        self._left = self._since = math.inf
        self._timer: asyncio.TimerHandle | None = None

    def watch(self) -> None:
        """Until all is sent that there is to send by now, or the connection is closed for it."""
        if self._timer is not None:
            # it was not paused, so something was taken; what has been written since is more
            self._left = math.inf
        elif self._transport.get_write_buffer_size():
            self._left, self._since = _left(self._transport), asyncio.get_running_loop().time()
            self._look_later()

    def end(self) -> None:
        """The connection is lost."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._patience.seconds / _LOOKS, self._look)

    def _look(self) -> None:
        self._timer = None
        if not self._transport.get_write_buffer_size():
            return
        now, left = asyncio.get_running_loop().time(), _left(self._transport)
        if left < self._left:
            self._since = now
        elif now - self._since >= self._patience.seconds:
            log.info("a client does not read its answer", left=left)
            self._patience.ended()
            # to close would be to wait for it
            self._transport.abort()
            return
        self._left = left
        self._look_later()


def _left(transport: asyncio.Transport) -> int:
    """Bytes that are still to be sent or to be acknowledged."""
    held = fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, bytes(_NUMBER.size))
    (sent,) = _NUMBER.unpack(held)
    return transport.get_write_buffer_size() + int(sent)
