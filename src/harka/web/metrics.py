"""`/metrics` on a port of its own, in the same loop: scrapers never meet tenants' doors."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from harka import logs
from harka.config import ConfigurationError
from harka.metrics import CONTENT_TYPE, Metrics
from harka.runtime import Runtime

log = logs.logger("metrics")


def watch(runtime: Runtime) -> None:
    """Gauges of what the process holds, read at each scrape."""
    metrics = runtime.metrics
    metrics.watch_gauge("database_connections", "Open connections.", "state", runtime.databases.connections)
    metrics.watch_gauge(
        "gate",
        "Requests at the door, and the limit on those under way.",
        "state",
        lambda: {**runtime.gate.state(), **runtime.bodies.state()},
    )
    metrics.watch_counter(
        "quota_refused",
        "What was beyond a limit.",
        "resource",
        lambda: _refused(runtime),
    )
    metrics.watch_counter("cache_lookups", "What became of lookups.", "outcome", lambda: runtime.cache.counts)


def _refused(runtime: Runtime) -> dict[str, int]:
    return {
        f"{resource}{'_shadow' if passed else ''}": count
        for (resource, passed), count in runtime.admission.refused.items()
    }


class MetricsPage:
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response: Response = PlainTextResponse("Not Found", 404)
        if request.url.path == "/metrics" and request.method in {"GET", "HEAD"}:
            # thousands of series take milliseconds to render: not on the loop that serves requests
            page = await asyncio.to_thread(self._metrics.exposition)
            response = Response(page, media_type=CONTENT_TYPE)
        await response(scope, receive, send)


@asynccontextmanager
async def serve_metrics(metrics: Metrics, *, host: str, port: int) -> AsyncIterator[int]:
    """Serve while the block runs and yield the port: `port`, or any free one when that is taken."""
    listener = _listen(host, port)
    config = uvicorn.Config(
        MetricsPage(metrics),
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    server = _SideServer(config)
    listening: int = listener.getsockname()[1]
    log.info("metrics", host=host, port=listening)
    serving = asyncio.create_task(server.serve([listener]), name="metrics")
    try:
        yield listening
    finally:
        server.should_exit = True
        await serving


class _SideServer(uvicorn.Server):
    """Signals belong to the API's server; this one stops with it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=_family(host))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise ConfigurationError(f"HARKA_METRICS_HOST: {host!r}: {error.strerror}") from error
        log.warning("metrics port is taken, using a free one", port=port)
        return socket.create_server((host, 0), family=_family(host))


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
