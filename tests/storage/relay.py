"""Between a client and PostgreSQL: counts round trips, speaks TLS, falls silent, goes away."""

import asyncio
import ssl
from typing import Final, Self

_SYNC: Final = ord("S")
_QUERY: Final = ord("Q")
# the messages before the first typed one: startup, and whatever asks for TLS
_STARTUP: Final = 8


class Relay:
    """`trips`: how often a client has asked and now waits: Sync and Query messages."""

    def __init__(self, socket: str, *, tls: ssl.SSLContext | None = None) -> None:
        """`tls`: whoever comes must ask for it, and gets it; PostgreSQL itself is spoken to without."""
        self.trips = 0
        self._tls = tls
        self.port = 0
        self.socket = socket
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []
        self._speaks = asyncio.Event()
        self._speaks.set()

    async def __aenter__(self) -> Self:
        await self.come_back()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.speak()
        self.go_away()

    async def come_back(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def go_away(self) -> None:
        """Refuse who comes and cut off who is there."""
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    def fall_silent(self) -> None:
        """Let come who comes, and say nothing to anybody."""
        self._speaks.clear()

    def fall_silent_to_those_here(self) -> asyncio.Event:
        """Who comes later is heard; the event ends the silence."""
        here, self._speaks = self._speaks, asyncio.Event()
        self._speaks.set()
        here.clear()
        return here

    def speak(self) -> None:
        self._speaks.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._tls is not None:
            await reader.readexactly(_STARTUP)
            writer.write(b"S")
            await writer.start_tls(self._tls)
        back, forth = await asyncio.open_unix_connection(self.socket)
        self._writers += (writer, forth)
        await asyncio.gather(self._pump(reader, forth, counted=True), self._pump(back, writer, counted=False))

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counted: bool
    ) -> None:
        count, speaks = Counter(), self._speaks
        try:
            while data := await reader.read(65536):
                await speaks.wait()
                if counted:
                    self.trips += count.feed(data)
                writer.write(data)
        except OSError:
            pass
        writer.close()


class Counter:
    """Finds messages in a client's stream: a type and a length each, after the startup message."""

    def __init__(self) -> None:
        self._rest = b""
        self._typed = False

    def feed(self, data: bytes) -> int:
        """How many of the messages that end here ask for an answer."""
        self._rest += data
        found = 0
        while True:
            head = 5 if self._typed else 4
            if len(self._rest) < head:
                return found
            length = int.from_bytes(self._rest[head - 4 : head], "big") + head - 4
            if len(self._rest) < length:
                return found
            if self._typed:
                found += self._rest[0] in {_SYNC, _QUERY}
            # a request for TLS is 8 bytes long; what follows it is a startup message still
            self._typed = self._typed or length > _STARTUP
            self._rest = self._rest[length:]
