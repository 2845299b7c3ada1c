import asyncio
from collections.abc import Awaitable, Callable
from uuid import uuid4

from harka import clock
from harka.cache.tenant import Namespace, TenantCache
from harka.pubsub import PubSub

PATIENCE = 10.0
ANYTHING = Namespace("anything", str, ttl=60)


async def until(holds: Callable[[], Awaitable[object]], *, within: float = PATIENCE) -> None:
    """Return when the answer is true; fail after `within` seconds."""
    async with asyncio.timeout(within):
        while not await holds():  # noqa: ASYNC110 - there is no event to wait for in another process
            await asyncio.sleep(0.005)


async def until_trusted(cache: TenantCache) -> None:
    """Return when it keeps what it is given.

    In a process that was too busy to hear of changes, as between two tests, it does not for a second.
    """

    async def looks() -> bool:
        return (await cache.get_many(uuid4(), ANYTHING, ["key"])).missing is not None

    await until(looks)


async def until_heard(pubsub: PubSub) -> None:
    """Return when it publishes at once.

    In a process that stood still for half a second, as between two tests, it does not for another one: who
    listens is told of a `resync` then.
    """

    async def publishes() -> bool:
        return clock.monotonic() >= pubsub._refuse_until and not pubsub._missed

    await until(publishes)
