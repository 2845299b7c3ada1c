"""Receivers of webhooks, on a port of this machine: one that takes what it is sent, and such as do not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from harka.codec import from_json

LONG = 10_000_000


@dataclass(frozen=True)
class Message:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return from_json(self.body)


@dataclass
class Receiver:
    """By path: `/take` takes it, `/fail` answers 500, `/gone` 410, `/hang` nothing, `/long` 10 MB.

    `/away` leads to `/take` of this machine. `status`: what `/take` answers, `retry_after` beside it. `sent`:
    bytes that `/long` could send.
    """

    port: int = 0
    status: int = 200
    retry_after: str = ""
    sent: int = 0
    messages: list[Message] = field(default_factory=list)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    def url(self, path: str = "take") -> str:
        return f"http://127.0.0.1:{self.port}/{path}"

    def taken(self, path: str = "take") -> list[Message]:
        return [each for each in self.messages if each.path == f"/{path}"]

    async def until(self, count: int, path: str = "take", *, patience: float = 15.0) -> list[Message]:
        """What came, once so many have. `patience`: seconds until that fails."""
        async with asyncio.timeout(patience), self.arrived:
            await self.arrived.wait_for(lambda: len(self.taken(path)) >= count)
        return self.taken(path)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            lines = [line.partition(": ") for line in head[1:-2]]
            headers = {name.lower(): value for name, _, value in lines}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            path = head[0].split()[1]
            async with self.arrived:
                self.messages.append(Message(path, headers, body))
                self.arrived.notify_all()
            await self._answer(path, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _answer(self, path: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if path == "/hang":
            await reader.read()
            return
        status = {"/fail": 500, "/gone": 410, "/away": 302, "/long": 200}.get(path, self.status)
        length = LONG if path == "/long" else 0
        writer.write(
            f"HTTP/1.1 {status} X\r\nlocation: {self.url()}\r\nconnection: close\r\n"
            f"retry-after: {self.retry_after}\r\n"
            f"content-length: {length}\r\n\r\n".encode()
        )
        while self.sent < length:
            writer.write(b"x" * 10_000)
            await writer.drain()
            self.sent += 10_000


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    async with await asyncio.start_server(receiver.answer, "127.0.0.1", 0) as server:
        receiver.port = server.sockets[0].getsockname()[1]
        yield receiver
