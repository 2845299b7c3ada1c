"""Hands e-mails to an SMTP server, or in development puts them where `/dev/outbox` shows them."""

import os
import tempfile
from email.message import EmailMessage
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import aiosmtplib
from aiosmtplib import SMTPException

from harka.config import ConfigurationError, Settings
from harka.errors import UnavailableError
from harka.mail.letter import Letter, message_of

_TIMEOUT: Final = 20.0
"""Seconds for each answer of the server."""
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_PORTS: Final = {"smtp": 587, "smtps": 465}
_DEVELOPMENT: Final = "no-reply@harka.localhost"
_LASTING: Final = range(500, 600)
"""Answers of a server that will not be others the next time."""


class RefusedError(Exception):
    """The server takes no such e-mail, today or tomorrow: an address that is none, above all."""


class Mailer:
    """One for a process; a connection for each e-mail, as few come at a time."""

    def __init__(self, settings: Settings) -> None:
        """Raise `ConfigurationError` for a server without an address to send from."""
        self._url = settings.smtp_url
        self._outbox = None if settings.mail_outbox is None else Path(settings.mail_outbox)
        if self._url and not settings.mail_from:
            raise ConfigurationError("HARKA_MAIL_FROM: HARKA_SMTP_URL needs it")
        self._sender = settings.mail_from or _DEVELOPMENT

    @property
    def is_open(self) -> bool:
        """Whether e-mails go anywhere."""
        return self._url is not None or self._outbox is not None

    async def send(self, letter: Letter) -> None:
        """Once the server has it, it is the server's.

        Raise `UnavailableError` for what may go well the next time, `RefusedError` for what will not.
        """
        try:
            message = message_of(letter, self._sender)
        except ValueError as error:
            raise RefusedError(str(error)) from None
        if self._url is not None:
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
    try:
        async with client:
            await client.send_message(message)
    except (SMTPException, OSError, ValueError) as error:
        code = _code(error)
        if code in _LASTING:
            raise RefusedError(f"The server has answered {code}.") from error
        raise UnavailableError("The e-mail server does not take it now.") from error


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
