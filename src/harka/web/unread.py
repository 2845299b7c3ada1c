"""Clients that do not read what they are sent: their connections are closed after a while.

Not who reads slowly: an answer may take as long as it likes, as long as some of it arrives. What has arrived
is known of the system only, which holds up to some megabytes of a connection: a slow reader takes of these
for minutes before we may send anything more.
"""

import asyncio
import fcntl
import math
import socket
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
_ACKNOWLEDGED: Final = struct.Struct("=120xQ")
"""`tcpi_bytes_acked` of Linux's `struct tcp_info` (include/uapi/linux/tcp.h), since 4.1."""


def _count_nothing() -> None:
    """As where there are no metrics."""


@dataclass(frozen=True)
class Patience:
    """`seconds`: without a byte that the client takes. `ended`: called for each connection closed so."""

    seconds: float = 60.0
    ended: Callable[[], None] = _count_nothing


class Unread:
    """What one client has not taken yet. It is looked at by one timer, from when something cannot be sent."""

    __slots__ = ("_patience", "_since", "_taken", "_timer", "_transport")

    def __init__(self, transport: asyncio.Transport, state: dict[str, Any]) -> None:
        """`state`: of the server's application."""
        self._transport = transport
        self._patience: Patience = state.get(PATIENCE) or Patience()
        self._since, self._taken = math.inf, 0
        self._timer: asyncio.TimerHandle | None = None

    def watch(self) -> None:
        """Until all is sent that there is to send by now, or the connection is closed for it."""
        if self._timer is None and self._transport.get_write_buffer_size():
            self._taken, self._since = _taken(self._transport), asyncio.get_running_loop().time()
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
        now, taken = asyncio.get_running_loop().time(), _taken(self._transport)
        if taken > self._taken:
            self._since = now
        elif now - self._since >= self._patience.seconds:
            log.info("a client does not read its answer", unsent=self._transport.get_write_buffer_size())
            self._patience.ended()
            # to close would be to wait for it
            self._transport.abort()
            return
        self._taken = taken
        self._look_later()


def _taken(transport: asyncio.Transport) -> int:
    """A number that grows as the client takes bytes, whatever is written meanwhile: those acknowledged.

    Of what is no TCP, or of an older system: less what is left, so that more written hides what is taken.
    """
    its_socket = transport.get_extra_info("socket")
    try:
        told = its_socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _ACKNOWLEDGED.size)
    except OSError:
        told = b""
    if len(told) == _ACKNOWLEDGED.size:
        (acknowledged,) = _ACKNOWLEDGED.unpack(told)
        return int(acknowledged)
    (held,) = _NUMBER.unpack(fcntl.ioctl(its_socket.fileno(), termios.TIOCOUTQ, bytes(_NUMBER.size)))
    return -(transport.get_write_buffer_size() + int(held))
