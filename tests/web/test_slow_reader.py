"""Who asks and does not read the answer: nothing of the organization's is held for them, nor a connection."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvloop
from starlette.types import Receive, Scope, Send
from uvicorn import Config
from uvicorn.server import ServerState

from full_gate import gated
from harka.codec import json_bytes
from harka.graph.answer import Answer
from harka.tenancy.plan import Resource
from harka.tenancy.quota import Admission
from harka.web.connection import ANSWER, ARRIVED, CONNECTION, ClientConnection
from harka.web.middleware.draining import Draining
from harka.web.protocol import BoundedProtocol
from harka.web.routes import build
from harka.web.socket_protocol import BoundedSocket
from harka.web.sse import send_events
from harka.web.unread import PATIENCE, Patience
from harka.web.websocket import PROTOCOL
from plain_posts import plain_post
from school import School, graphql_scope, school, until

__all__ = ["school"]

SECONDS = 0.5
BEYOND = 1_000_000
"""Bytes that neither the system's buffers, which are small here, nor the server's take."""
WITHIN = 40_000
"""Bytes that the server takes, so that it does not pause."""
SMALL = 500
"""Bytes of an event, of which half is read meanwhile: what is unsent grows, but not until it pauses."""
TYPES = b'{"query": "{ __schema { types { name description fields { name description } } } }"}'
UPGRADE = (
    b"GET /socket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
ASKED = {
    "/answer": b"GET /answer HTTP/1.1\r\nHost: a\r\n\r\n",
    "/answer and on": b"GET /answer HTTP/1.1\r\nHost: a\r\n\r\n" * 2,
    "/graphql": b"POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}",
    "/events": b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n",
    "/last": b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "/rest": b"GET /rest HTTP/1.1\r\nHost: a\r\n\r\n",
    "/socket": UPGRADE,
    "/farewell": UPGRADE.replace(b"/socket", b"/farewell"),
    "/unanswered pings": UPGRADE.replace(b"/socket", b"/quiet"),
    "/quiet events": b"GET /quiet HTTP/1.1\r\nHost: a\r\n\r\n",
    "/failure": b"GET /failure HTTP/1.1\r\nHost: a\r\n\r\n",
    "/failure of a whole request": b"POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\nfailure",
}


async def endless(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with more than is read; on sockets and streams, for ever."""
    path = scope["path"]
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        while path == "/socket":
            await send({"type": "websocket.send", "bytes": bytes(WITHIN)})
        await send({"type": "websocket.send", "bytes": bytes(WITHIN)})
        while path == "/quiet" and (await receive())["type"] != "websocket.disconnect":
            pass
        return
    if path in EVENTS:
        await send_events(EVENTS[path](), receive, send, scope[CONNECTION], heartbeat=SECONDS / 5)
        return
    if path == "/failure" or scope.get(ARRIVED) == b"failure":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": bytes(WITHIN), "more_body": True})
        raise RuntimeError
    body = bytes(WITHIN if path in {"/last", "/rest"} else BEYOND)
    if ANSWER in scope:
        await scope[ANSWER](200, b"content-length: %d\r\n" % len(body), body)


async def _many() -> AsyncIterator[Answer]:
    while True:
        yield Answer(body={"data": "." * WITHIN})


async def _one() -> AsyncIterator[Answer]:
    yield Answer(body={"data": "." * WITHIN})
    await asyncio.Event().wait()


async def _small() -> AsyncIterator[Answer]:
    while True:
        yield Answer(body={"data": "." * SMALL})
        await asyncio.sleep(SECONDS / 50)


EVENTS = {"/events": _many, "/quiet": _one, "/small": _small}


@dataclass
class Server:
    """`ended`: how many connections were closed since nothing was read."""

    app: Any
    state: ServerState = field(default_factory=ServerState)
    port: int = 0
    ended: int = 0
    protocol: Callable[[], asyncio.Protocol] = asyncio.Protocol
    first: asyncio.Event = field(default_factory=asyncio.Event)

    def end(self) -> None:
        self.ended += 1
        self.first.set()

    async def has_ended(self) -> None:
        async with asyncio.timeout(20 * SECONDS):
            await self.first.wait()

    async def is_alone(self) -> bool:
        """Whether there is no connection, and nothing is done for one."""
        return not self.state.connections and not self.state.tasks


@contextlib.asynccontextmanager
async def served(
    app: Any, keep_alive: int = 0, held: int = 4_096, ping: float = 20.0
) -> AsyncIterator[Server]:
    """`held`: bytes that the system holds of a connection, about. `ping`: seconds, of a socket."""
    server = Server(app)
    state = {PATIENCE: Patience(SECONDS, server.end)}
    config = Config(
        app,
        lifespan="off",
        log_config=None,
        ws=BoundedSocket,
        ws_ping_interval=ping,
        ws_ping_timeout=ping,
        timeout_keep_alive=keep_alive,
    )
    listener = socket.create_server(("127.0.0.1", 0))
    # whoever is taken here has it from here
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, held)
    server.protocol = lambda: BoundedProtocol(config, server.state, dict(state))
    listening = await asyncio.get_running_loop().create_server(server.protocol, sock=listener)
    server.port = listener.getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        await listening.wait_closed()


@contextlib.asynccontextmanager
async def asking(server: Server, request: bytes) -> AsyncIterator[socket.socket]:
    """Someone who has asked, and has not read anything yet."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(client, ("127.0.0.1", server.port))
        await loop.sock_sendall(client, request)
        yield client


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_who_reads_nothing_is_left(run: Any) -> None:
    async def left(asked: str) -> int:
        ping = SECONDS / 5 if "pings" in asked else 20.0
        async with served(endless, ping=ping) as server, asking(server, ASKED[asked]):
            began = asyncio.get_running_loop().time()
            await server.has_ended()
            assert asyncio.get_running_loop().time() - began >= SECONDS / 2, asked
            await until(server.is_alone)
            return server.ended

    async def try_all() -> list[Any]:
        return await asyncio.gather(*map(left, ASKED), return_exceptions=True)

    assert dict(zip(ASKED, run(try_all()), strict=True)) == dict.fromkeys(ASKED, 1)


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_who_reads_nothing_of_what_is_no_tcp_is_left(run: Any) -> None:
    async def try_it() -> None:
        ours, theirs = socket.socketpair()
        async with served(endless) as server:
            with theirs:
                await asyncio.get_running_loop().connect_accepted_socket(server.protocol, ours)
                theirs.sendall(ASKED["/answer"])
                await server.has_ended()
                await until(server.is_alone)

    run(try_it())


async def test_who_reads_nothing_and_sends_nonsense_is_left() -> None:
    async with served(endless, keep_alive=3_600) as server, asking(server, ASKED["/rest"]) as client:

        async def is_answered() -> bool:
            return server.state.total_requests == 1

        await until(is_answered)
        await asyncio.get_running_loop().sock_sendall(client, b"nonsense\r\n\r\n")
        await server.has_ended()
        await until(server.is_alone)


async def test_who_reads_nothing_is_left_after_a_request_that_could_not_begin() -> None:
    async with served(endless, keep_alive=3_600) as server, asking(server, ASKED["/rest"]):

        async def is_answered() -> bool:
            return server.state.total_requests == 1 and not server.state.tasks

        await until(is_answered)
        (protocol,) = server.state.connections
        assert isinstance(protocol, BoundedProtocol)
        protocol._begin(b"nonsense", None)
        await server.has_ended()
        await until(server.is_alone)


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_who_reads_slowly_has_the_whole_answer(run: Any) -> None:
    async def try_it() -> None:
        # of so much the system asks for more only once a third of it has been taken
        async with served(endless, held=200_000) as server, asking(server, ASKED["/answer"]) as client:
            loop = asyncio.get_running_loop()
            got, until_then = 0, loop.time() + 2 * SECONDS
            while loop.time() < until_then:
                got += len(await loop.sock_recv(client, 500))
                await asyncio.sleep(SECONDS / 50)
            assert 0 < got < BEYOND / 2, "it was slow"
            while got < BEYOND:
                more = await loop.sock_recv(client, 65_536)
                assert more, "nobody left them"
                got += len(more)
            assert server.ended == 0

    run(try_it())


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_who_reads_less_than_is_written_meanwhile_is_not_left(run: Any) -> None:
    async def try_it() -> None:
        asked = b"GET /small HTTP/1.1\r\nHost: a\r\n\r\n"
        async with served(endless) as server, asking(server, asked) as client:
            loop = asyncio.get_running_loop()
            until_then = loop.time() + 4 * SECONDS
            while loop.time() < until_then:
                assert await loop.sock_recv(client, SMALL // 2), "nobody left them"
                await asyncio.sleep(SECONDS / 50)
            assert server.ended == 0

    run(try_it())


async def test_a_stream_of_events_has_its_client_watched(school: School) -> None:
    watched, sent = asyncio.Event(), []
    body = json_bytes({"query": "{ __typename }"})
    given = [{"type": "http.request", "body": body}]

    async def receive() -> Any:
        return given.pop() if given else await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    headers = {
        "accept": "text/event-stream",
        "content-type": "application/json",
        "content-length": str(len(body)),
    }
    scope = graphql_scope("http", school.host, headers, method="POST")
    await school.app({**scope, CONNECTION: ClientConnection(watched.set)}, receive, send)
    assert b"event: complete" in sent[-1]["body"]
    assert watched.is_set()


async def test_nothing_is_held_for_who_reads_nothing(school: School) -> None:
    own = gated(school)
    request = await plain_post(school, TYPES)
    async with served(own.app) as server, asking(server, request):
        await server.has_ended()
        await until(server.is_alone)
        under_way = {
            each.resource: each.used for each in await own.runtime.admission.levels(school.organization)
        }
        assert under_way[Resource.CONCURRENT_REQUESTS] == 0
        assert own.runtime.gate.under_way == 0


@pytest.mark.parametrize("path", ["/graphql", "/auth/sign-in", "/files/branding/none"])
async def test_an_answer_that_nobody_reads_does_not_count_as_under_way(school: School, path: str) -> None:
    own = school.with_admission(Admission())
    app, admission = build(own.runtime, Draining()), own.runtime.admission
    body = json_bytes({"query": "{ __typename }"}) if path == "/graphql" else b""
    method = "POST" if body else "GET"
    headers = {"content-type": "application/json", "content-length": str(len(body))} if body else {}
    stuck = asyncio.Event()
    given = [{"type": "http.request", "body": body}]

    async def receive() -> Any:
        if given:
            return given.pop()
        return await asyncio.Event().wait()

    async def send(_message: Any) -> None:
        stuck.set()
        await asyncio.Event().wait()

    scope = graphql_scope("http", school.host, headers, method=method)
    asked = asyncio.create_task(app({**scope, "path": path, "raw_path": path.encode()}, receive, send))
    await stuck.wait()
    under_way = {each.resource: each.used for each in await admission.levels(school.organization)}
    assert school.organization.id in admission._allowances, "it was admitted"
    assert under_way[Resource.CONCURRENT_REQUESTS] == 0
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)


async def test_an_answer_on_a_socket_that_nobody_reads_does_not_count_as_under_way(school: School) -> None:
    own, stuck = gated(school), asyncio.Event()
    payload = await own.headers(own.learner)
    said = [
        {"type": "websocket.connect"},
        {
            "type": "websocket.receive",
            "text": json_bytes({"type": "connection_init", "payload": payload}).decode(),
        },
        {
            "type": "websocket.receive",
            "text": json_bytes(
                {"type": "subscribe", "id": "1", "payload": {"query": "{ viewer { kind } }"}}
            ).decode(),
        },
    ]

    async def receive() -> Any:
        return said.pop(0) if said else await asyncio.Event().wait()

    async def send(message: Any) -> None:
        if '"next"' in message.get("text", ""):
            stuck.set()
            await asyncio.Event().wait()

    scope = graphql_scope("websocket", school.host, {}, subprotocols=[PROTOCOL])
    asked = asyncio.create_task(own.app(scope, receive, send))
    await stuck.wait()
    under_way = {each.resource: each.used for each in await own.runtime.admission.levels(school.organization)}
    assert under_way[Resource.CONCURRENT_REQUESTS] == 0
    assert under_way[Resource.SOCKETS] == 1
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
