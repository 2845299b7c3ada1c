"""A connection of `ldap3` that ends when it is told, reads no more than it may, and verifies who answers."""

import contextlib
import socket as sockets
import ssl
import threading
from collections.abc import Iterator
from typing import Any, Final

import ldap3
from ldap3.core.exceptions import LDAPException, LDAPSocketOpenError

MOST_BYTES: Final = 1_048_576


class Watch:
    """Every socket of a conversation; `cut` shuts them down, also those that come later, in any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: list[sockets.socket] = []
        self._is_cut = False

    def add(self, opened: sockets.socket) -> None:
        """Raise `OSError` when it was cut already."""
        # of its own: what TLS wraps leaves its number behind
        twin = opened.dup()
        with self._lock:
            if not self._is_cut:
                self._sockets.append(twin)
                return
        twin.close()
        raise OSError("Nobody waits for this any more.")

    def cut(self) -> None:
        with self._lock:
            self._is_cut = True
            ended, self._sockets = self._sockets, []
        for each in ended:
            with contextlib.suppress(OSError):
                each.shutdown(sockets.SHUT_RDWR)
            each.close()


@contextlib.contextmanager
def connected(
    host: str,
    address: str,
    port: int,
    watch: Watch,
    *,
    ldaps: bool,
    start_tls: bool,
    ca_certificates: str | None,
    patience: int,
) -> Iterator[ldap3.Connection]:
    """Open, and encrypted unless neither is asked for; nobody is named yet.

    `host`: whose certificate it must be; `address`: where it is. Raise `LDAPSocketOpenError`, and what
    else the library raises.
    """
    server = ldap3.Server(
        address,
        port,
        use_ssl=ldaps,
        tls=_Tls(host, ca_certificates),
        connect_timeout=patience,
        get_info=ldap3.NONE,
    )
    connection = _Connection(
        server,
        watch,
        receive_timeout=patience,
        auto_referrals=False,
        check_names=False,
        raise_exceptions=True,
        read_only=True,
    )
    try:
        connection.open(read_server_info=False)
        if start_tls and not ldaps:
            try:
                connection.start_tls(read_server_info=False)
            except LDAPException as error:
                raise LDAPSocketOpenError(str(error)) from error
        yield connection
    finally:
        # without a word of farewell, which a silent server would not read
        connection.hang_up()


def context_of(ca_certificates: str | None) -> ssl.SSLContext:
    """Which certificates are believed; None for the usual ones.

    Raise `ValueError` or `OSError` for what is no PEM.
    """
    return ssl.create_default_context(cadata=ca_certificates)


class _Tls(ldap3.Tls):  # type: ignore[misc]  # it has no types
    """As the standard library verifies: the library's own look at names is of an older Python."""

    def __init__(self, host: str, ca_certificates: str | None) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        self._host = host
        self._context = context_of(ca_certificates)

    def wrap_socket(self, connection: "_Connection", do_handshake: bool = False) -> None:  # noqa: FBT001, FBT002 - theirs
        if connection.plain is None:
            raise OSError("There is nothing to encrypt.")
        connection.socket = self._context.wrap_socket(
            connection.plain, server_hostname=self._host, do_handshake_on_connect=do_handshake
        )


class _Connection(ldap3.Connection):  # type: ignore[misc]  # it has no types
    """`socket`: as the library reads it; `plain`: what it opened last."""

    def __init__(self, server: ldap3.Server, watch: Watch, **options: Any) -> None:
        self._watch = watch
        self._reader: _Reader | None = None
        self.plain: sockets.socket | None = None
        super().__init__(server, **options)

    @property
    def socket(self) -> "_Reader | None":
        return self._reader

    @socket.setter
    def socket(self, opened: sockets.socket | None) -> None:
        # what TLS wraps is known already
        if opened is not None and not isinstance(opened, ssl.SSLSocket):
            try:
                self._watch.add(opened)
            except OSError:
                opened.close()
                raise
        self.plain, self._reader = opened, None if opened is None else _Reader(opened)

    def hang_up(self) -> None:
        """Close what is open, also what the library gave up half-way."""
        last = self.plain
        self.strategy.close()
        if last is not None:
            last.close()


class _Reader:
    """A socket that reads no more than `MOST_BYTES`."""

    def __init__(self, opened: sockets.socket) -> None:
        self._opened = opened
        self._left = MOST_BYTES

    def recv(self, size: int) -> bytes:
        read = self._opened.recv(size)
        self._left -= len(read)
        if self._left < 0:
            raise OSError("The answer is too long.")
        return read

    def __getattr__(self, name: str) -> Any:
        return getattr(self._opened, name)
