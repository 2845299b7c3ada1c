"""`harka serve`: the API on servers of your own."""

import asyncio
import socket
from typing import Annotated

import msgspec
import typer
import uvloop

from harka import logs
from harka.cli import children
from harka.cli.serving import (
    OwnedServer,
    bind_beside_others,
    descriptors_of,
    listen,
    port_of,
    require_servers,
    reserve,
)
from harka.cli.signals import on_stop
from harka.config import Settings, load


def serve(
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on; HARKA_HOST.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Port to listen on; HARKA_PORT.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes; each has its own /metrics port.")] = 1,
    beside_others: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Serve the API until asked to stop; what runs is finished within HARKA_SHUTDOWN_GRACE seconds."""
    settings = load()
    require_servers(settings)
    settings = msgspec.structs.replace(
        settings,
        host=settings.host if host is None else host,
        port=settings.port if port is None else port,
    )
    with logs.writing(settings):
        if workers > 1:
            uvloop.run(_share(settings, workers))
        else:
            opened = bind_beside_others if beside_others else listen
            uvloop.run(_serve(settings, opened(settings.host, settings.port)))


async def _serve(settings: Settings, listener: socket.socket) -> None:
    server = OwnedServer(settings)
    with on_stop(server.stop):
        await server.serve(descriptors_of(listener))


async def _share(settings: Settings, workers: int) -> None:
    """Processes that listen beside each other; their metrics ports count up from the configured one."""
    command = ["serve", "--beside-others"]
    stopping = asyncio.Event()
    with on_stop(stopping.set), reserve(settings.host, settings.port) as held:
        settings = msgspec.structs.replace(settings, port=port_of(held))
        running = [
            asyncio.create_task(children.keep(command, children.sibling(settings, number)))
            for number in range(workers)
        ]
        await stopping.wait()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
