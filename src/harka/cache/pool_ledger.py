"""One ledger of what organizations take, over all processes: pools in Valkey, one Lua function.

A pool is a level, the amount taken of a capacity. It falls by a rate (requests a second), or begins again
with a window (requests a month), or is what is held, no more (operations under way). A process draws some,
gives it out by itself, and gives back what it does not need. What it holds is written down with a date: of a
process that is gone it goes back. Each organization is one key, so that all of it is one slot of a cluster.
"""

import asyncio
import math
from collections.abc import Sequence
from typing import Final, Protocol
from uuid import UUID

import msgspec
from redis.exceptions import RedisError

from harka import clock, logs
from harka.cache.breaker import Breaker
from harka.errors import UnavailableError
from harka.valkey import Patience, Script, close_client, find_node, is_answer, open_client

LEASE: Final = 5.0
"""Seconds that what a process holds is its own."""
TIMEOUT: Final = 0.1
_LATEST: Final = TIMEOUT / 2.0
"""Seconds until a drawing must have begun: time enough for its answer to come before nobody waits for it."""
_NEWS: Final = 2
"""Beats missed in a row. The first may have had to wait for a process that is only just starting."""
_SILENT_KEPT: Final = 64
"""Processes that were not heard for a while. Each takes 3 us of a drawing, of two months' pools."""
_SECONDS_KEPT: Final = 3600
"""Without a drawing; also what a process said, from when it was heard last."""
_APART: Final = 0.25
"""Seconds between the first and the last process to notice that Valkey is back.

Whoever has noticed may draw all of a rate, while the others go on granting their parts of it.
"""
_PROCESSES: Final = "harka:quota:processes"
_PRESENCE: Final = 10.0
_CONNECTIONS: Final = 32

log = logs.logger("ledger")


class Ask(msgspec.Struct, frozen=True, array_like=True):
    """Of one pool. `rate`: what the level falls by in a second; `window`: its name, empty without one.

    `held`: what this process keeps of what it drew, of which `idle` is not in use; of a rate, `back`: what it
    returns, and `debt`: what it spent without having drawn it. `need`: for whoever waits; `want`: to have
    some for the next, as long as no more than `most` is idle anywhere. `sizes`: the amounts that those who
    wait lack, and how many lack each, the smallest first: a part of one is of use to nobody.

    Of a window, `reserved`: what is in use and may come back; `used`: all that this process used of it since
    it began to count, in monotonic second `since`. So it may tell that any number of times, and it counts
    once. `seed`: of a window nobody knows yet, or -1.
    """

    pool: str
    rate: float
    capacity: float
    window: str
    held: float
    idle: float
    back: float
    debt: float
    need: float
    want: float
    most: float
    seed: float
    reserved: float = 0.0
    used: float = 0.0
    since: float = 0.0
    sizes: Sequence[tuple[float, int]] = ()


def unlimited(pool: str) -> Ask:
    """Of a month's that has no limit: what is known of it holds no more, since nobody counts what is used."""
    return Ask(
        pool=pool,
        rate=0.0,
        capacity=0.0,
        window="",
        held=0.0,
        idle=0.0,
        back=0.0,
        debt=0.0,
        need=0.0,
        want=0.0,
        most=0.0,
        seed=0.0,
    )


class Told(msgspec.Struct, frozen=True, array_like=True):
    """`granted`: to be added to what is held. `free`: left in the pool. `unknown`: ask again with a seed.

    `elsewhere`: what lies idle in other processes.
    """

    granted: float
    free: float
    unknown: bool
    elsewhere: float = 0.0


class Ledger(Protocol):
    """`lease`: seconds that what was drawn is this process's own."""

    lease: float

    @property
    def share(self) -> float:
        """Which part of every limit this process may grant by itself while the ledger is away."""

    async def draw(self, tenant: UUID, asks: Sequence[Ask], *, more: bool = False) -> Sequence[Told]:
        """In the order of `asks`. Raise `UnavailableError`.

        Of what is not asked for nothing is held, unless this is but `more` of the drawing before; of a window
        what was said before holds.
        """

    def stop(self) -> None:
        """What is drawn from now on is the last word of this process: nothing is held for it any more."""

    async def beat(self) -> None:
        """Be counted among the processes, and learn how many there are."""


_DRAW: Final = Script("""
local ask = cmsgpack.unpack(ARGV[1])
local me, lease = ask[1], ask[2]
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
-- nobody waits for it any more: what it drew would be lost
if now > ask[5] then return cmsgpack.pack({now, {}}) end
local stored = redis.call('GET', KEYS[1])
local state = stored and cmsgpack.unpack(stored) or {pools = {}, held = {}}
local mine, silent = state.held[me], {}
local is_known = mine ~= nil and mine.till > now
for process, theirs in pairs(state.held) do
  if theirs.till <= now then
    for name, amounts in pairs(theirs.pools) do
      local pool, window = state.pools[name], amounts[4] or ''
      local is_there = pool ~= nil and pool.window == window
      -- what was in use of a pool that forgets is spent; what was idle or reserved was drawn for nothing
      if is_there then pool.level = math.max(0, pool.level - amounts[2] - (amounts[3] or 0)) end
      -- what it said that it used it may say again
      theirs.pools[name] = is_there and window ~= '' and {0, 0, 0, window, amounts[5], amounts[6]} or nil
    end
    if next(theirs.pools) == nil or theirs.till + ask[4] <= now then
      state.held[process] = nil
    elseif process ~= me then
      silent[#silent + 1] = process
    end
  end
end
-- of many that died one after the other the latest: each is read by every drawing
if #silent > ask[9] then
  table.sort(silent, function(one, other) return state.held[one].till > state.held[other].till end)
  for place = ask[9] + 1, #silent do state.held[silent[place]] = nil end
end
local before = mine and mine.pools or {}
mine = {pools = {}}
for name, amounts in pairs(before) do
  if ask[6] or amounts[4] ~= '' then mine.pools[name] = amounts end
end
local told = {}
for place, one in ipairs(ask[3]) do
  local name, rate, capacity, window, held, idle, back, debt, need, want, most, seed, reserved, used, since,
    sizes = unpack(one)
  local pool = state.pools[name]
  if pool == nil or pool.window ~= window then
    pool = (window == '' or seed >= 0) and {level = math.max(seed, 0), window = window, seeded = now} or nil
    if pool and window ~= '' then
      -- what is written down was in the pool before, be it of the same month: of that nothing is in this one
      for _, theirs in pairs(state.held) do theirs.pools[name] = nil end
    end
  end
  if pool == nil then
    told[place] = {0, 0, true, 0}
  else
    local others_held, others_idle = 0, 0
    for process, theirs in pairs(state.held) do
      local amounts = theirs.pools[name]
      if process ~= me and amounts and amounts[4] == window then
        others_held, others_idle = others_held + amounts[1], others_idle + amounts[2]
      end
    end
    if rate == 0 and window == '' then
      pool.level = others_held + held
    elseif window == '' then
      local level = math.max(0, pool.level - math.max(0, now - (pool.at or now)) * rate)
      -- what an unknown process held went back already
      pool.level = math.max(0, math.min(capacity, level + debt - (is_known and back or 0)))
    else
      -- what was used before somebody told what is written down is in that; of what was used since, what
      -- this process said before, and what it had then, is in the level
      local said, had = (pool.seeded or 0) < now - (ask[7] - since) and 0 or used, 0
      local amounts = before[name]
      if amounts and amounts[4] == window then
        if amounts[6] == since then said = amounts[5] end
        had = amounts[2] + amounts[3]
      end
      pool.level = math.max(0, pool.level + used - said + idle + reserved - had)
    end
    pool.at = now
    local spare = math.max(0, math.min(want, most - others_idle - idle))
    local free = math.max(0, capacity - pool.level + 0.000001)
    local granted = math.min(need + spare, math.max(need, math.floor(free)))
    if free < need then
      local owed, usable = need + idle, 0
      for _, size in ipairs(sizes) do owed = owed - size[1] * size[2] end
      -- a debt is paid first, bit by bit
      granted = math.max(0, math.min(owed, math.floor(free)))
      local room = free - granted + idle
      for _, size in ipairs(sizes) do
        usable = usable + size[1] * math.min(size[2], math.floor((room - usable) / size[1]))
      end
      granted = granted + math.max(0, usable - idle)
    end
    pool.level = pool.level + granted
    local spare_granted = math.max(0, granted - need)
    if window ~= '' then reserved = reserved + granted - spare_granted end
    mine.pools[name] = (window ~= '' or held + granted > 0)
      and {held + granted, idle + spare_granted, reserved, window, used, since} or nil
    state.pools[name] = pool
    told[place] = {granted, capacity - pool.level, false, others_idle}
  end
end
mine.till = now + lease
-- who stops has told all
state.held[me] = not ask[8] and next(mine.pools) and mine or nil
redis.call('SET', KEYS[1], cmsgpack.pack(state), 'EX', ask[4])
return cmsgpack.pack({now, told})
""")

_ASKS: Final = msgspec.msgpack.Encoder()
_TOLD: Final = msgspec.msgpack.Decoder(tuple[float, list[Told]])


class SharedLedger:
    """In Valkey. `process`: a name that no other process has."""

    def __init__(self, url: str, process: str, *, processes: int, lease: float = LEASE) -> None:
        """`processes`: how many there are taken to be, until Valkey says so."""
        self.lease = lease
        self._missed = 0
        self._is_stopping = False
        self._client = open_client(url, connections=2 * _CONNECTIONS, connect_timeout=TIMEOUT)
        self._process = process
        self._processes = processes
        self._breaker = Breaker(longest=_APART)
        # by how many seconds each node's clock is ahead of this process's; until that is known, any will do
        self._ahead: dict[str, float] = {}
        self._slots = asyncio.Semaphore(_CONNECTIONS)

    @property
    def share(self) -> float:
        return 1.0 / max(self._processes, 1)

    def stop(self) -> None:
        self._is_stopping = True

    async def draw(self, tenant: UUID, asks: Sequence[Ask], *, more: bool = False) -> Sequence[Told]:
        if not self._breaker.allows():
            raise UnavailableError
        sent, key = clock.monotonic(), f"harka:quota:{{{tenant.hex}}}"
        asked = find_node(self._client, key)
        not_after = sent + _LATEST + self._ahead.get(asked, math.inf)
        said = self._process, self.lease, asks, _SECONDS_KEPT, not_after, more, sent
        packed = _ASKS.encode((*said, self._is_stopping, _SILENT_KEPT))
        try:
            # redis-py refuses a caller beyond the last connection instead of letting it wait
            async with Patience(TIMEOUT), self._slots:
                answer = await _DRAW.run(self._client, [key], [packed])
        except (RedisError, OSError, TimeoutError) as error:
            if is_answer(error):
                # what lies under one tenant's key is no reason to ask for nobody's
                self._breaker.succeeded()
                log.warning("ledger failed", tenant=tenant, error=type(error).__name__)
            else:
                self._breaker.failed()
            raise UnavailableError from error
        self._breaker.succeeded()
        now, told = _TOLD.decode(answer)
        answering = find_node(self._client, key)
        if asked in {"", answering}:
            # otherwise the key has moved meanwhile, and who knows whose clock that was
            self._ahead[answering] = now - sent
        if len(told) < len(asks):
            raise UnavailableError
        return told

    async def beat(self) -> None:
        """Be counted; where Valkey is away, they are as many as before. To miss one is no news."""
        now = clock.now().timestamp()
        pipeline = self._client.pipeline(transaction=False)
        _ = pipeline.zadd(_PROCESSES, {self._process: now + _PRESENCE})
        _ = pipeline.zremrangebyscore(_PROCESSES, "-inf", now)
        _ = pipeline.zcard(_PROCESSES)
        try:
            async with Patience(TIMEOUT):
                self._processes = (await pipeline.execute())[2]
                self._missed = 0
        except (RedisError, OSError, TimeoutError) as error:
            self._missed += 1
            if self._missed == _NEWS:
                log.warning("ledger not reached", error=type(error).__name__)

    async def close(self) -> None:
        await close_client(self._client)
