"""One line and one observation for each request, when its answer has ended."""

import logging
from http import HTTPMethod

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from harka import clock, logs
from harka.metrics import OTHER, Metrics
from harka.tenancy.context import ActorKind
from harka.web.middleware.request_scope import RequestScope

log = logs.logger("access")

_CLIENT_GONE = 499
_SWITCHING = 101
_ROUTES = frozenset({"graphql", "files", "dashboard", "auth", "scim"})
_PROBES = frozenset({"livez", "readyz"})
_METHODS = frozenset(HTTPMethod)


class AccessLogMiddleware:
    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = clock.monotonic()
        status, route = _CLIENT_GONE, _route(scope)

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
            self._tell(scope, route, status, clock.monotonic() - start)

    def _tell(self, scope: Scope, route: str, status: int, seconds: float) -> None:
        request: RequestScope = scope["harka"]
        record = request.record
        known = record.actor not in {"", ActorKind.ANONYMOUS}
        self._metrics.observe_request(
            tenant=record.tenant,
            operation=record.operation if known else "",
            route=route,
            status=status,
            seconds=seconds,
        )
        method = scope.get("method", "GET")
        line = {
            "request_id": request.id,
            "tenant": record.tenant,
            "actor": record.actor,
            "method": method if method in _METHODS else OTHER,
            "route": route,
            "operation": record.operation[:64],
            "status": status,
            "code": record.code,
            "milliseconds": round(seconds * 1000, 2),
            "statements": record.statements,
        }
        level = logging.DEBUG if route in _PROBES else logging.INFO
        log.log(
            level, "request", **{field: value for field, value in line.items() if value not in {None, ""}}
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
