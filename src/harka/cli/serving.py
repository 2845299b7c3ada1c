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
IN_A_TURN: Final = 8
"""Connections that are taken in a turn of the event loop: as many descriptors of the socket listen."""


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
    """Alone at the port. Raise `PortTakenError`."""
    with _telling_of(host, port):
        return socket.create_server((host, port), family=_family(host), backlog=_BACKLOG)


def bind_beside_others(host: str, port: int) -> socket.socket:
    """At a port where other processes of this user do so: the kernel deals out connections to who listens.

    This one does not yet, so that none is dealt out to a process before it serves. Raise `PortTakenError`.
    """
    bound = socket.socket(_family(host))
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if bound.family == socket.AF_INET6:
        # as `create_server` has it: IPv4 is another address
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    try:
        with _telling_of(host, port):
            bound.bind((host, port))
    except PortTakenError:
        bound.close()
        raise
    return bound


def listen_nearby(host: str, port: int) -> socket.socket:
    """On `port`, or the next free one."""
    for candidate in range(port, min(port + _NEXT_PORTS, 65_536)):
        with contextlib.suppress(PortTakenError):
            return listen(host, candidate)
    return listen(host, 0)


def reserve(host: str, port: int) -> socket.socket:
    """A port at which processes of this user may `bind_beside_others`, and nobody else while this is open.

    Raise `PortTakenError`, also where others do so already.
    """
    with listen(host, port) as free:
        port = port_of(free)
    held = bind_beside_others(host, port)
    # those that have left may linger there; from now on who would have it alone is refused
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    return held


def descriptors_of(listener: socket.socket) -> list[socket.socket]:
    """`listener` and further descriptors of it, for a server that closes them.

    libuv takes one connection of each in a turn of its loop (libuv #3696): in busy turns of milliseconds,
    hundreds that come at once would wait for a second. Each more is a system call in vain for a connection.
    """
    # a copy would set them all to wait as its original does
    listener.setblocking(False)
    return [listener, *(listener.dup() for _ in range(IN_A_TURN - 1))]


@contextlib.contextmanager
def _telling_of(host: str, port: int) -> Iterator[None]:
    """Raise `PortTakenError` for what the system says."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise PortTakenError(f"cannot listen on {host} port {port}: {error.strerror}") from error
        raise PortTakenError(f"port {port} is taken") from error


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def port_of(listener: socket.socket) -> int:
    port: int = listener.getsockname()[1]
    return port


def require_servers(settings: Settings) -> None:
    """Raise `ConfigurationError` naming what only `harka up` makes by itself."""
    for name in ("database_url", "redis_url", "secret"):
        if not getattr(settings, name):
            raise ConfigurationError(f"HARKA_{name.upper()} is not set; `harka up` embeds what is missing")
