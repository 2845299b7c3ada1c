"""How often something may be tried in all processes together: GCRA in Valkey, and in this one as well.

So while Valkey is down or slow each process goes on from what it has itself granted.

The clock is Valkey's, so that processes agree. A rate's memory is one number, which expires when it is full
again.
"""

import hashlib
from typing import Final
from uuid import UUID

import msgspec
from cachetools import LRUCache

from harka import clock
from harka.cache.tenant import TenantCache
from harka.errors import TenantRequiredError
from harka.fastpath import Bucket

_REMEMBERED: Final = 10_000
# KEYS[1]: until when tries are used up. ARGV: seconds a try takes to come back; how many there are; how many
# are taken (negative: given back). Answers seconds to wait; 0: taken.
_SCRIPT: Final = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local each, most, taken = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local used = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now) + each * taken
local wait = used - now - each * most
if taken > 0 and wait > 0.000001 then return tostring(wait) end
if used <= now then redis.call('DEL', KEYS[1])
else redis.call('SET', KEYS[1], string.format('%.6f', used), 'PX', math.ceil((used - now) * 1000)) end
return '0'
"""


class Rate(msgspec.Struct, frozen=True):
    """`name`: of what is counted. `most` at once, and another every `seconds`."""

    name: str
    most: int
    seconds: float


class Throttle:
    def __init__(self, cache: TenantCache) -> None:
        self._cache = cache
        self._local: LRUCache[str, Bucket] = LRUCache(_REMEMBERED)

    async def take(self, tenant: UUID, rate: Rate, of: str) -> float:
        """Take a try of `of`, or nothing: seconds to wait, 0.0 when it is taken.

        Raise `TenantRequiredError` without a tenant.
        """
        return await self._move(tenant, rate, of, 1)

    async def give_back(self, tenant: UUID, rate: Rate, of: str) -> None:
        """What `take` took."""
        await self._move(tenant, rate, of, -1)

    async def _move(self, tenant: UUID, rate: Rate, of: str, taken: int) -> float:
        if not isinstance(tenant, UUID):
            raise TenantRequiredError
        # hashed: what people type is of any length, and nobody's to read there
        name = f"harka:try:{tenant.hex}:{rate.name}:{hashlib.sha256(of.encode()).hexdigest()}"
        wait = self._here(rate, name, taken)
        if wait:
            return wait
        answer = await self._cache.run_script(_SCRIPT, name, rate.seconds, rate.most, taken)
        wait = 0.0 if answer is None else float(answer)
        if wait:
            self._here(rate, name, -taken)
        return wait

    def _here(self, rate: Rate, name: str, taken: int) -> float:
        bucket = self._local.get(name)
        if bucket is None:
            bucket = self._local[name] = Bucket(1.0 / rate.seconds, rate.most)
        now = clock.monotonic()
        if taken > 0:
            return bucket.take(now, float(taken))
        bucket.settle(now, float(taken))
        return 0.0
