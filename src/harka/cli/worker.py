"""`harka worker`: runs the jobs."""

import asyncio

import msgspec
import uvloop

from harka import logs
from harka.cli.serving import require_servers
from harka.cli.signals import on_stop
from harka.config import Settings, load
from harka.graph.asking import asker
from harka.opening import open_monitored
from harka.storage.databases import size_with
from harka.worker.runner import SLOTS, SPARE_CONNECTIONS, run

log = logs.logger("worker")


def worker() -> None:
    """Run jobs until asked to stop; what has begun is finished, or taken up by another worker."""
    settings = load()
    require_servers(settings)
    # all of them may be at work in one shard, and must tell that they live
    connections = max(settings.pool_size, size_with(SLOTS + SPARE_CONNECTIONS))
    settings = msgspec.structs.replace(settings, pool_size=connections)
    with logs.writing(settings):
        uvloop.run(_work(settings))


async def _work(settings: Settings) -> None:
    stop = asyncio.Event()
    with on_stop(stop.set):
        async with open_monitored(settings) as runtime:
            log.info("working")
            await run(runtime, stop=stop, ask=asker(runtime))
    log.info("stopped")
