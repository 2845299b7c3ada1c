"""Tenants that stand in the catalog: a worker finds its tenants there."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from academy import Academy, Parts
from harka.runtime import Runtime
from harka.worker.registry import Handler
from harka.worker.runner import run
from nameserver import name_server

__all__ = ["name_server"]

OpenWorker = Callable[..., AbstractAsyncContextManager[asyncio.Event]]


@pytest.fixture
def found(runtime: Runtime, make_tenant: Any) -> Callable[..., Awaitable[Academy]]:
    """Makes tenants in the catalog; takes what `make_tenant` takes."""

    async def make(**values: Any) -> Academy:
        parts = Parts(runtime.databases, runtime.cache, runtime.pubsub, runtime.outside)
        return Academy(parts, await make_tenant(**values))

    return make


@pytest.fixture
async def academy(found: Callable[..., Awaitable[Academy]]) -> Academy:
    return await found()


@pytest.fixture
def working(runtime: Runtime) -> OpenWorker:
    """Runs a worker with these handlers during a block, which may stop it earlier."""

    @asynccontextmanager
    async def open_worker(handlers: Mapping[str, Handler], **values: Any) -> AsyncIterator[asyncio.Event]:
        stop = asyncio.Event()
        worker = asyncio.create_task(run(runtime, stop=stop, handlers=handlers, **values))
        try:
            async with asyncio.timeout(60):
                yield stop
        finally:
            stop.set()
            await worker

    return open_worker
