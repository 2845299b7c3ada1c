"""The number that a tenant's cached values live under, kept in Valkey and moved on by writers.

It is two counters in one integer: the low 20 bits count writers between `begin` and `end`, the rest counts
their comings and goings. It starts at the clock's milliseconds, so that a number lost with an eviction or a
restart of Valkey never comes back to one that was in use.
"""

from collections.abc import Sequence
from typing import Final, cast
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import DataError

from harka import clock

WRITER: Final = 1
EDGE: Final = 1 << 20
_WRITERS: Final = EDGE - 1
_LIFETIME: Final = 86_400  # seconds; far beyond that of any value


def name(tenant: UUID) -> str:
    return f"harka:generation:{tenant.hex}"


def has_writers(generation: int) -> bool:
    """Whether somebody is between `begin` and `end`, or was killed there."""
    return generation & _WRITERS != 0


async def read(redis: Redis, tenant: UUID, keys: Sequence[str]) -> tuple[int, list[bytes | None]]:
    """The generation, and the values of `keys`, in one command."""
    key = name(tenant)
    answer = await redis.mget([key, *keys])
    if answer[0] is None:
        await redis.set(key, _fresh(), nx=True, ex=_LIFETIME)
        answer = await redis.mget([key, *keys])
    current, *values = cast("list[bytes | None]", answer)
    if current is None:
        raise DataError("the generation is gone again")
    return int(current), values


async def move(redis: Redis, tenant: UUID, change: int) -> None:
    """Add `change` to the generation, in one round trip."""
    key = name(tenant)
    async with redis.pipeline(transaction=True) as pipeline:
        # a pipeline's commands return the pipeline: there is nothing to await before execute
        _ = pipeline.set(key, _fresh(), nx=True, ex=_LIFETIME)
        _ = pipeline.incrby(key, change)
        _ = pipeline.expire(key, _LIFETIME)
        await pipeline.execute()


def _fresh() -> int:
    return int(clock.now().timestamp() * 1000) * EDGE
