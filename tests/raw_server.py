"""Our protocol over real connections, in front of an application whose gate is its own."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from full_gate import gated
from harka.web.protocol import BoundedProtocol
from harka.web.refusals import REFUSALS, Refusals
from plain_posts import plain_post
from school import School
from waiting import until

BODY = b'{"query": "{ viewer { kind } }"}'


@dataclass
class Server:
    school: School
    port: int
    refusals: Refusals
    protocols: list[BoundedProtocol] = field(default_factory=list)

    async def is_held(self) -> bool:
        """Whether something has come behind what waits on the first connection."""
        return bool(self.protocols[0]._held)

    async def request(self, *more: str, body: bytes = BODY) -> bytes:
        """`more`: headers, as lines."""
        return await plain_post(self.school, body, *more)


class Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    def send(self, request: bytes) -> None:
        self._writer.write(request)

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        async with asyncio.timeout(10):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
            status, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines)
            body = await self._reader.readexactly(int(headers["content-length"]))
        assert len(headers) == len(lines)
        return int(status.split(" ")[1]), headers, body

    async def ask(self, request: bytes) -> tuple[int, dict[str, str], bytes]:
        self.send(request)
        return await self.answer()


@asynccontextmanager
async def connected(server: Server) -> AsyncIterator[Connection]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        yield Connection(reader, writer)
    finally:
        writer.close()


@pytest.fixture
async def server(school: School) -> AsyncIterator[Server]:
    own = gated(school)
    config = Config(own.app, lifespan="off", log_config=None)
    served = Server(own, 0, Refusals(own.runtime))
    state = {REFUSALS: served.refusals}

    def protocol() -> BoundedProtocol:
        served.protocols.append(BoundedProtocol(config, ServerState(), state))
        return served.protocols[-1]

    listening = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    served.port = listening.sockets[0].getsockname()[1]
    yield served
    listening.close()
    await listening.wait_closed()

    async def are_lost() -> bool:
        return not any(protocol.connections for protocol in served.protocols)

    await until(are_lost)
    served.refusals.close()


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], None]]:
    """Refusals for which there was no time, which is true of all: nobody calls them but the test."""
    refusals: list[Callable[[], None]] = []
    monkeypatch.setattr(Refusals, "may_go_on", lambda _: False)
    monkeypatch.setattr(Refusals, "later", lambda _, refuse: refusals.append(refuse))
    return refusals
