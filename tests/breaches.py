"""Tells which passwords were made public, as Have I Been Pwned does: on a port of this machine."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Known:
    """`times`: how often what it knows was seen. `silent`: it takes questions, and says nothing."""

    passwords: tuple[str, ...]
    status: int = 200
    times: int = 3
    silent: bool = False
    more: bytes = b""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            lines = [line.partition(": ") for line in head[1:-2]]
            path = head[0].split()[1]
            self.asked.append((path, {name.lower(): value for name, _, value in lines}))
            if self.silent:
                await reader.read()
                return
            body = self._body(path.rpartition("/")[2])
            start = f"HTTP/1.1 {self.status} X\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
            writer.write(start.encode() + body)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def _body(self, signs: str) -> bytes:
        hashes = (
            hashlib.sha1(each.encode(), usedforsecurity=False).hexdigest().upper() for each in self.passwords
        )
        found = (f"{each[5:]}:{self.times}" for each in hashes if each[:5] == signs)
        return "\r\n".join(["0" * 35 + ":7", *found, "F" * 35 + ":0"]).encode() + self.more


@asynccontextmanager
async def knowing(*passwords: str) -> AsyncIterator[tuple[Known, str]]:
    """It, and its address."""
    known = Known(passwords)
    server = await asyncio.start_server(known.answer, "127.0.0.1", 0)
    async with server:
        yield known, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/range/"


@asynccontextmanager
async def serving(*passwords: str) -> AsyncIterator[str]:
    """Its address."""
    async with knowing(*passwords) as (_, address):
        yield address
