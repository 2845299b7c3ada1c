"""What stands around the executor on a `POST /graphql` with an API key: `pytest benchmarks/test_door.py`.

One round is 1,000 requests, so a time shown in ms is µs a request. It is processor time of the whole process,
the thread that writes the log included. The engine is a stub that answers at once. "floor" is an application
that reads the body and answers the same bytes under as many headers, through the same harness: what the door
itself costs is the difference.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import msgspec
import pytest
from asyncpg.pgproto import pgproto
from graphql import parse
from library import bare_runtime
from nowhere import logged_nowhere
from pytest_benchmark.fixture import BenchmarkFixture
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn import Config
from uvicorn.server import ServerState

from doors import Transport
from full_gate import filled
from harka.analytics.requests import Requests
from harka.auth.key_usage import KeyUsage
from harka.auth.session_usage import SessionUsage
from harka.cache.throttle import Throttle
from harka.config import Settings
from harka.graph import schema
from harka.graph.answer import Answer
from harka.graph.document import Document
from harka.graph.request import Prepared, Request
from harka.ids import new_id
from harka.runtime import Runtime
from harka.tenancy.gate import Gate
from harka.web import routes
from harka.web.middleware.draining import Draining
from harka.web.protocol import BoundedProtocol
from harka.web.refusals import REFUSALS, Refusals
from tenancy.samples import key_text, record, snapshot

REQUESTS = 1000
IN_A_TURN = 8
QUESTION = b'{"query":"query User($id: ID!) { node(id: $id) { id ... on User { name } } }",'
BODY = QUESTION + b'"variables":{"id":"VXNlcjowMTg5MGMzZTdjNGI3YTMwOGMyZTAxMjM0NTY3ODlhYg"}}'
DATA = b'{"data":{"node":{"id":"VXNlcjowMTg5MGMzZTdjNGI3YTMwOGMyZTAxMjM0NTY3ODlhYg","name":"Ada Lovelace"}}}'
HEADERS = [
    (b"host", b"acme.harka.localhost"),
    (b"user-agent", b"partner-sync/1.4"),
    (b"accept", b"application/graphql-response+json, application/json"),
    (b"accept-encoding", b"gzip, deflate"),
    (b"connection", b"keep-alive"),
    (b"content-type", b"application/json"),
    (b"content-length", b"%d" % len(BODY)),
    (b"x-api-key", key_text(1)),
]
POST = b"POST /graphql HTTP/1.1\r\n%b\r\n%b" % (b"".join(b"%b: %b\r\n" % pair for pair in HEADERS), BODY)
FLOOR_HEADERS = [
    (b"content-type", b"application/json; charset=utf-8"),
    (b"content-length", b"%d" % len(DATA)),
    (b"x-request-id", b"0" * 32),
    *((b"x-header-%d" % number, b"a value of the usual length") for number in range(6)),
]


class _Answer(Answer, frozen=True):
    def json(self) -> bytes:
        return DATA


class _Engine:
    """Answers at once."""

    def __init__(self, _runtime: Runtime, **_: Any) -> None:
        request = msgspec.json.decode(BODY, type=Request)
        document = Document(schema.core(), parse(request.query))
        self._prepared = Prepared(document, document.operation(None), request)
        self._answer = _Answer(body={}, statements=1)

    def prepare(self, _request: Request, _tenant: object) -> Prepared:
        return self._prepared

    async def execute(self, _prepared: Prepared, _tenant: object, _worker: object) -> Answer:
        return self._answer


class _Directory:
    """One organization; its ids are the database driver's, whose hash is kept."""

    def __init__(self) -> None:
        made = record("acme", plan="ENTERPRISE")
        tenant = pgproto.UUID(str(made.organization.id))
        key = msgspec.structs.replace(made.api_keys[0], id=pgproto.UUID(str(new_id())), tenant_id=tenant)
        organization = msgspec.structs.replace(made.organization, id=tenant)
        self.current = snapshot(msgspec.structs.replace(made, organization=organization, api_keys=(key,)))


async def floor(_scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": FLOOR_HEADERS})
    await send({"type": "http.response.body", "body": DATA})


def behind_the_door() -> Runtime:
    settings = Settings(database_url="postgresql://harka_control@localhost/harka", secret="00" * 32)
    unused: Any = None
    return bare_runtime(
        settings,
        directory=_Directory(),
        # they are noted, and told to nobody
        key_usage=KeyUsage(unused),
        session_usage=SessionUsage(unused),
        throttle=Throttle(unused),
        requests=Requests(unused, lambda _: "UTC"),
    )


def door(_monkeypatch: pytest.MonkeyPatch) -> ASGIApp:
    for module in ("graphql", "routes"):
        _monkeypatch.setattr(f"harka.web.{module}.Engine", _Engine, raising=False)
    return routes.build(behind_the_door(), Draining())


@pytest.fixture(params=["floor", "door"])
def app(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ASGIApp]:
    with logged_nowhere():
        yield floor if request.param == "floor" else door(monkeypatch)


Ask = Callable[[], Awaitable[None]]


def measure(benchmark: BenchmarkFixture, loop: asyncio.AbstractEventLoop, ask: Ask) -> None:
    async def many() -> None:
        for _ in range(REQUESTS):
            await ask()

    benchmark.pedantic(lambda: loop.run_until_complete(many()), rounds=20, iterations=1, warmup_rounds=2)


@pytest.mark.benchmark(group="message to message, as ASGI", timer=time.process_time)
def test_asgi(benchmark: BenchmarkFixture, loop: asyncio.AbstractEventLoop, app: ASGIApp) -> None:
    """As an in-process client asks: nothing of uvicorn, a task a request."""

    async def ask() -> None:
        messages = [{"type": "http.request", "body": BODY, "more_body": False}]
        sent: list[Message] = []

        async def receive() -> Message:
            if messages:
                return messages.pop()
            return await loop.create_future()  # type: ignore[no-any-return] - the client never leaves

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": "/graphql",
            "scheme": "http",
            "query_string": b"",
            "client": ("127.0.0.1", 50_000),
            "headers": HEADERS.copy(),
        }
        await loop.create_task(app(scope, receive, send))  # type: ignore[arg-type] - a coroutine it is
        assert (sent[0]["status"], sent[1]["body"]) == (200, DATA)

    measure(benchmark, loop, ask)


def connection(
    app: ASGIApp, loop: asyncio.AbstractEventLoop, state: dict[str, Any] | None = None
) -> tuple[BoundedProtocol, Transport]:
    """As it is served, but for the socket: kept alive, open once the loop turns."""
    config = Config(
        app, lifespan="off", log_config=None, access_log=False, server_header=False, proxy_headers=False
    )
    protocol, transport = BoundedProtocol(config, ServerState(), state or {}, loop), Transport()
    loop.call_soon(protocol.connection_made, transport)
    return protocol, transport


@pytest.mark.benchmark(group="bytes to bytes, through uvicorn's protocol", timer=time.process_time)
def test_served(benchmark: BenchmarkFixture, loop: asyncio.AbstractEventLoop, app: ASGIApp) -> None:
    """One connection for all requests."""
    protocol, transport = connection(app, loop)

    async def ask() -> None:
        transport.written = b""
        protocol.data_received(POST)
        while not protocol.cycle.response_complete:  # noqa: ASYNC110 - nobody tells, and the turns cost little
            await asyncio.sleep(0)
        assert transport.written.startswith(b"HTTP/1.1 200 ")
        assert transport.written.endswith(DATA)

    measure(benchmark, loop, ask)
    protocol.connection_lost(None)


@pytest.mark.benchmark(group="bytes to bytes, refused", timer=time.process_time)
def test_refused(benchmark: BenchmarkFixture, loop: asyncio.AbstractEventLoop) -> None:
    """What a refusal takes that has been given before, a few of them in a turn of the loop."""
    gate = Gate(most=2, patience=1.0)
    runtime = msgspec.structs.replace(behind_the_door(), gate=gate)
    protocol, transport = connection(floor, loop, {REFUSALS: Refusals(runtime)})
    organization = runtime.directory.current.by_slug("acme")
    assert organization is not None

    async def ask() -> None:
        async with filled(gate, organization):
            for _ in range(REQUESTS // IN_A_TURN):
                for _ in range(IN_A_TURN):
                    transport.written = b""
                    protocol.data_received(POST)
                    assert transport.written.startswith(b"HTTP/1.1 503 ")
                await asyncio.sleep(0)

    with logged_nowhere():
        benchmark.pedantic(lambda: loop.run_until_complete(ask()), rounds=20, iterations=1, warmup_rounds=2)
    protocol.connection_lost(None)
