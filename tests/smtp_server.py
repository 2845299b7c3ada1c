"""A server that takes e-mails and keeps them, or answers what it is told to."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import cast


class SmtpServer:
    """`answers`: by the first word of a command, instead of what it would be. `received`: whole e-mails.

    `logins`: how somebody wanted to be let in.
    """

    def __init__(self) -> None:
        self.received: list[EmailMessage] = []
        self.answers: dict[str, str] = {}
        self.port = 0
        self.logins: list[str] = []

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                word = line.split()[0].decode().upper()
                if word == "DATA" and word not in self.answers:
                    writer.write(b"354 go on\r\n")
                    content = (await reader.readuntil(b"\r\n.\r\n"))[:-3].replace(b"\r\n..", b"\r\n.")
                    self.received.append(cast("EmailMessage", message_from_bytes(content, policy=default)))
                if word == "AUTH":
                    self.logins.append(line.decode().strip())
                writer.write(f"{self.answers.get(word, '250 yes')}\r\n".encode())
                if word == "QUIT":
                    break
        writer.close()


@contextlib.asynccontextmanager
async def smtp_server(shown: ssl.SSLContext | None = None) -> AsyncIterator[SmtpServer]:
    """On a port of its own. `shown`: encrypted from the first byte on."""
    server = SmtpServer()
    listening = await asyncio.start_server(server._serve, "127.0.0.1", 0, ssl=shown)
    server.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield server
