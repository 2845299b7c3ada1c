"""The API's server as the commands run it: one listening socket, stopped by whoever owns the process."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Iterator
from typing import Final

from harka.app import Server
from harka.config import ConfigurationError, Settings
from harka.errors import HarkaError

_NEXT_PORTS: Final = 20
_BACKLOG: Final = 2048
ALONE: Final = 8
BESIDE_OTHERS: Final = 2
"""Descriptors of a listening socket, in a process that has it alone and in one of several."""


class PortTakenError(HarkaError):
    """The port is taken."""


class OwnedServer(Server):
    """Leaves the signals of the process alone, and says when it serves."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.serving = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.serving.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop(self) -> None:
        """Finish what runs, within the grace period; asked again, do not even that."""
        self.force_exit = self.should_exit
        self.should_exit = True


def listen(host: str, port: int) -> socket.socket:
    """Raise `PortTakenError`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise PortTakenError(f"cannot listen on {host} port {port}: {error.strerror}") from error
        raise PortTakenError(f"port {port} is taken") from error


def listen_nearby(host: str, port: int) -> socket.socket:
    """On `port`, or the next free one."""
    for candidate in range(port, min(port + _NEXT_PORTS, 65_536)):
        with contextlib.suppress(PortTakenError):
            return listen(host, candidate)
    return listen(host, 0)


def descriptors_of(listener: socket.socket, number: int) -> list[socket.socket]:
    """`listener` and further descriptors of it, `number` in all, for a server that closes them.

    libuv takes one connection of each in a turn of its loop (libuv #3696): in busy turns of milliseconds,
    hundreds that come at once would wait for a second. Each more is a system call in vain for a connection.
    """
    # a copy would set them all to wait as its original does, and with them those of other processes: their
    # loops would stand still in a call for a connection that another has taken
    listener.setblocking(False)
    return [listener, *(listener.dup() for _ in range(number - 1))]


def port_of(listener: socket.socket) -> int:
    port: int = listener.getsockname()[1]
    return port


def require_servers(settings: Settings) -> None:
    """Raise `ConfigurationError` naming what only `harka up` makes by itself."""
    for name in ("database_url", "redis_url", "secret"):
        if not getattr(settings, name):
            raise ConfigurationError(f"HARKA_{name.upper()} is not set; `harka up` embeds what is missing")
