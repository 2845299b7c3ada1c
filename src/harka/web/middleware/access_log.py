"""One line and one observation for each request, when its answer has ended."""

import logging
from datetime import datetime
from http import HTTPMethod
from typing import Final

import msgspec
from msgspec import UNSET
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from harka import clock, logs
from harka.logs import AccessLine
from harka.metrics import OTHER, Metrics
from harka.tenancy.context import ActorKind
from harka.web.middleware.request_scope import RequestScope

CLIENT_GONE: Final = 499
_SWITCHING = 101
_ROUTES = frozenset({"graphql", "files", "dashboard", "auth", "scim"})
_PROBES = frozenset({"livez", "readyz"})
_METHODS = frozenset(HTTPMethod)
_NOBODY = frozenset({"", ActorKind.ANONYMOUS})


class AccessLogMiddleware:
    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = clock.monotonic()
        status, route = CLIENT_GONE, _route(scope)

        async def watched(message: Message) -> None:
            nonlocal status, route
            if message["type"] in {"http.response.start", "websocket.http.response.start"}:
                status = message["status"]
                if _is_stream(message):
                    route = "stream"
            elif message["type"] == "websocket.accept":
                status = _SWITCHING
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            seconds = clock.monotonic() - start
            method = scope.get("method", "GET")
            tell(self._metrics, scope["harka"], method=method, route=route, status=status, seconds=seconds)


def tell(
    metrics: Metrics, request: RequestScope, *, method: str, route: str, status: int, seconds: float
) -> None:
    """Count a request that has ended, and write its line. `route`: from a fixed set.

    The line has the status that was sent; an outage is counted as one, also where clients are told 200.
    """
    record = request.record
    actor = record.actor
    metrics.observe_request(
        tenant=record.tenant,
        operation="" if actor in _NOBODY else record.operation,
        route=route,
        status=record.outage or status,
        seconds=seconds,
    )
    logs.access(
        _Ended(clock.now(), request, method, route, status, seconds),
        logging.DEBUG if route in _PROBES else logging.INFO,
    )


class _Ended(msgspec.Struct, frozen=True, gc=False):
    """A request that has ended at `at`, until its line is made."""

    at: datetime
    request: RequestScope
    method: str
    route: str
    status: int
    seconds: float

    def line(self) -> AccessLine:
        record = self.request.record
        return AccessLine(
            time=self.at,
            room="access",
            request_id=logs.scrub_word(self.request.id),
            tenant=record.tenant or UNSET,
            actor=record.actor or UNSET,
            method=self.method if self.method in _METHODS else OTHER,
            route=self.route,
            operation=logs.scrub_word(record.operation[:64]) or UNSET,
            status=self.status,
            code=record.code or UNSET,
            # rounding to places takes ten times as long as rounding to a whole number
            milliseconds=round(self.seconds * 100_000) / 100,
            statements=record.statements,
            event="request",
            level="debug" if self.route in _PROBES else "info",
        )


def _route(scope: Scope) -> str:
    """A name from a fixed set: paths are the client's to invent."""
    if scope["type"] == "websocket":
        return "websocket"
    first = scope["path"].split("/", 2)[1] if scope["path"].startswith("/") else ""
    return first if first in _ROUTES or first in _PROBES else OTHER


def _is_stream(start: Message) -> bool:
    return any(
        name.lower() == b"content-type" and value.startswith(b"text/event-stream")
        for name, value in start.get("headers", ())
    )
