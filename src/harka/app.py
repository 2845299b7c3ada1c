"""The ASGI application over what a process is made of, and its server."""

import gc
import math
import socket
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from harka import logs
from harka.analytics.gauge import UsageGauge
from harka.config import ConfigurationError, Settings
from harka.opening import background, open_monitored
from harka.runtime import Runtime
from harka.web.listeners import Listeners
from harka.web.middleware.draining import Draining
from harka.web.protocol import BoundedProtocol
from harka.web.refusals import REFUSALS, Refusals
from harka.web.routes import build
from harka.web.scim import door as scim
from harka.web.socket_protocol import BoundedSocket
from harka.web.unread import PATIENCE, Patience

log = logs.logger("app")

_SOCKETS_SECONDS: Final = 1.0
_YOUNG_OBJECTS: Final = 20_000


class Application:
    """The ASGI application; it opens its runtime when the server starts it and closes it when it stops."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._handle: ASGIApp | None = None
        self._runtime: Runtime | None = None
        self.draining = Draining()

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "lifespan":
            return self._live(scope.get("state", {}), receive, send)
        assert self._handle is not None  # noqa: S101 - a server sends lifespan before requests
        return self._handle(scope, receive, send)

    def drain(self) -> None:
        """Begin to stop: not ready any more, sockets closed with 1001, subscriptions at their end."""
        self.draining.begin()
        if self._runtime is not None:
            self._runtime.pubsub.end_subscriptions()

    async def _live(self, state: dict[str, Any], receive: Receive, send: Send) -> None:
        await receive()
        async with AsyncExitStack() as stack:
            try:
                runtime = await self._open(stack)
            except ConfigurationError as error:
                log.critical("not started", reason=error.message)
                await send({"type": "lifespan.startup.failed", "message": error.message})
                return
            except Exception as error:
                log.critical("not started", exc_info=error)
                await send({"type": "lifespan.startup.failed", "message": type(error).__name__})
                return
            state[REFUSALS] = refusals = Refusals(runtime)
            stack.callback(refusals.close)
            state[PATIENCE] = Patience(self._settings.unread_timeout, runtime.metrics.connection_unread)
            if runtime.directory.current.scim_tokens:
                await scim.load()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            self.drain()
        await send({"type": "lifespan.shutdown.complete"})

    async def _open(self, stack: AsyncExitStack) -> Runtime:
        runtime = await stack.enter_async_context(open_monitored(self._settings))
        gauge = UsageGauge(runtime.metrics, runtime.directory)
        await stack.enter_async_context(background("usage", partial(gauge.run, runtime.pubsub)))
        self._runtime = runtime
        listeners = Listeners(runtime)
        await stack.enter_async_context(background("listeners", listeners.run))
        loading = partial(scim.load_with_first_token, runtime.directory)
        await stack.enter_async_context(background("scim", loading))
        self._handle = build(runtime, self.draining, listeners)
        return runtime


def create_app(settings: Settings) -> Application:
    return Application(settings)


def _settle_collector() -> None:
    """What is loaded by now stays: the garbage collector need not look at it again.

    It looks at new objects less often, too: an answer makes thousands and leaves none in a cycle.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, *gc.get_threshold()[1:])


class Server(uvicorn.Server):
    """uvicorn with the settings this application needs; drains before it closes connections."""

    def __init__(self, settings: Settings) -> None:
        self._application = create_app(settings)
        super().__init__(
            uvicorn.Config(
                self._application,
                interface="asgi3",
                host=settings.host,
                port=settings.port,
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                # forwarded headers are believed by the request scope, from configured proxies only
                proxy_headers=False,
                http=BoundedProtocol,
                ws=BoundedSocket,
                ws_max_size=settings.max_body_bytes,
                timeout_keep_alive=settings.keep_alive,
                timeout_graceful_shutdown=math.ceil(settings.shutdown_grace),
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        _settle_collector()
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        log.info("serving", host=host, port=port)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        log.info("stopping")
        self._application.drain()
        # the sockets say 1001 (going away) before uvicorn would say 1012
        await self._application.draining.sockets_closed(_SOCKETS_SECONDS)
        await super().shutdown(sockets)
        log.info("stopped")
