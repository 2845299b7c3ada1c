import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from uvicorn import Config
from uvicorn.server import ServerState

from doors import Transport
from harka.codec import from_json
from harka.web import protocol
from harka.web.connection import ANSWER, CONNECTION
from harka.web.protocol import MAX_HEAD_BYTES, MAX_HEADERS, BoundedProtocol

Ask = Callable[..., Awaitable[bytes]]


async def here(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["path"] == "/unread":
        # until its client leaves
        await scope[CONNECTION].carry(asyncio.Event().wait())
    await Request(scope, receive).body()
    if scope["path"].startswith("/whole"):
        body = scope["path"].encode()
        await scope[ANSWER](200, b"content-length: %d\r\n" % len(body), body)
        return
    await PlainTextResponse("here")(scope, receive, send)


@pytest.fixture
async def port() -> AsyncIterator[int]:
    config = Config(here, lifespan="off", log_config=None, timeout_keep_alive=1)
    state = ServerState()
    state.default_headers = [(b"date", b"today")]
    server = await asyncio.get_running_loop().create_server(
        lambda: BoundedProtocol(config, state, {}), "127.0.0.1", 0
    )
    yield server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()


@pytest.fixture
def ask(port: int) -> Ask:
    """Sends bytes, and more once they are answered; reads until the server closes the connection."""

    async def asked(sent: bytes, later: bytes = b"") -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(sent)
            async with asyncio.timeout(10):
                if later:
                    answer = await reader.readuntil(b"here")
                    writer.write(later)
                    return answer + await reader.read()
                return await reader.read()
        except ConnectionResetError:  # closed with bytes of ours unread
            return b""
        finally:
            writer.close()

    return asked


def request(*headers: bytes) -> bytes:
    return b"\r\n".join([b"GET / HTTP/1.1", b"Host: a", b"Connection: close", *headers, b"", b""])


def refusal(answer: bytes) -> tuple[str, str]:
    """Status and code of an error as every other is told."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *headers = head.decode().split("\r\n")
    expected = {"date: today", "content-type: application/json", f"content-length: {len(body)}"}
    (error,) = from_json(body)["errors"]
    named = f"x-request-id: {error['extensions']['requestId']}"
    assert expected | {"connection: close", named} <= {*headers}
    assert error["message"]
    return status.removeprefix("HTTP/1.1 "), error["extensions"]["code"]


def whole(name: bytes, *headers: bytes, version: bytes = b"1.1") -> bytes:
    return b"\r\n".join([b"GET /whole/%b HTTP/%b" % (name, version), b"Host: a", *headers, b"", b""])


async def test_a_whole_answer_is_one_write(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[bytes] = []
    made = BoundedProtocol.connection_made

    class Recorder:
        def __init__(self, transport: asyncio.Transport) -> None:
            self.transport = transport

        def write(self, data: bytes) -> None:
            written.append(bytes(data))
            self.transport.write(data)

        def __getattr__(self, name: str) -> object:
            return getattr(self.transport, name)

    monkeypatch.setattr(
        BoundedProtocol, "connection_made", lambda self, transport: made(self, Recorder(transport))
    )
    answer = await ask(whole(b"a", b"Connection: close"))
    head = b"HTTP/1.1 200 OK\r\ndate: today\r\ncontent-length: 8\r\nconnection: close\r\n\r\n"
    assert written == [answer] == [head + b"/whole/a"]


async def test_whole_answers_keep_the_order_of_their_requests(ask: Ask) -> None:
    answers = await ask(whole(b"a") + whole(b"b") + request() + whole(b"never"))
    bodies = [part.split(b"\r\n\r\n")[1].split(b"HTTP/1.1")[0] for part in answers.split(b"200 OK")[1:]]
    assert bodies == [b"/whole/a", b"/whole/b", b"here"]


async def test_a_whole_answer_to_an_old_client_ends_the_connection(ask: Ask) -> None:
    assert (await ask(whole(b"a", version=b"1.0"))).endswith(b"connection: close\r\n\r\n/whole/a")


async def test_an_ordinary_request_is_answered(ask: Ask) -> None:
    assert (await ask(request(b"X: " + b"y" * 8000))).startswith(b"HTTP/1.1 200 ")


async def test_a_head_that_is_too_large_is_refused(ask: Ask) -> None:
    answer = await ask(request(*[b"X%d: " % n + b"y" * 4000 for n in range(100)]))
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("size", [MAX_HEAD_BYTES // 8 + 1, MAX_HEAD_BYTES + 1])
async def test_a_head_that_is_too_large_is_refused_even_where_it_arrives_at_once(ask: Ask, size: int) -> None:
    headers = [b"X%d: " % n + b"y" * size for n in range(MAX_HEAD_BYTES // size + 1)]
    # small enough for one read, so that the parser sees its end together with its beginning
    assert len(request(*headers)) < 1.2 * MAX_HEAD_BYTES
    answer = await ask(request(*headers))
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")


async def test_a_head_just_below_the_bound_is_answered(ask: Ask) -> None:
    assert (await ask(request(b"X: " + b"y" * (MAX_HEAD_BYTES - 100)))).startswith(b"HTTP/1.1 200 ")


async def test_a_trailer_that_never_ends_is_refused(ask: Ask) -> None:
    head = request(b"Transfer-Encoding: chunked").replace(b"GET", b"POST")
    answer = await ask(head + b"3\r\nabc\r\n0\r\nX: " + b"y" * (5 * MAX_HEAD_BYTES))
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")


async def test_a_header_that_never_ends_is_refused(ask: Ask) -> None:
    answer = await ask(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * (MAX_HEAD_BYTES + 1))
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")


async def test_an_address_that_never_ends_is_refused(ask: Ask) -> None:
    answer = await ask(b"GET /" + b"y" * (MAX_HEAD_BYTES + 1))
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")


async def test_too_many_headers_are_refused(ask: Ask) -> None:
    answer = await ask(request(*[b"X%d: y" % n for n in range(MAX_HEADERS)]))
    assert refusal(answer) == ("431 Request Header Fields Too Large", "BAD_REQUEST")


@pytest.mark.parametrize(
    "sent",
    [
        b"hello\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: nine\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=["words", "version", "length", "tls"],
)
async def test_what_is_no_http_is_a_bad_request(ask: Ask, sent: bytes) -> None:
    assert refusal(await ask(sent)) == ("400 Bad Request", "BAD_REQUEST")


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


async def test_a_body_does_not_count_for_the_head_that_follows_it(ask: Ask) -> None:
    body = b"z" * MAX_HEAD_BYTES
    first = request(b"Content-Length: %d" % len(body)).replace(b"Connection: close\r\n", b"")
    # both in one read, the second head only in part
    answer = await ask(first.replace(b"GET", b"POST") + body + request()[:-4], request()[-4:])
    assert answer.count(b"HTTP/1.1 200 ") == 2


async def test_an_empty_line_begins_no_request_and_ends_no_rest(ask: Ask) -> None:
    """Closed by the server, or `ask` would give up."""
    kept = request().replace(b"Connection: close\r\n", b"")
    assert (await ask(kept, b"\r\n")).count(b"HTTP/1.1 200 ") == 1


async def test_a_head_that_arrives_is_not_a_rest() -> None:
    """The answer before it ended while it was arriving."""
    made = BoundedProtocol(Config(here, lifespan="off", log_config=None), ServerState(), {})
    made.connection_made(Transport())
    kept = request().replace(b"Connection: close\r\n", b"")
    made.data_received(kept + request()[:9])
    await asyncio.wait(made.tasks)
    assert made.timeout_keep_alive_task is None
    made.data_received(request()[9:])
    await asyncio.wait(made.tasks)
    made.connection_lost(None)


async def test_nothing_is_written_before_an_answer_that_is_owed(ask: Ask) -> None:
    assert await ask(b"GET /unread HTTP/1.1\r\nHost: a\r\n\r\nhello\r\n\r\n") == b""


async def test_after_a_large_body_that_nobody_asks_for_a_client_is_still_heard() -> None:
    """Its leaving could not be noticed."""
    made = BoundedProtocol(Config(here, lifespan="off", log_config=None), ServerState(), {})
    made.connection_made(Transport())
    body = b"z" * (2 * MAX_HEAD_BYTES)
    head = b"POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body)
    made.data_received(head + body[:-1])
    assert made.flow.read_paused
    made.data_received(body[-1:])
    assert not made.flow.read_paused
    made.connection_lost(None)
    await asyncio.wait(made.tasks)


async def test_of_a_connection_little_is_kept() -> None:
    """Objects of a class share their names up to thirty; beyond that each has a table of its own."""
    made = BoundedProtocol(Config(here, lifespan="off", log_config=None), ServerState(), {})
    made.connection_made(Transport())
    made.data_received(b"GET /whole HTTP/1.1\r\nHost: a\r\n\r\n")
    await asyncio.wait(made.tasks)
    assert sys.getsizeof(made) + sys.getsizeof(vars(made)) <= 600
    made.connection_lost(None)
