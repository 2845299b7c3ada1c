"""The numbers that a tenant's cached values live under, kept in one hash of Valkey and moved on by writers.

One number is the tenant's (`TENANT`), one is of every change whatever (`ANY`), and one of each course or user
that was changed lately (a scope, as `course:<id>`). Moving one is O(1), however much is cached under it.

Each is two counters in one integer: the low 20 bits count writers between `BEGIN` and `END`, the rest counts
their comings and goings. It starts at the clock's milliseconds, so that numbers lost with an eviction, a
restart or a fail-over of Valkey never come back to those that were in use. They are lost together: being one
hash, the tenant's own begins anew when a scope's does. Where clocks differ, or one is set back, that may be
below what a process has heard of: then it forgets all that it keeps of the tenant (`LocalCache.learn`).
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec
from redis.exceptions import DataError

from harka import clock
from harka.valkey import Client, Script

TENANT: Final = ""
ANY: Final = "*"

_WRITER: Final = 1
_EDGE: Final = 1 << 20
_WRITERS: Final = _EDGE - 1
BEGIN: Final = _EDGE + _WRITER
END: Final = _EDGE - _WRITER
FORGET: Final = _EDGE

_LIFETIME: Final = 86_400  # seconds; far beyond that of any value
_SCOPES: Final = 10_000
"""Numbers of one tenant at the most: beyond, all begin anew, and with them everything of the tenant."""

# A replica that takes the place of a lost primary may not have heard of its last changes: numbers are of one
# line of replication, and begin anew in the next. 4 µs of Valkey's.
_SETTLE: Final = """
local origin = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)') or ''
if redis.call('HGET', KEYS[1], 'origin') ~= origin then
  redis.call('UNLINK', KEYS[1])
end
"""

# Who begins and never ends, or whose number was lost in between, is counted for ever. So a writer leaves its
# name and a date, too, and is taken to be at work for a minute at the most, far longer than any commit takes.
# Lua's numbers are doubles: these are compared and joined as text, and computed by HINCRBY alone
_READ: Final = Script(
    _SETTLE
    + """
local current = redis.call('HGET', KEYS[1], '')
if not current then
  redis.call('HSET', KEYS[1], '', ARGV[1], '*', ARGV[1], 'origin', origin)
  redis.call('EXPIRE', KEYS[1], ARGV[2])
  current = ARGV[1]
end
local at_work = redis.call('ZCOUNT', KEYS[2], redis.call('TIME')[1] - 60, '+inf')
local answer = {current}
for i = 5, #ARGV, 2 do
  local scope = ARGV[i] ~= '' and redis.call('HGET', KEYS[1], ARGV[i]) or '0'
  local name = ARGV[i + 1] .. ':' .. current .. ':' .. scope
  local value = redis.call('GET', name)
  local left = value and redis.call('PTTL', name) or 0
  local fetched = 0
  if not value and ARGV[3] ~= '0'
      and not redis.call('SET', name .. ':lease', ARGV[4], 'NX', 'PX', ARGV[3])
      and redis.call('GET', name .. ':lease') ~= ARGV[4] then
    fetched = 1
  end
  answer[#answer + 1] = {scope, value, fetched, left, at_work}
end
return answer
"""
)

_MOVE: Final = Script(
    _SETTLE
    + """
local change = ARGV[1]
if redis.call('HLEN', KEYS[1]) > tonumber(ARGV[5]) then
  redis.call('UNLINK', KEYS[1])
end
if redis.call('HSETNX', KEYS[1], '', ARGV[3]) == 1 then
  redis.call('HSET', KEYS[1], '*', ARGV[3], 'origin', origin)
  change = ARGV[2]
end
if change == ARGV[6] then
  local now = redis.call('TIME')[1]
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - 60)
  redis.call('ZADD', KEYS[2], now, ARGV[7])
  redis.call('EXPIRE', KEYS[2], 60)
elseif redis.call('ZREM', KEYS[2], ARGV[7]) == 0 then
  change = ARGV[2]
end
for i = 8, #ARGV do
  local is_new = redis.call('HSETNX', KEYS[1], ARGV[i], ARGV[3]) == 1
  redis.call('HINCRBY', KEYS[1], ARGV[i], is_new and ARGV[2] or change)
end
redis.call('EXPIRE', KEYS[1], ARGV[4])
return redis.call('HMGET', KEYS[1], '', '*', unpack(ARGV, 8))
"""
)


class Reading(msgspec.Struct, frozen=True, gc=False):
    """Of one key: the number of its scope, what is stored, and whether another process is fetching it.

    `seconds`: what is stored has left to live. `is_changing`: a writer of the tenant is at work that began in
    the last minute; who is counted and began before that was killed, or given up, or lost with the numbers.
    """

    scope: int
    sealed: bytes | None
    is_fetched: bool
    seconds: float
    is_changing: bool


def name(tenant: UUID) -> str:
    return f"harka:{{{tenant.hex}}}:generations"


def writers(tenant: UUID) -> str:
    """Where those at work are, by when they began."""
    return f"harka:{{{tenant.hex}}}:writers"


def has_writers(number: int) -> bool:
    """Whether somebody is between `BEGIN` and `END`, or was when it was killed, or the numbers were lost."""
    return number & _WRITERS != 0


async def read(
    client: Client, tenant: UUID, keys: Sequence[tuple[str, str]], *, lease: float = 0.0, reader: str = ""
) -> tuple[int, list[Reading]]:
    """The tenant's number, and what there is under each key, in one round trip.

    `keys`: scope and name; a value lies under the name with both numbers behind it. `lease`: seconds for
    which the `reader` who finds nothing first is the one to fetch it; 0 for no such thing.
    """
    flat = [part for key in keys for part in key]
    arguments: list[str | bytes | int] = [_fresh(), _LIFETIME, int(lease * 1000), reader, *flat]
    answer = await _READ.run(client, [name(tenant), writers(tenant)], arguments)
    try:
        current, *values = answer
        return int(current), [
            Reading(int(scope), value, fetched == 1, int(left) / 1000, at_work > 0)
            for scope, value, fetched, left, at_work in values
        ]
    except (TypeError, ValueError):
        raise DataError("no generations") from None


async def move(
    client: Client, tenant: UUID, scopes: Sequence[str], change: int, writer: str = ""
) -> dict[str, int]:
    """Add `change` to the numbers of `scopes` and to `ANY`'s, in one round trip; the numbers as they are now.

    `writer`: who begins or ends. An `END` takes back no writer where that one has ended already, as when it
    is told again whose answer was lost, nor where the numbers were lost since its `BEGIN`.
    """
    moved = [*scopes, ANY]
    lost = FORGET if change == END else change
    arguments: list[str | bytes | int] = [change, lost, _fresh(), _LIFETIME, _SCOPES, BEGIN, writer, *moved]
    answer = await _MOVE.run(client, [name(tenant), writers(tenant)], arguments)
    return {scope: int(number) for scope, number in zip([TENANT, ANY, *moved], answer, strict=True)}


def _fresh() -> int:
    return int(clock.now().timestamp() * 1000) * _EDGE
