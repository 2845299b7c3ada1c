import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from uvicorn import Config
from uvicorn.server import ServerState

from harka.web import protocol
from harka.web.protocol import MAX_HEAD_BYTES, MAX_HEADERS, BoundedProtocol

Ask = Callable[[bytes], Awaitable[bytes]]


async def here(scope: Scope, receive: Receive, send: Send) -> None:
    await Request(scope, receive).body()
    await PlainTextResponse("here")(scope, receive, send)


@pytest.fixture
async def ask() -> AsyncIterator[Ask]:
    """Sends bytes and reads until the server closes the connection."""
    config = Config(here, lifespan="off", log_config=None)
    server = await asyncio.get_running_loop().create_server(
        lambda: BoundedProtocol(config, ServerState(), {}), "127.0.0.1", 0
    )
    port = server.sockets[0].getsockname()[1]

    async def asked(sent: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(sent)
            async with asyncio.timeout(10):
                return await reader.read()
        except ConnectionResetError:  # closed with bytes of ours unread
            return b""
        finally:
            writer.close()

    yield asked
    server.close()
    await server.wait_closed()


def request(*headers: bytes) -> bytes:
    return b"\r\n".join([b"GET / HTTP/1.1", b"Host: a", b"Connection: close", *headers, b"", b""])


async def test_an_ordinary_request_is_answered(ask: Ask) -> None:
    assert (await ask(request(b"X: " + b"y" * 8000))).startswith(b"HTTP/1.1 200 ")


async def test_a_head_that_is_too_large_is_refused(ask: Ask) -> None:
    answer = await ask(request(*[b"X%d: " % n + b"y" * 4000 for n in range(100)]))
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")


async def test_a_header_that_never_ends_is_refused(ask: Ask) -> None:
    answer = await ask(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * (MAX_HEAD_BYTES + 1))
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")


async def test_an_address_that_never_ends_is_refused(ask: Ask) -> None:
    answer = await ask(b"GET /" + b"y" * (MAX_HEAD_BYTES + 1))
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")


async def test_too_many_headers_are_refused(ask: Ask) -> None:
    answer = await ask(request(*[b"X%d: y" % n for n in range(MAX_HEADERS)]))
    assert answer.startswith(b"HTTP/1.1 431 ")


async def test_what_is_no_http_is_a_bad_request(ask: Ask) -> None:
    assert (await ask(b"hello\r\n\r\n")).startswith(b"HTTP/1.1 400 ")


async def test_a_large_body_is_not_a_large_head(ask: Ask) -> None:
    body = b"z" * (2 * MAX_HEAD_BYTES)
    answer = await ask(request(b"Content-Length: %d" % len(body)).replace(b"GET", b"POST") + body)
    assert answer.startswith(b"HTTP/1.1 200 ")


async def test_a_head_that_does_not_arrive_is_given_up(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_TIMEOUT", 0.05)
    assert await ask(b"GET / HTTP/1.1\r\nHost:") == b""


async def test_a_further_request_on_a_connection_has_its_own_bounds(ask: Ask) -> None:
    first = request(b"X: " + b"y" * 40_000).replace(b"Connection: close\r\n", b"")
    answer = await ask(first + first + request())
    assert answer.count(b"HTTP/1.1 200 ") == 3
