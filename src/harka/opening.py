"""The composition root: what a process is made of, opened and closed. Nothing here knows the schema."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Final, Protocol, TypeVar
from uuid import uuid4

from harka import logs
from harka.analytics.requests import Requests
from harka.auth.breach import Breaches
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
from harka.config import Settings
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
from harka.tenancy.bodies import Bodies
from harka.tenancy.directory import Directory
from harka.tenancy.dns import Dns
from harka.tenancy.gate import Gate
from harka.tenancy.plan import Resource
from harka.tenancy.quota import Admission
from harka.web.metrics import serve_metrics, watch

log = logs.logger("app")

_FIRST_READING_SECONDS: Final = 5.0
_RESTART_SECONDS: Final = 1.0


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
        await stack.enter_async_context(background("directory", directory.run))
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
            breaches=Breaches(settings.breached_passwords_url),
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
            gate=Gate(most=settings.max_concurrency, patience=settings.queue_patience, storage=databases),
            bodies=Bodies(settings.max_concurrency),
            admission=_admission(settings, requests, pubsub, stack),
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
            background("quota", runtime.admission.run),
        ):
            yield runtime


class _Counts(Protocol):
    async def run(self) -> None: ...
    async def flush(self) -> None: ...


C = TypeVar("C", bound=_Counts)


async def _written_at_times(stack: AsyncExitStack, name: str, counts: C) -> C:
    """Written down every while, and at the end."""
    stack.push_async_callback(counts.flush)
    await stack.enter_async_context(background(name, counts.run))
    return counts


def _cache(settings: Settings, keyring: Keyring) -> TenantCache:
    return TenantCache(
        settings.redis_url,
        keyring.cache,
        local_bytes=settings.cache_bytes,
        patience=settings.cache_timeout,
    )


def _admission(settings: Settings, requests: Requests, pubsub: PubSub, stack: AsyncExitStack) -> Admission:
    ledger = None
    if settings.redis_url:
        ledger = SharedLedger(settings.redis_url, uuid4().hex, processes=settings.quota_processes)
        stack.push_async_callback(ledger.close)

    async def seed(organization: Organization, resource: Resource) -> float:
        used = await requests.this_month(organization)
        return used.downloaded if resource == Resource.BANDWIDTH else used.requests

    admission = Admission(ledger, seed, pubsub=pubsub if ledger else None)
    stack.push_async_callback(admission.stop)
    return admission


async def _read_once(directory: Directory) -> None:
    """So that the first request finds its tenant; a catalog that is down is read as soon as it is back."""
    with suppress(HarkaError, TimeoutError):
        async with asyncio.timeout(_FIRST_READING_SECONDS):
            await directory.refresh()


@asynccontextmanager
async def background(name: str, run: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
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
