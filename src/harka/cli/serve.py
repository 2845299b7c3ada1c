"""`harka serve`: the API on servers of your own."""

import asyncio
import socket
from typing import Annotated

import msgspec
import typer
import uvloop

from harka import logs
from harka.cli import children
from harka.cli.serving import ALONE, BESIDE_OTHERS, OwnedServer, descriptors_of, listen, require_servers
from harka.cli.signals import on_stop
from harka.config import Settings, load


def serve(
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on; HARKA_HOST.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Port to listen on; HARKA_PORT.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes; each has its own /metrics port.")] = 1,
    descriptor: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Serve the API until asked to stop; what runs is finished within HARKA_SHUTDOWN_GRACE seconds."""
    settings = load()
    require_servers(settings)
    settings = msgspec.structs.replace(
        settings,
        host=settings.host if host is None else host,
        port=settings.port if port is None else port,
    )
    listener = (
        listen(settings.host, settings.port) if descriptor is None else socket.socket(fileno=descriptor)
    )
    with logs.writing(settings):
        if workers > 1:
            uvloop.run(_share(settings, listener, workers))
        else:
            uvloop.run(_serve(settings, listener, ALONE if descriptor is None else BESIDE_OTHERS))


async def _serve(settings: Settings, listener: socket.socket, descriptors: int) -> None:
    server = OwnedServer(settings)
    with on_stop(server.stop):
        await server.serve(descriptors_of(listener, descriptors))


async def _share(settings: Settings, listener: socket.socket, workers: int) -> None:
    """Processes that accept from one socket; their metrics ports count up from the configured one."""
    descriptor = listener.fileno()
    command = ["serve", "--descriptor", str(descriptor)]
    stopping = asyncio.Event()
    with on_stop(stopping.set):
        running = [
            asyncio.create_task(
                children.keep(command, children.sibling(settings, number), descriptors=[descriptor])
            )
            for number in range(workers)
        ]
        await stopping.wait()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
