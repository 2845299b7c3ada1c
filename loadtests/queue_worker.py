"""A worker process as `harka worker` is one, with the jobs of these runs: `queue_worker.py SLOTS LEASE`."""

import asyncio
import os
import sys
from collections.abc import Mapping
from typing import Final

import msgspec
import uvloop

from harka.config import load
from harka.graph.asking import asker
from harka.learning.work import UnitOfWork
from harka.opening import open_runtime
from harka.storage.databases import size_with
from harka.storage.statement import Statement
from harka.worker.registry import HANDLERS, Handler
from harka.worker.runner import run

NOTHING: Final = "load.nothing"
PAUSE: Final = "load.pause"
EFFECT: Final = "load.effect"
POISON: Final = "load.poison"
_BEATS: Final = 5
"""Heartbeats within a lease."""
_PERIOD: Final = 10.0
"""Seconds between two looks at a tenant whose signals were lost."""

# sums are kept of these rows: whoever does it twice is found out, however late
_EFFECT = Statement(
    "load.effect",
    """INSERT INTO {schema}.rollup_change (tenant_id, metric, change)
    SELECT $1::uuid, 'effect ' || $2::text, 1""",
)


class Nothing(msgspec.Struct, frozen=True):
    pass


class Pause(msgspec.Struct, frozen=True):
    seconds: float


class Effect(msgspec.Struct, frozen=True):
    number: int
    seconds: float


async def nothing(_work: UnitOfWork, _payload: Nothing) -> None:
    """As little as a job can do."""


async def pause(_work: UnitOfWork, payload: Pause) -> None:
    await asyncio.sleep(payload.seconds)


async def effect(work: UnitOfWork, payload: Effect) -> None:
    await work.session.execute(_EFFECT, str(payload.number))
    await asyncio.sleep(payload.seconds)


async def poison(_work: UnitOfWork, _payload: Nothing) -> None:
    os._exit(1)


JOBS: Final[Mapping[str, Handler]] = {
    **HANDLERS,
    NOTHING: Handler(Nothing, nothing),
    PAUSE: Handler(Pause, pause),
    EFFECT: Handler(Effect, effect),
    POISON: Handler(Nothing, poison),
}


async def main(slots: int, lease: float) -> None:
    settings = msgspec.structs.replace(load(), pool_size=size_with(slots + 4))
    async with open_runtime(settings) as runtime:
        await run(
            runtime,
            stop=asyncio.Event(),
            handlers=JOBS,
            slots=slots,
            lease=lease,
            heartbeat=lease / _BEATS,
            period=_PERIOD,
            ask=asker(runtime),
        )


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), float(sys.argv[2])))
