"""Valkey as the cache asks it: for 20 ms at a time, and not at all for a while after it did not answer."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from redis.exceptions import RedisError

from harka import clock, logs
from harka.cache.breaker import Breaker
from harka.cache.news import LEASE, NOTICED
from harka.valkey import Client, Patience, close_client, command, is_answer, open_client

R = TypeVar("R")

log = logs.logger("cache")

PATIENCE: Final = 0.02
"""Seconds; whoever waits longer would be better off without a cache."""
_CONNECTIONS: Final = 8
_PING_PATIENCE: Final = 0.5


class Server:
    """`counts`: of what was not asked, or failed."""

    def __init__(self, url: str, counts: dict[str, int], patience: float = PATIENCE) -> None:
        self.client: Client = open_client(url, connections=2 * _CONNECTIONS, connect_timeout=patience)
        self._counts = counts
        self._patience = patience
        self._breaker = Breaker()
        # redis-py refuses a caller beyond the last connection instead of letting it wait
        self._slots = asyncio.Semaphore(_CONNECTIONS)

    @property
    def is_lost(self) -> bool:
        """Whether it has not answered for so long that everybody has noticed."""
        since = self._breaker.failing_since
        return since is not None and clock.monotonic() - since > NOTICED

    async def attempt(self, call: Callable[[], Awaitable[R]]) -> R | None:
        """What Valkey answers, or None when it is down, slow, or was a moment ago."""
        async with self._slots:
            if not self._breaker.allows():
                self._counts["refused"] += 1
                return None
            return await self._asked(call, self._patience)

    async def insist(self, call: Callable[[], Awaitable[R]], patience: float = NOTICED) -> R | None:
        """Like `attempt`, though slower and whatever it did before: for what has to be done in the end."""
        async with self._slots:
            return await self._asked(call, max(patience, self._patience))

    async def lease_over(self) -> None:
        """Return when nobody can rely any more on what they knew when Valkey began to fail."""
        began = self._breaker.failing_since
        now = clock.monotonic()
        await asyncio.sleep(max(0.0, (now if began is None else began) + LEASE - now))

    async def _asked(self, call: Callable[[], Awaitable[R]], patience: float) -> R | None:
        try:
            async with Patience(patience):
                answer = await call()
        except (RedisError, OSError, TimeoutError, ValueError) as error:
            self._counts["failed"] += 1
            if is_answer(error):
                # what lies under one tenant's keys is no reason to ask for nobody's
                self._breaker.succeeded()
            else:
                self._breaker.failed()
            log.warning("cache failed", error=type(error).__name__)
            return None
        self._breaker.succeeded()
        return answer

    async def ping(self) -> bool:
        """Whether it answers, be it slowly."""
        try:
            async with Patience(_PING_PATIENCE):
                await command(self.client, "PING")
        except (RedisError, OSError, TimeoutError):
            return False
        self._breaker.succeeded()
        return True

    async def close(self) -> None:
        await close_client(self.client)
