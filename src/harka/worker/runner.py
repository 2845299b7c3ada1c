"""The worker: a few jobs at a time, tenant after tenant in turns, woken by signals and by a sweep."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import msgspec

from harka import logs
from harka.errors import HarkaError
from harka.pubsub import PubSub
from harka.queue.message import JOBS_TOPIC, PLATFORM
from harka.runtime import Runtime
from harka.worker import schedule
from harka.worker.execution import Execution
from harka.worker.registry import HANDLERS, Handler
from harka.worker.rotation import Rotation

SLOTS: Final = 4
"""Jobs at the same time in one process: they wait for the database more than they compute."""
_UNREACHABLE_DELAY: Final = 2.0

log = logs.logger("worker")


async def run(
    runtime: Runtime,
    *,
    stop: asyncio.Event,
    handlers: Mapping[str, Handler] = HANDLERS,
    period: float = schedule.PERIOD,
    slots: int = SLOTS,
) -> None:
    """Work until `stop` is set, then finish what has begun, for at most `settings.shutdown_grace` seconds.

    A job cut off after that is undone and comes back when its lease runs out. `period`: seconds between two
    visits of a tenant by the schedule.
    """
    rotation = Rotation()
    loop = asyncio.get_running_loop()

    def wake(tenant: UUID, delay: float = 0.0) -> None:
        if delay:
            loop.call_later(delay, rotation.add, tenant)
        else:
            rotation.add(tenant)

    execution = Execution(runtime, wake, handlers=handlers)
    async with asyncio.TaskGroup() as group:
        wakers = [
            group.create_task(_listen(runtime.pubsub, rotation), name="signals"),
            group.create_task(schedule.run(runtime, wake, period=period), name="schedule"),
        ]
        workers = [
            group.create_task(_work(runtime, rotation, execution), name=f"slot {n}") for n in range(slots)
        ]
        await stop.wait()
        log.info("stopping")
        rotation.close()
        _, late = await asyncio.wait(workers, timeout=runtime.settings.shutdown_grace)
        if late:
            log.warning("jobs cut off at shutdown", count=len(late))
        for task in (*late, *wakers):
            task.cancel()


async def _work(runtime: Runtime, rotation: Rotation, execution: Execution) -> None:
    while (tenant := await rotation.take()) is not None:
        organization = runtime.directory.current.organization(tenant)
        if organization is None or organization.status != "active":
            continue
        try:
            await execution.turn(organization)
        except HarkaError as error:
            log.warning("queue not read", tenant=str(tenant), code=error.code)
            asyncio.get_running_loop().call_later(_UNREACHABLE_DELAY, rotation.add, tenant)


async def _listen(pubsub: PubSub, rotation: Rotation) -> None:
    async with pubsub.subscribe(PLATFORM, JOBS_TOPIC) as events:
        async for event in events:
            # signals lost before a resync are made up for by the schedule's round
            if not event.resync:
                _hear(event.payload, rotation)


def _hear(payload: Mapping[str, Any], rotation: Rotation) -> None:
    try:
        signal = msgspec.convert(payload, _Signal)
    except msgspec.ValidationError:
        log.warning("unreadable signal")
        return
    rotation.add(signal.tenant)


class _Signal(msgspec.Struct, frozen=True):
    tenant: UUID
