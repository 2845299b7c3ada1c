"""The short way of a `POST /graphql` beside the long one: nobody can tell which one was gone."""

import asyncio
import json
import re
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec
import pytest
from starlette.types import ASGIApp, Message, Scope
from uvicorn import Config
from uvicorn.server import ServerState

from doors import Lines, Transport, logged
from full_gate import full, gated
from harka import clock
from harka.errors import InternalError, UnavailableError
from harka.graph.answer import Answer
from harka.graph.execution import Engine
from harka.graph.request import Prepared
from harka.runtime import Runtime
from harka.tenancy.context import TenantContext
from harka.tenancy.permission import Permission
from harka.web.connection import CONNECTION, ClientConnection
from harka.web.middleware.draining import Draining
from harka.web.protocol import BoundedProtocol
from harka.web.routes import build
from school import School, school

__all__ = ["school"]

Header = tuple[str, str]
JSON = ("content-type", "application/json")
GRAPHQL = ("accept", "application/graphql-response+json")
VIEWER = b'{"query": "query Named { viewer { kind } }"}'
BUG = b'{"query": "query Bug { viewer { kind } }"}'
DOWN = b'{"query": "query Down { viewer { kind } }"}'
LISTEN = b'{"query": "subscription { progressChanged(courseId: \\"x\\") { resync } }"}'

OUTAGE = {"message": "x", "path": ["viewer"], "extensions": {"code": "UNAVAILABLE"}}

HEADERS: dict[str, list[Header]] = {
    "plain": [JSON],
    "a trusted proxy": [JSON, ("x-request-id", "01J8-abcdef.12"), ("x-forwarded-proto", "https")],
    "accepts GraphQL": [JSON, GRAPHQL],
    "accepts two, one header each": [JSON, ("accept", "text/html"), GRAPHQL],
    "accepts anything": [JSON, ("accept", "*/*")],
    "accepts pictures": [JSON, ("accept", "image/png")],
    "accepts a lot": [JSON, ("accept", ", ".join(f"a/b{n}" for n in range(100)) + ", application/json")],
    "no type": [],
    "a form": [("content-type", "text/plain")],
    "two types": [JSON, ("content-type", "text/plain")],
    "another charset": [("content-type", "application/json; charset=latin1")],
    "a long type": [("content-type", "application/json" + "; x=y" * 100)],
    "compressed": [JSON, ("content-encoding", "gzip")],
    "not compressed": [JSON, ("content-encoding", "Identity")],
    "a length that is none": [JSON, ("content-length", "nine")],
    "a length beyond the limit": [JSON, ("content-length", "2000000")],
    "a stranger's key": [JSON, ("x-api-key", "hk_000000000000_" + "s" * 43)],
    "two keys": [JSON, ("x-api-key", "a"), ("x-api-key", "b")],
    "a bad token": [JSON, ("authorization", "Bearer nonsense")],
    "a cookie": [JSON, ("cookie", "harka=x")],
    "nobody's address": [JSON, ("host", "nobody-here.harka.localhost")],
    "a deadline": [JSON, ("x-request-deadline", "3.5")],
    "a deadline that is none": [JSON, ("x-request-deadline", "soon")],
    "no address": [JSON, ("host", "a b")],
    "the platform's address": [JSON, ("host", "harka.localhost")],
}
UNTOLD: Final = ("graphql-cost", "0")
"""It is another with each request."""
BODIES: dict[str, list[bytes | None]] = {
    "answered": [VIEWER],
    "in pieces": [VIEWER[:9], VIEWER[9:20], VIEWER[20:]],
    "empty pieces": [b"", VIEWER, b""],
    "nothing": [b""],
    "no JSON": [b"{"],
    "a batch": [b"[]"],
    "no query": [b"{}"],
    "no GraphQL": [b'{"query": "{"}'],
    "no such field": [b'{"query": "{ nothing }"}'],
    "refused by a rule": [b'{"query": "query Node { node(id: \\"x\\") { id } }"}'],
    "a subscription": [LISTEN],
    "too much": [b" " * 600_000, b" " * 600_000],
    "broken off": [VIEWER[:9], None],
    "a bug": [BUG],
    "a server that is down": [DOWN],
    "an outage": [b'{"query": "query Outage { viewer { kind } }"}'],
    "an answer that is none": [b'{"query": "query Internal { viewer { kind } }"}'],
}


class Faulty(Engine):
    """Fails as the operation's name says."""

    async def execute(
        self, prepared: Prepared, tenant: TenantContext, worker: asyncio.Task[Any] | None = None
    ) -> Any:
        match prepared.name:
            case "Bug":
                raise RuntimeError("secret")
            case "Down":
                raise UnavailableError
            case "Outage":
                return Answer(body={"errors": [OUTAGE], "data": {"viewer": None}}, outage=UnavailableError())
            case "Internal":
                raise InternalError("secret")
        return await super().execute(prepared, tenant, worker)


@pytest.fixture
def both(school: School, monkeypatch: pytest.MonkeyPatch) -> tuple[ASGIApp, ASGIApp]:
    """The application, and the layers without the short way."""
    monkeypatch.setattr("harka.web.routes.Engine", Faulty)
    settings = msgspec.structs.replace(school.runtime.settings, trusted_proxies="10.0.0.0/8")
    runtime = msgspec.structs.replace(school.runtime, settings=settings)
    app = build(runtime, Draining())
    return app, app._layers  # type: ignore[attr-defined] - the long way


async def asked(
    app: ASGIApp,
    school: School,
    headers: Iterable[Header],
    pieces: list[bytes | None],
    peer: str = "203.0.113.9",
    *,
    leaves: asyncio.Event | None = None,
    connection: ClientConnection | None = None,
) -> tuple[list[Message], Any]:
    """`leaves`: set when its client does."""
    messages: list[Message] = [
        {"type": "http.disconnect"}
        if piece is None
        else {"type": "http.request", "body": piece, "more_body": more > 0}
        for more, piece in zip(range(len(pieces) - 1, -1, -1), pieces, strict=True)
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        if messages:
            return messages.pop(0)
        await (leaves or asyncio.Event()).wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = school.scope("http", {}, method="POST", client=(peer, 1))
    given = list(headers)
    host = [] if any(name == "host" for name, _ in given) else [("host", school.host)]
    scope["headers"] = [(name.encode(), value.encode()) for name, value in (*host, *given, UNTOLD)]
    if connection is not None:
        scope[CONNECTION] = connection
    await app(scope, receive, send)
    return sent, scope["harka"].record


def comparable(sent: list[Message]) -> tuple[int, list[Header], str]:
    start, body = sent
    assert start["type"], body["type"] == ("http.response.start", "http.response.body")
    names = dict(start["headers"])
    assert len(names) == len(start["headers"])
    id_ = names.pop(b"x-request-id").decode()
    text = body["body"].decode().replace(id_, "ID")
    assert not body.get("more_body", False)
    return start["status"], sorted(names.items()), text  # type: ignore[return-value] - bytes compare as well


def comparable_lines(lines: Lines) -> list[dict[str, Any]]:
    varying = {"time", "milliseconds", "request_id", "at", "traceback", "unwritten_tracebacks", "error"}
    return [{name: value for name, value in line.items() if name not in varying} for line in own(lines)]


def own(lines: Lines) -> list[dict[str, Any]]:
    """Without what is told of requests that were refused in the second before, by whatever test."""
    return [line for line in lines.all if line["event"] != "overloaded"]


async def outcome(
    app: ASGIApp, school: School, headers: Iterable[Header], pieces: list[bytes | None], peer: str
) -> tuple[Any, ...]:
    """All that anybody can tell: the answer, the record, the lines, the counters."""
    before = counters(school.runtime)
    with logged() as lines:
        sent, record = await asked(app, school, headers, pieces, peer)
    counted = {key: count - before.get(key, 0.0) for key, count in counters(school.runtime).items()}
    told = {key: count for key, count in counted.items() if count}
    return comparable(sent), record, comparable_lines(lines), told


def counters(runtime: Runtime) -> dict[str, float]:
    page = runtime.metrics.exposition().decode()
    found = re.findall(r"^((?:tenant_api_requests_total|\S+_count)\{.*\}) (\S+)$", page, re.MULTILINE)
    return {series: float(count) for series, count in found}


@pytest.mark.parametrize("peer", ["203.0.113.9", "10.0.0.1"])
@pytest.mark.parametrize("name", HEADERS)
async def test_whatever_the_head_says_both_ways_answer_alike(
    school: School, both: tuple[ASGIApp, ASGIApp], name: str, peer: str
) -> None:
    headers = HEADERS[name]
    if not {"x-api-key", "authorization", "cookie"} & {key for key, _ in headers}:
        headers = [*headers, *(await school.headers(tuple(Permission))).items()]
    short, long = [await outcome(app, school, headers, [VIEWER], peer) for app in both]
    assert short == long


@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json"])
@pytest.mark.parametrize("name", BODIES)
async def test_whatever_the_body_says_both_ways_answer_alike(
    school: School, both: tuple[ASGIApp, ASGIApp], name: str, accept: str
) -> None:
    headers = [JSON, ("accept", accept), *(await school.headers(school.learner)).items()]
    short, long = [await outcome(app, school, headers, BODIES[name], "203.0.113.9") for app in both]
    assert short == long


async def test_without_a_tenant_nothing_of_the_body_is_read(
    school: School, both: tuple[ASGIApp, ASGIApp]
) -> None:
    for app in both:
        sent, _ = await asked(app, school, [JSON, ("host", "a b")], [])
        assert sent[0]["status"] == 400


async def test_a_body_that_does_not_come_meets_the_deadline(school: School) -> None:
    settings = msgspec.structs.replace(school.runtime.settings, request_timeout=0.02)
    app = build(msgspec.structs.replace(school.runtime, settings=settings), Draining())
    for way in (app, app._layers):  # type: ignore[attr-defined] - the long way
        sent, record = await asked(way, school, [JSON], [])
        assert (sent[0]["status"], record.code) == (504, "DEADLINE_EXCEEDED")


async def test_without_room_both_ways_refuse_alike(school: School) -> None:
    own = gated(school)
    headers = [JSON, *(await own.headers(tuple(Permission))).items()]
    app = build(own.runtime, Draining())
    async with full(own):
        short, long = [
            await outcome(way, own, headers, [], "203.0.113.9")
            for way in (app, app._layers)  # type: ignore[attr-defined] - the long way
        ]
    assert short == long
    assert short[0][0] == 503


async def test_who_leaves_while_waiting_is_gone_from_the_line(school: School) -> None:
    own = gated(school)
    headers = [JSON, *(await own.headers(tuple(Permission))).items()]
    app, gate, connection = build(own.runtime, Draining()), own.runtime.gate, ClientConnection()
    async with full(own, line=False):
        asking = asyncio.create_task(asked(app, own, headers, [VIEWER], connection=connection))
        while not gate.waiting:  # noqa: ASYNC110 - the gate tells nobody
            await asyncio.sleep(0)
        connection.lose()
        sent, record = await asking
        assert (sent, record.code, gate.waiting) == ([], "CLIENT_GONE", 0)


async def test_behind_another_server_who_had_to_wait_is_answered_what_they_asked(school: School) -> None:
    own = gated(school)
    headers = [JSON, *(await own.headers(tuple(Permission))).items()]
    app, gate = build(own.runtime, Draining()), own.runtime.gate
    async with full(own, line=False):
        asking = asyncio.create_task(asked(app, own, headers, [VIEWER]))
        while not gate.waiting:  # noqa: ASYNC110 - the gate tells nobody
            await asyncio.sleep(0)
    sent, _ = await asking
    assert comparable(sent)[0] == 200
    assert gate.under_way == 0


async def test_who_waits_past_their_deadline_is_never_executed(school: School) -> None:
    own = gated(school)
    headers = [JSON, ("x-request-deadline", "0.02"), *(await own.headers(tuple(Permission))).items()]
    app = build(own.runtime, Draining())
    async with full(own, line=False):
        sent, record = await asked(app, own, headers, [])
        assert (sent[0]["status"], record.code, record.statements) == (504, "DEADLINE_EXCEEDED", 0)
        sent, record = await asked(app._layers, own, headers, [VIEWER])  # type: ignore[attr-defined] - the long way
        assert (sent[0]["status"], record.code, record.statements) == (504, "DEADLINE_EXCEEDED", 0)
    assert own.runtime.gate.under_way == 0


async def test_a_place_is_given_back_whatever_becomes_of_the_request(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harka.web.routes.Engine", Faulty)
    own = gated(school)
    app = build(own.runtime, Draining())
    key = [*(await own.headers(tuple(Permission))).items()]
    for headers in ([JSON], [], [JSON, ("accept", "image/png")]):
        for body in (VIEWER, BUG, DOWN, b"{"):
            await asked(app, own, [*headers, *key], [body])
            await asked(app._layers, own, [*headers, *key], [body])  # type: ignore[attr-defined] - the long way
    assert (own.runtime.gate.under_way, own.runtime.gate.waiting) == (0, 0)


async def test_a_client_that_leaves_is_logged_alike(
    school: School, both: tuple[ASGIApp, ASGIApp], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[asyncio.Event] = []

    async def never(*_: object) -> None:
        begun[-1].set()
        await asyncio.Event().wait()

    monkeypatch.setattr(Faulty, "execute", never)
    lines = []
    for app in both:
        # not before: it might leave while its request waits for its quota, and is not read yet
        begun.append(asyncio.Event())
        with logged() as written:
            sent, record = await asked(app, school, [JSON], [VIEWER], leaves=begun[-1])
        assert (sent, record.code) == ([], "CLIENT_GONE")
        lines.append(comparable_lines(written))
    assert lines[0] == lines[1]
    assert [line["status"] for line in lines[0]] == [499]


async def test_what_goes_wrong_in_mid_answer_is_logged_and_nothing_follows(
    school: School, both: tuple[ASGIApp, ASGIApp]
) -> None:
    seen = []
    for app in both:
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": VIEWER, "more_body": False}

        async def send(message: Message, sent: list[Message] = sent) -> None:
            sent.append(message)
            if message["type"] == "http.response.body":
                raise RuntimeError

        scope = school.scope("http", {"content-type": "application/json"}, method="POST")
        with logged() as lines:
            await asyncio.wait_for(app(scope, _once(receive), send), 5)
        seen.append((len(sent), [line["event"] for line in own(lines)], scope["harka"].record.code))
    assert seen[0] == seen[1] == (2, ["bug", "request"], "INTERNAL")


def _once(receive: Callable[[], Any]) -> Callable[[], Any]:
    asked = iter([receive])

    async def once() -> Message:
        for first in asked:
            return await first()  # type: ignore[no-any-return] - a message
        await asyncio.Event().wait()
        raise AssertionError

    return once


async def test_a_request_is_one_task_the_servers_own(school: School) -> None:
    loop = asyncio.get_running_loop()
    protocol = BoundedProtocol(Config(school.app._app, lifespan="off", log_config=None), ServerState(), {})
    transport = Transport()
    protocol.connection_made(transport)
    key = await school.headers(tuple(Permission))
    head = [f"host: {school.host}", "content-type: application/json", f"content-length: {len(VIEWER)}"]
    lines = ["POST /graphql HTTP/1.1", *head, *(f"{name}: {value}" for name, value in key.items()), "", ""]
    # as it usually is: there is enough of everything, nobody has to ask for more
    allowance = await school.runtime.admission.wait_in(school.organization)
    for lease in allowance.leases:
        lease.grant(1e6, clock.monotonic() + 60.0, 0.0)
    made: list[str] = []

    def counted(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> asyncio.Task[Any]:
        made.append(work.__qualname__)
        return asyncio.Task(work, loop=loop, **options)

    loop.set_task_factory(counted)
    try:
        protocol.data_received("\r\n".join(lines).encode() + VIEWER)
        async with asyncio.timeout(5):
            while not protocol.cycle.response_complete:  # noqa: ASYNC110 - the other end is not a real one
                await asyncio.sleep(0)
    finally:
        loop.set_task_factory(None)
        protocol.connection_lost(None)
    head_, _, body = transport.written.partition(b"\r\n\r\n")
    assert head_.startswith(b"HTTP/1.1 200 ")
    assert json.loads(body)["data"] == {"viewer": {"kind": "API_KEY"}}
    assert made == ["WholeRequest.run"]


def scope_of(path: str, method: str, type_: str = "http") -> Scope:
    return {"type": type_, "path": path, "method": method, "headers": []}


@pytest.mark.parametrize(
    "scope",
    [
        scope_of("/graphql", "GET"),
        scope_of("/graphql", "post"),
        scope_of("/graphql/", "POST"),
        scope_of("/graphql", "POST", "websocket"),
        scope_of("/graphql", "POST") | {"headers": [(b"accept", b"text/event-stream")]},
        {"type": "lifespan"},
    ],
)
async def test_everything_else_goes_the_long_way(school: School, scope: Scope) -> None:
    gone: list[Scope] = []

    async def layers(scope: Scope, *_: object) -> None:
        gone.append(scope)

    async def unused(*_: object) -> None:
        raise AssertionError

    app = build(school.runtime, Draining())
    app._layers = layers  # type: ignore[attr-defined] - the long way
    await app(scope, unused, unused)  # type: ignore[arg-type] - never called
    assert gone == [scope]
