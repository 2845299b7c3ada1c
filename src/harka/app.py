"""The composition root: the only file that builds everything, and the ASGI application over it."""

import asyncio
import gc
import math
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar
from uuid import uuid4

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from harka import logs
from harka.analytics.gauge import UsageGauge
from harka.analytics.requests import Requests
from harka.auth.hashing import Hasher
from harka.auth.key_rate import KeyRates
from harka.auth.key_usage import KeyUsage
from harka.auth.ldap import Directories
from harka.auth.principal import Authenticator
from harka.auth.saml import Assertions
from harka.auth.session_usage import SessionUsage
from harka.cache.pool_ledger import SharedLedger
from harka.cache.tenant import TenantCache
from harka.cache.throttle import Throttle
from harka.config import ConfigurationError, Settings
from harka.crypto.keyring import Keyring
from harka.errors import HarkaError
from harka.files.store import FileStore
from harka.files.typeset import Typesetter
from harka.ids import NodeIds
from harka.mail.mailer import Mailer
from harka.metrics import Metrics
from harka.pubsub import PubSub
from harka.repositories import scim_token
from harka.repositories.organization import Organization
from harka.runtime import Runtime
from harka.storage.catalog import Catalog
from harka.storage.databases import Databases
from harka.tenancy.directory import Directory
from harka.tenancy.dns import Dns
from harka.tenancy.gate import Gate
from harka.tenancy.plan import Resource
from harka.tenancy.quota import Admission
from harka.web.listeners import Listeners
from harka.web.metrics import serve_metrics, watch
from harka.web.middleware.draining import Draining
from harka.web.protocol import BoundedProtocol
from harka.web.refusals import REFUSALS, Refusals
from harka.web.routes import build
from harka.web.scim import door as scim

log = logs.logger("app")

_FIRST_READING_SECONDS: Final = 5.0
_RESTART_SECONDS: Final = 1.0
_SOCKETS_SECONDS: Final = 1.0
_YOUNG_OBJECTS: Final = 20_000


@asynccontextmanager
async def open_runtime(settings: Settings) -> AsyncIterator[Runtime]:
    """Open everything, yield it, close it in reverse order.

    Servers that are down are no error here: what needs them fails fast until they are back.
    """
    keyring = Keyring(settings.secret)
    async with AsyncExitStack() as stack:
        databases = Databases(settings)
        stack.push_async_callback(databases.close)
        catalog = Catalog(settings)
        stack.push_async_callback(catalog.close)
        cache = _cache(settings, keyring)
        stack.push_async_callback(cache.close)
        pubsub = PubSub(settings.redis_url)
        stack.push_async_callback(pubsub.close)
        directory = Directory(catalog, settings)
        await _read_once(directory)
        await stack.enter_async_context(_background("directory", directory.run))
        key_usage = await _written_at_times(stack, "key usage", KeyUsage(catalog))
        scim_usage = await _written_at_times(stack, "scim usage", KeyUsage(catalog, scim_token.touch))
        session_usage = await _written_at_times(stack, "session usage", SessionUsage(databases))
        requests = await _written_at_times(stack, "requests", Requests(catalog, directory.timezone_of))
        hasher = Hasher()
        stack.callback(hasher.close)
        directories = Directories()
        stack.callback(directories.close)
        assertions = Assertions(Path(settings.xmlsec1))
        stack.callback(assertions.close)
        typesetter = Typesetter(settings.fonts)
        stack.callback(typesetter.close)
        yield Runtime(
            settings=settings,
            databases=databases,
            catalog=catalog,
            dns=Dns(settings.dns_servers),
            directory=directory,
            authenticator=Authenticator(settings),
            key_usage=key_usage,
            key_rates=KeyRates(),
            scim_usage=scim_usage,
            session_usage=session_usage,
            hasher=hasher,
            directories=directories,
            assertions=assertions,
            throttle=Throttle(cache),
            requests=requests,
            cache=cache,
            pubsub=pubsub,
            keyring=keyring,
            node_ids=NodeIds(keyring.node_id),
            files=FileStore(settings.files_url, keyring.seal),
            typesetter=typesetter,
            mailer=Mailer(settings),
            gate=Gate(most=settings.max_concurrency, patience=settings.queue_patience),
            admission=_admission(settings, requests, stack),
            metrics=Metrics(tenants=settings.metrics_tenants),
        )


@asynccontextmanager
async def open_monitored(settings: Settings) -> AsyncIterator[Runtime]:
    """`open_runtime` for a process that stays: what it does is told at `/metrics`, on a port of its own.

    Operations are executed in it, a worker's for webhooks, too: it keeps its part of organizations' limits.
    """
    async with open_runtime(settings) as runtime:
        watch(runtime)
        async with (
            serve_metrics(runtime.metrics, host=settings.metrics_host, port=settings.metrics_port),
            _background("quota", runtime.admission.run),
        ):
            yield runtime


class _Counts(Protocol):
    async def run(self) -> None: ...
    async def flush(self) -> None: ...


C = TypeVar("C", bound=_Counts)


async def _written_at_times(stack: AsyncExitStack, name: str, counts: C) -> C:
    """Written down every while, and at the end."""
    stack.push_async_callback(counts.flush)
    await stack.enter_async_context(_background(name, counts.run))
    return counts


def _cache(settings: Settings, keyring: Keyring) -> TenantCache:
    return TenantCache(
        settings.redis_url,
        keyring.cache,
        local_bytes=settings.cache_bytes,
        patience=settings.cache_timeout,
    )


def _admission(settings: Settings, requests: Requests, stack: AsyncExitStack) -> Admission:
    ledger = None
    if settings.redis_url:
        ledger = SharedLedger(settings.redis_url, uuid4().hex, processes=settings.quota_processes)
        stack.push_async_callback(ledger.close)

    async def seed(organization: Organization, resource: Resource) -> float:
        used = await requests.this_month(organization)
        return used.downloaded if resource == Resource.BANDWIDTH else used.requests

    return Admission(ledger, seed)


async def _read_once(directory: Directory) -> None:
    """So that the first request finds its tenant; a catalog that is down is read as soon as it is back."""
    with suppress(HarkaError, TimeoutError):
        async with asyncio.timeout(_FIRST_READING_SECONDS):
            await directory.refresh()


@asynccontextmanager
async def _background(name: str, run: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
    """Keep `run` running while the block runs, whatever goes wrong in it."""

    async def keep() -> None:
        while True:
            try:
                await run()
            except Exception:
                # a bug in it must not end it for as long as the process lives
                log.exception("background task failed, starting it again", task=name)
            await asyncio.sleep(_RESTART_SECONDS)

    task = asyncio.create_task(keep(), name=name)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


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
            state[REFUSALS] = Refusals(runtime)
            if runtime.directory.current.scim_tokens:
                await scim.load()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            self.drain()
        await send({"type": "lifespan.shutdown.complete"})

    async def _open(self, stack: AsyncExitStack) -> Runtime:
        runtime = await stack.enter_async_context(open_monitored(self._settings))
        gauge = UsageGauge(runtime.metrics, runtime.directory)
        await stack.enter_async_context(_background("usage", partial(gauge.run, runtime.pubsub)))
        self._runtime = runtime
        listeners = Listeners(runtime)
        await stack.enter_async_context(_background("listeners", listeners.run))
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
                ws="websockets-sansio",
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
