"""Hands e-mails to an SMTP server, or in development puts them where `/dev/outbox` shows them."""

import asyncio
import os
import socket
import tempfile
from email.message import EmailMessage
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import aiosmtplib
import msgspec
from aiosmtplib import SMTPException

from harka.config import ConfigurationError, Settings
from harka.errors import UnavailableError
from harka.mail.letter import Letter, message_of
from harka.outbound import resolve

_TIMEOUT: Final = 20.0
"""Seconds for each answer of the server."""
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_PORTS: Final = {"smtp": 587, "smtps": 465}
_DEVELOPMENT: Final = "no-reply@harka.localhost"
_LASTING: Final = range(500, 600)
"""Answers of a server that will not be others the next time."""


class RefusedError(Exception):
    """The server takes no such e-mail, today or tomorrow: an address that is none, above all."""


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """An organization's own. `address`: that its e-mails come from."""

    address: str
    host: str
    port: int
    start_tls: bool
    username: str
    password: str

    def __repr__(self) -> str:
        return f"Server({self.host})"


class Mailer:
    """One for a process; a connection for each e-mail, as few come at a time."""

    def __init__(self, settings: Settings) -> None:
        """Raise `ConfigurationError` for a server without an address to send from."""
        self._url = settings.smtp_url
        self._outbox = None if settings.mail_outbox is None else Path(settings.mail_outbox)
        if self._url and not settings.mail_from:
            raise ConfigurationError("HARKA_MAIL_FROM: HARKA_SMTP_URL needs it")
        self._sender = settings.mail_from or _DEVELOPMENT
        self._private = settings.outbound_private

    @property
    def is_open(self) -> bool:
        """Whether e-mails go anywhere by the platform's server."""
        return self._url is not None or self._outbox is not None

    async def send(self, letter: Letter, server: Server | None = None) -> None:
        """Once the server has it, it is the server's. `server`: an organization's own, None for ours.

        Raise `UnavailableError` for what may go well the next time, `RefusedError` for what will not.
        """
        try:
            message = message_of(letter, self._sender if server is None else server.address)
        except ValueError as error:
            raise RefusedError(str(error)) from None
        if server is not None:
            await _deliver_by(server, message, private=self._private)
        elif self._url is not None:
            await _deliver(self._url, message)
        elif self._outbox is not None:
            _put(self._outbox, f"{letter.id}.eml", message.as_bytes())


async def _deliver(url: str, message: EmailMessage) -> None:
    parts = urlsplit(url)
    host = parts.hostname or ""
    is_tls = parts.scheme == "smtps"
    client = aiosmtplib.SMTP(
        hostname=host,
        port=parts.port or _PORTS[parts.scheme],
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        use_tls=is_tls,
        # None takes it where it is offered: what does not leave this machine needs none
        start_tls=False if is_tls else None if host in _LOOPBACK else True,
        timeout=_TIMEOUT,
    )
    await _hand_in(client, message)


async def _deliver_by(server: Server, message: EmailMessage, *, private: bool) -> None:
    """The name is looked up once, all its addresses are public, and one that was looked at is spoken to."""
    try:
        async with asyncio.timeout(_TIMEOUT):
            address = await resolve(server.host, private=private)
            connection = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
            connection.setblocking(False)
            try:
                await asyncio.get_running_loop().sock_connect(connection, (address, server.port))
            except BaseException:
                connection.close()
                raise
    except (OSError, TimeoutError, UnicodeError) as error:
        raise UnavailableError(f"{server.host} does not answer: {type(error).__name__}.") from error
    client = aiosmtplib.SMTP(
        # whose certificate it must show
        hostname=server.host,
        sock=connection,
        username=server.username,
        password=server.password,
        use_tls=not server.start_tls,
        start_tls=False if not server.start_tls else None if server.host in _LOOPBACK else True,
        timeout=_TIMEOUT,
    )
    await _hand_in(client, message)


async def _hand_in(client: aiosmtplib.SMTP, message: EmailMessage) -> None:
    try:
        async with client:
            await client.send_message(message)
    except (SMTPException, OSError, ValueError) as error:
        code = _code(error)
        if code in _LASTING:
            raise RefusedError(f"The server has answered {code}.") from error
        said = f"{type(error).__name__} {getattr(error, 'code', '')}".rstrip()
        raise UnavailableError(f"The e-mail server does not take it now: {said}.") from error


def _code(error: Exception) -> int:
    """Of the server's answer to this e-mail; 0 where it was none, or was about us."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return max((each.code for each in error.recipients), default=0)
    if isinstance(error, aiosmtplib.SMTPDataError | aiosmtplib.SMTPSenderRefused):
        return error.code
    return 0


def _put(directory: Path, name: str, content: bytes) -> None:
    """In one step: who reads the directory meanwhile sees the whole of it or nothing."""
    directory.mkdir(parents=True, exist_ok=True)
    handle, place = tempfile.mkstemp(dir=directory, suffix=".part")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    Path(place).replace(directory / name)
