"""Plain requests that arrive whole, over real connections: nobody can tell that the parser never saw them."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.server import ServerState

from doors import logged
from harka.web.connection import ANSWER, ARRIVED, WORKER
from harka.web.protocol import BoundedProtocol
from harka.web.whole_request import WholeRequest


class App:
    """Answers with its body, in the way that the header `way` names."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()
        self.went: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        self.begun.set()
        way = dict(scope["headers"]).get(b"way", b"whole")
        if way == b"fails":
            raise ValueError
        if way == b"silent":
            return
        if way == b"messages":
            body = await Request(scope, receive).body()
            await PlainTextResponse(body)(scope, receive, send)
            return
        if way == b"waits":
            await self.go_on.wait()
        if way == b"departs":
            while (message := await receive())["type"] != "http.disconnect":
                assert message["body"] == b"five!"
            self.went.append(message["type"])
            return
        body = scope[ARRIVED]
        await scope[ANSWER](200, b"content-length: %d\r\n" % len(body), body)


class Server:
    def __init__(self, app: App, state: ServerState, port: int) -> None:
        self.app = app
        self.state = state
        self.port = port
        self.protocols: list[BoundedProtocol] = []

    @asynccontextmanager
    async def client(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            async with asyncio.timeout(10):
                yield reader, writer
        finally:
            writer.close()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    app, state = App(), ServerState()
    state.default_headers = [(b"date", b"today")]
    config = Config(app, lifespan="off", log_config=None, timeout_keep_alive=1)
    made: list[BoundedProtocol] = []

    def protocol() -> BoundedProtocol:
        made.append(BoundedProtocol(config, state, {}))
        return made[-1]

    listening = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    serves = Server(app, state, listening.sockets[0].getsockname()[1])
    serves.protocols = made
    yield serves
    listening.close()
    await listening.wait_closed()


def post(body: bytes = b"five!", *headers: bytes) -> bytes:
    head = [b"POST /graphql HTTP/1.1", b"Host: a", b"Content-Length: %d" % len(body), *headers, b"", b""]
    return b"\r\n".join(head) + body


def answer(body: bytes = b"five!") -> bytes:
    return b"HTTP/1.1 200 OK\r\ndate: today\r\ncontent-length: %d\r\n\r\n" % len(body) + body


def parser_is_new(protocol: BoundedProtocol) -> bool:
    """It has not been fed: uvicorn keeps the headers of the latest message it began."""
    return protocol.headers is None


async def test_requests_on_one_connection_are_answered_without_the_parser(server: Server) -> None:
    async with server.client() as (reader, writer):
        for body in (b"one", b"", b"three"):
            writer.write(post(body))
            assert await reader.readexactly(len(answer(body))) == answer(body)
    (protocol,) = server.protocols
    assert parser_is_new(protocol)
    assert server.state.total_requests == 3
    assert server.app.scopes[0]["headers"] == [(b"host", b"a"), (b"content-length", b"3")]
    assert server.app.scopes[0]["client"][0] == "127.0.0.1"
    assert not server.state.tasks


async def test_the_scope_is_that_of_a_request_that_was_parsed(server: Server) -> None:
    async with server.client() as (reader, writer):
        writer.write(post())
        await reader.readexactly(len(answer()))
        writer.write(post(b"five!", b"te: trailers"))
        await reader.readexactly(len(answer()))
    plain, parsed = server.app.scopes
    # whose task uvicorn makes, and tells nobody
    assert plain.keys() == parsed.keys() | {WORKER}
    for name in parsed.keys() - {"headers", ANSWER}:
        assert plain[name] == parsed[name], name
    assert [*plain["headers"], (b"te", b"trailers")] == parsed["headers"]


async def test_whoever_asks_for_messages_gets_them(server: Server) -> None:
    async with server.client() as (reader, writer):
        for _ in range(2):
            writer.write(post(b"five!", b"way: messages"))
            assert (await reader.readuntil(b"five!")).startswith(b"HTTP/1.1 200 OK\r\ndate: today\r\n")
    assert parser_is_new(server.protocols[0])
    assert server.state.total_requests == 2


async def test_an_answered_request_is_gone_without_the_collector(server: Server) -> None:
    gc.collect()
    gc.disable()
    try:
        async with server.client() as (reader, writer):
            for _ in range(5):
                writer.write(post())
                await reader.readexactly(len(answer()))
            server.app.scopes.clear()
            (protocol,) = server.protocols
            known = [each for each in gc.get_objects() if type(each) is WholeRequest]
            left = [each for each in known if each.protocol is protocol]
            assert left == [protocol.cycle], "the connection knows its latest"
    finally:
        gc.enable()


@pytest.mark.parametrize("way", [b"whole", b"messages"])
async def test_so_is_one_that_was_parsed(server: Server, way: bytes) -> None:
    gc.collect()
    gc.disable()
    try:
        async with server.client() as (reader, writer):
            for _ in range(5):
                writer.write(post(b"five!", b"te: trailers", b"way: " + way))
                await reader.readuntil(b"five!")
            server.app.scopes.clear()
            (protocol,) = server.protocols
            known = [each for each in gc.get_objects() if type(each) is RequestResponseCycle]
            left = [each for each in known if each.transport is protocol.transport]
            assert left == [protocol.cycle], "the connection knows its latest"
    finally:
        gc.enable()


@pytest.mark.parametrize("more", [[], [b"te: trailers"]], ids=["whole", "parsed"])
async def test_a_closed_connection_is_gone_without_the_collector(server: Server, more: list[bytes]) -> None:
    gc.collect()
    gc.disable()
    try:
        async with server.client() as (reader, writer):
            writer.write(post(b"five!", *more))
            await reader.readuntil(b"five!")
            protocol = weakref.ref(server.protocols.pop())
            server.app.scopes.clear()
        async with asyncio.timeout(10):
            while protocol() is not None:  # noqa: ASYNC110 - the server has no event for it
                await asyncio.sleep(0.001)
    finally:
        gc.enable()


async def test_several_at_once_are_answered_in_order(server: Server) -> None:
    """What comes with another is for the parser, and so is what comes while one is worked on."""
    async with server.client() as (reader, writer):
        writer.write(post(b"a", b"way: waits"))
        await server.app.begun.wait()
        writer.write(post(b"b") + post(b"c"))
        writer.write(post(b"d"))
        server.app.go_on.set()
        wanted = b"".join(map(answer, (b"a", b"b", b"c", b"d")))
        assert await reader.readexactly(len(wanted)) == wanted
        writer.write(post(b"e"))
        assert await reader.readexactly(len(answer(b"e"))) == answer(b"e")


@pytest.mark.parametrize("cut", [1, 20, 40, 60, 70])
async def test_one_that_comes_in_parts_is_for_the_parser(server: Server, cut: int) -> None:
    async with server.client() as (reader, writer):
        for _ in range(2):
            whole = post(b"a body of some length, so that it can be cut in the middle")
            writer.write(whole[:cut])
            await asyncio.sleep(0)
            writer.write(whole[cut:])
            assert (await reader.readuntil(b"middle")).startswith(b"HTTP/1.1 200 OK")


async def test_a_client_that_leaves_is_told_of(server: Server) -> None:
    async with server.client() as (_, writer):
        writer.write(post(b"five!", b"way: departs"))
        await server.app.begun.wait()
        writer.transport.abort()
        while server.state.tasks:  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0.001)
    assert server.app.went == ["http.disconnect"]


@pytest.mark.parametrize("cut", [0, 40])
async def test_a_client_that_leaves_is_told_of_whatever_it_asked_behind_it(server: Server, cut: int) -> None:
    """Of several on a connection it is told to the one that is worked on; `cut`: for the parser, in parts."""
    with logged() as lines:
        async with server.client() as (_, writer):
            whole = post(b"five!", b"way: departs")
            if cut:
                writer.write(whole[:cut])
                while not server.protocols:  # noqa: ASYNC110 - the server has no event for it
                    await asyncio.sleep(0.001)
            writer.write(whole[cut:])
            await server.app.begun.wait()
            writer.write(post(b"five!", b"way: departs"))
            protocol = server.protocols[0]
            while not protocol.pipeline:  # noqa: ASYNC110 - likewise
                await asyncio.sleep(0.001)
            writer.transport.abort()
            while server.state.tasks:  # noqa: ASYNC110 - likewise
                await asyncio.sleep(0.001)
        assert server.app.went == ["http.disconnect"]
        assert protocol.working is None
    assert not lines.of("library")


async def test_an_answer_to_one_who_has_left_is_dropped(server: Server) -> None:
    async with server.client() as (_, writer):
        writer.write(post(b"five!", b"way: waits"))
        await server.app.begun.wait()
        cycle = server.protocols[0].cycle
        writer.transport.abort()
        while not cycle.disconnected:  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0.001)
        server.app.go_on.set()
        while server.state.tasks:  # noqa: ASYNC110 - likewise
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("way", [b"fails", b"silent"])
async def test_an_application_that_does_not_answer_costs_the_connection(server: Server, way: bytes) -> None:
    with logged() as lines:
        async with server.client() as (reader, writer):
            writer.write(post(b"five!", b"way: " + way))
            assert await reader.read() == b""
    assert [line["event"] for line in lines.of("web")] == (["application failed"] if way == b"fails" else [])


async def test_a_connection_that_rests_is_closed(server: Server) -> None:
    async with server.client() as (reader, writer):
        writer.write(post())
        assert await reader.read() == answer()
    async with server.client() as (reader, writer):
        for _ in range(4):
            writer.write(post())
            await reader.readexactly(len(answer()))
            # one timer for all of them
            protocol = server.protocols[-1]
            timer = protocol.timeout_keep_alive_task
            assert timer is not None
        assert protocol.timeout_keep_alive_task is timer
        assert await reader.read() == b""


async def test_a_request_is_not_taken_for_a_rest(server: Server) -> None:
    async with server.client() as (reader, writer):
        writer.write(post())
        await reader.readexactly(len(answer()))
        (protocol,) = server.protocols
        writer.write(post(b"late", b"way: waits"))
        while len(server.app.scopes) < 2:  # noqa: ASYNC110 - the event is set by the first
            await asyncio.sleep(0.001)
        protocol.timeout_keep_alive_handler()
        server.app.go_on.set()
        assert await reader.readexactly(len(answer(b"late"))) == answer(b"late")


async def test_a_server_that_stops_answers_first(server: Server) -> None:
    async with server.client() as (reader, writer):
        writer.write(post(b"five!", b"way: waits"))
        await server.app.begun.wait()
        server.protocols[0].shutdown()
        server.app.go_on.set()
        said: Any = await reader.read()
    assert b"connection: close\r\n" in said
    assert said.endswith(b"five!")
