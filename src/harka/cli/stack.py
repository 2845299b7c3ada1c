"""What `harka up` runs on the embedded servers: the API in this process, the worker and the demo in others.

The worker is `harka worker` itself: the same code as in a deployment, on another processor, and a job that
goes wrong cannot take the API with it.
"""

import asyncio
import contextlib
import socket
import sys
import time
from pathlib import Path
from typing import Final

import msgspec
import uvloop

from harka import logs
from harka.cli import children, welcome
from harka.cli.embedded.prepare import prepare
from harka.cli.embedded.servers import Embedded
from harka.cli.serving import OwnedServer, descriptors_of, listen_nearby, port_of
from harka.cli.signals import on_stop
from harka.config import Settings
from harka.errors import HarkaError
from harka.onboarding.demo import summary
from harka.opening import open_runtime

log = logs.logger("up")

_REVIVE_EVERY: Final = 1.0


def run(embedded: Embedded, *, began: float, demo: bool) -> None:
    """Return when asked to stop. `began`: when the command was called, on the monotonic clock."""
    embedded.wait()
    settings = embedded.settings
    if sys.stderr.isatty():
        settings = msgspec.structs.replace(settings, log_format="console")
    with logs.writing(settings), contextlib.suppress(asyncio.CancelledError):
        uvloop.run(_run(embedded, settings, began=began, demo=demo))


async def _run(embedded: Embedded, settings: Settings, *, began: float, demo: bool) -> None:
    this = asyncio.current_task()
    assert this is not None  # noqa: S101 - whoever runs is a task
    with on_stop(this.cancel):
        await prepare(settings, embedded.admin_url)
    listener = listen_nearby(settings.host, settings.port)
    settings = _at_port(settings, listener)
    server = OwnedServer(settings)
    with on_stop(server.stop):
        async with asyncio.TaskGroup() as group:
            beside = [
                group.create_task(_revive(embedded)),
                group.create_task(_accompany(server, settings, embedded.directory, began=began)),
                group.create_task(_show_tenants(server, settings, embedded.directory, demo=demo)),
            ]
            await server.serve(descriptors_of(listener))
            for task in beside:
                task.cancel()


def _at_port(settings: Settings, listener: socket.socket) -> Settings:
    port = port_of(listener)
    if port != settings.port and settings.port:
        print(f"harka: port {settings.port} is taken, using {port}", flush=True)
    settings = msgspec.structs.replace(settings, port=port)
    if settings.public_url == Settings().public_url:
        settings = msgspec.structs.replace(settings, public_url=f"http://{{host}}:{port}")
    return settings


async def _accompany(server: OwnedServer, settings: Settings, directory: Path, *, began: float) -> None:
    """Once the API answers, what must not make it wait."""
    await server.serving.wait()
    welcome.ready(settings, directory, seconds=time.monotonic() - began)
    await children.keep(["worker"], children.sibling(settings, 1))


async def _show_tenants(server: OwnedServer, settings: Settings, directory: Path, *, demo: bool) -> None:
    """The demo is loaded from the first moment on: without a tenant, there is nothing to ask the API."""
    loaded = directory / "demo-loaded"
    if demo and not loaded.exists():
        if await children.run(["import", "oulad"], settings) != 0:
            log.error("the demo is incomplete; the next start goes on with it")
            return
        loaded.touch()
    await server.serving.wait()
    try:
        async with open_runtime(settings) as runtime:
            welcome.tenants(settings, await summary(runtime))
    except HarkaError as error:
        log.warning("demo tenants not listed", error=error.code)


async def _revive(embedded: Embedded) -> None:
    """A server that dies is started again; until it is back, what needs it answers UNAVAILABLE."""
    while True:
        await asyncio.sleep(_REVIVE_EVERY)
        for said in embedded.revive():
            log.error("embedded server died, started again", said=said)
