"""A client that speaks as any tenant, and hears the answer, its cost in SQL, and what was logged of it."""

import asyncio
import io
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import httpx2
import msgspec
import pytest
from operations import RootField, load_schema, root_fields
from starlette.types import ASGIApp, Receive, Scope, Send
from worlds import World

from harka.codec import json_bytes
from harka.graph import document
from harka.repositories.organization import Organization
from harka.runtime import Runtime
from harka.tenancy.entitlement import limits_for
from harka.tenancy.plan import PlanLimits
from harka.tenancy.quota import Admission
from harka.web.middleware.draining import Draining
from harka.web.middleware.request_scope import RequestScope
from harka.web.routes import build
from school import Socket, Stream, Wire, graphql_scope

FIELDS = list(root_fields(load_schema()))
QUERIES, MUTATIONS, SUBSCRIPTIONS = (
    [field for field in FIELDS if field.operation == kind] for kind in ("query", "mutation", "subscription")
)
_OF_THE_MOMENT = re.compile(r'"\w*(?:asOf|requests|used|downloadUrl|pdfUrl|estimatedEndAt|resetsAt)":[^,}]*')
_MANY = 1e9
_KEPT_BYTES = 2**31
_PATIENCE = 5.0  # seconds for the log's own thread to write a line


class LogLines(io.TextIOBase):
    """A stream that remembers its lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._loop = asyncio.get_running_loop()
        self._more = asyncio.Event()

    def write(self, text: str) -> int:
        """Called by the log's own thread."""
        self.lines += text.splitlines()
        self._loop.call_soon_threadsafe(self._more.set)
        return len(text)

    async def written(self) -> None:
        """Return when there is more."""
        self._more.clear()
        await self._more.wait()


@dataclass(frozen=True)
class Answer:
    status: int
    text: str
    request_id: str
    statements: int

    @cached_property
    def body(self) -> Any:
        return json.loads(self.text)

    @property
    def codes(self) -> set[str]:
        told = {error["extensions"]["code"] for error in self.body.get("errors", ())}
        return told | {error["code"] for error in self._mendable}

    @property
    def refusals(self) -> str:
        """The errors alone, without the request's own id."""
        return json.dumps([self.body.get("errors"), self._mendable]).replace(self.request_id, "")

    @property
    def _mendable(self) -> list[Any]:
        """What payloads say, of the whole or of a part."""
        found, waiting = [], [self.body.get("data")]
        while waiting:
            value = waiting.pop()
            if isinstance(value, list):
                waiting += value
            elif isinstance(value, dict):
                found += [value] if value.get("__typename") == "UserError" else []
                waiting += value.values()
        return found

    @property
    def unnamed(self) -> str:
        """Without the request's own id, and what tells of the moment and of how many requests there were.

        Links that are good for a while tell of the moment, too.

        Two answers equal in this cannot be told apart.
        """
        return _OF_THE_MOMENT.sub("", self.text.replace(self.request_id, ""))


def unhurried(runtime: Runtime) -> Runtime:
    """The same without a budget: none is meant for documents with all there is in them, by the thousand."""
    return msgspec.structs.replace(runtime, admission=Admission(limits=_endless))


def _endless(organization: Organization) -> PlanLimits:
    return msgspec.structs.replace(
        limits_for(organization),
        requests_per_month=None,
        requests_per_second=_MANY,
        burst=int(_MANY),
        points_per_second=_MANY,
        points=int(_MANY),
        concurrent_requests=int(_MANY),
        cpu_millicores=int(_MANY),
        memory_bytes=2**53,
    )


def overheard(runtime: Runtime) -> "Overheard":
    """The application without a budget, which keeps all of these documents: to read one takes the longest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(document, "CACHED_BYTES", _KEPT_BYTES)
        return Overheard(build(unhurried(runtime), Draining()))


class Overheard:
    """An application, and what the request scope has recorded of its latest request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.request: RequestScope | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)
        self.request = scope["harka"]


@dataclass(frozen=True)
class Speaker:
    http: httpx2.AsyncClient
    app: Overheard
    log: LogLines
    domain: str
    asked: list[str] = field(default_factory=list)
    lines_before: list[int] = field(default_factory=list)  # in the log, of each that was asked

    async def ask(
        self,
        world: World,
        operation: RootField | str,
        variables: Mapping[str, Any] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        host: str | None = None,
    ) -> Answer:
        """As the owner of `world`, at its address, unless told otherwise."""
        document = operation if isinstance(operation, str) else operation.document
        given = {
            "accept": "*/*",
            "content-type": "application/json",
            # how much of a processor an answer took is another each time, and says nothing of what is there
            "graphql-cost": "0",
            **({"authorization": f"Bearer {world.owner}"} if headers is None else headers),
        }
        scope = graphql_scope("http", host or self.address(world), given, method="POST")
        # the standard library writes any number, also one that nobody takes
        body = json.dumps({"query": document, "variables": dict(variables or {})})
        lines = len(self.log.lines)
        status, told = await _exchanged(self.app, scope, body.encode())
        request = self.app.request
        assert request is not None
        self.asked.append(request.id)
        self.lines_before.append(lines)
        return Answer(status, told.decode(), request.id, request.record.statements)

    @asynccontextmanager
    async def listening(
        self, world: World, operation: RootField, variables: Mapping[str, Any]
    ) -> AsyncIterator[Stream]:
        """As the owner of `world`, to server-sent events; the first is a heartbeat: it is listened to."""
        headers = {
            "accept": "text/event-stream",
            "content-type": "application/json",
            "authorization": f"Bearer {world.owner}",
        }
        stream = Stream(self.app, graphql_scope("http", self.address(world), headers, method="POST"))
        body = json_bytes({"query": operation.document, "variables": dict(variables)})
        stream.send({"type": "http.request", "body": body, "more_body": False})
        yield stream
        await _left(stream, {"type": "http.disconnect"})

    @asynccontextmanager
    async def socket(self, host: str, headers: Mapping[str, str]) -> AsyncIterator[Socket]:
        """A WebSocket to the address `host`, opened with these headers, in which nothing is said yet."""
        scope = graphql_scope("websocket", host, headers, subprotocols=["graphql-transport-ws"])
        socket = Socket(self.app, scope)
        socket.send({"type": "websocket.connect"})
        yield socket
        await _left(socket, {"type": "websocket.disconnect", "code": 1000})

    def address(self, world: World) -> str:
        return f"{world.organization.slug}.{self.domain}"

    async def logged_since(self, begin: int) -> str:
        """What was logged of the requests from number `begin` on, once the last one has its line."""
        asked, first = set(self.asked[begin:]), self.lines_before[begin]
        async with asyncio.timeout(_PATIENCE):
            while True:
                lines = [
                    line for line in self.log.lines[first:] if json.loads(line).get("request_id") in asked
                ]
                if any(self.asked[-1] in line and '"event":"request"' in line for line in lines):
                    return "\n".join(lines)
                await self.log.written()


async def _exchanged(app: ASGIApp, scope: Scope, body: bytes) -> tuple[int, bytes]:
    """Status and body, as a server asks: of so many requests a client library would be half of the work."""
    arriving = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[Any] = []

    async def receive() -> Any:
        return arriving.pop() if arriving else await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    begun, *parts = sent
    return begun["status"], b"".join(part.get("body", b"") for part in parts)


async def _left(wire: Wire, message: dict[str, Any]) -> None:
    wire.send(message)
    async with asyncio.timeout(_PATIENCE):
        await wire.task
