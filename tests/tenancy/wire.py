"""A wire to the embedded PostgreSQL that a test can cut and mend."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit, urlunsplit


class Wire:
    """Listens on a socket of its own in `directory` and carries bytes to the server that `url` names."""

    def __init__(self, url: str, directory: Path) -> None:
        self._there = Path(parse_qs(urlsplit(url).query)["host"][0]) / ".s.PGSQL.5432"
        self._here = directory / ".s.PGSQL.5432"
        self.url = urlunsplit(urlsplit(url)._replace(query=f"host={directory}"))
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._carriers: set[asyncio.Task[None]] = set()

    async def mend(self) -> None:
        self._server = await asyncio.start_unix_server(self._connected, self._here)

    async def cut(self) -> None:
        """No new connection gets through, and every old one ends."""
        if self._server is not None:
            self._server.close()
            self._here.unlink(missing_ok=True)
            self._server = None
        for end in self._ends:
            end.close()
        if self._carriers:
            await asyncio.wait(self._carriers)

    async def _connected(self, near_reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        far_reader, far = await asyncio.open_unix_connection(self._there)
        self._ends |= {near, far}
        for reader, writer in ((near_reader, far), (far_reader, near)):
            task = asyncio.create_task(self._carry(reader, writer))
            self._carriers.add(task)
            task.add_done_callback(self._carriers.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()
        self._ends.discard(writer)


@contextlib.asynccontextmanager
async def wired(url: str, directory: Path) -> AsyncIterator[Wire]:
    wire = Wire(url, directory)
    await wire.mend()
    try:
        yield wire
    finally:
        await wire.cut()
