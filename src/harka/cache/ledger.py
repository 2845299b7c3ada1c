"""The bytes that a tenant's values take in Valkey, kept within a budget by whoever stores some.

A hash of the tenant's says how many bytes lie under which name. One script looks at it, makes room and
stores: two that store at once never exceed the budget together. Room is made among the tenant's own values,
those least recently used among twenty taken at random, as Valkey itself does; expired ones go first. At most
320 go at once: a plan that shrinks by more is kept with the next stores, of which none is let in before. What
Valkey evicts stays counted until its turn comes; if it evicts the hash, what lay under it is not counted any
more, and takes room beside the budget until it expires.
"""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

import msgspec

from harka.valkey import Client, Script, command

OVERHEAD: Final = 128
"""Bytes that Valkey and the ledger need for a value beside its name and itself, about."""
_LIFETIME: Final = 2 * 86_400_000  # milliseconds, beyond that of any value

_STORE: Final = Script("""
local ledger, budget, overhead = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[3])
local total = tonumber(redis.call('HGET', ledger, '') or '0')

local function drop(name)
  total = total - (tonumber(redis.call('HGET', ledger, name) or '0'))
  redis.call('HDEL', ledger, name)
  redis.call('UNLINK', name)
end

local function idle(name)
  if redis.call('EXISTS', name) == 0 then return math.huge end
  local seconds = redis.pcall('OBJECT', 'IDLETIME', name)
  -- under an eviction policy that does not know it: what expires the soonest
  return type(seconds) == 'number' and seconds or -redis.call('PTTL', name)
end

local function make_room(size)
  for _ = 1, 64 do
    if total + size <= budget then return true end
    local sample = {}
    for _, name in ipairs(redis.call('HRANDFIELD', ledger, 20)) do
      if name ~= '' then sample[#sample + 1] = {name, idle(name)} end
    end
    if #sample == 0 then return total + size <= budget end
    table.sort(sample, function(one, other) return one[2] > other[2] end)
    for i = 1, math.ceil(#sample / 4) do
      if i == 1 or sample[i][2] == math.huge or total + size > budget then drop(sample[i][1]) end
    end
  end
  return total + size <= budget
end

local stored = 0
for i = 2, #KEYS do
  local name, milliseconds, value = KEYS[i], ARGV[2 * i], ARGV[2 * i + 1]
  redis.call('DEL', name .. ':lease')
  if value ~= '' then
    drop(name)
    local size = #name + #value + overhead
    if size <= budget and make_room(size) then
      redis.call('SET', name, value, 'PX', milliseconds)
      redis.call('HSET', ledger, name, size)
      total = total + size
      stored = stored + 1
    end
  end
end
redis.call('HSET', ledger, '', total)
redis.call('PEXPIRE', ledger, ARGV[2])
return stored
""")


class Stored(msgspec.Struct, frozen=True, gc=False):
    """`sealed`: empty where nothing was found: then only the lease is given back. `milliseconds`: to live."""

    sealed: bytes
    milliseconds: int


def name(tenant: UUID) -> str:
    return f"harka:{{{tenant.hex}}}:bytes"


async def taken(client: Client, tenant: UUID) -> int:
    """Bytes by the ledger, what has expired since the last was stored included."""
    return int(await command(client, "HGET", name(tenant), "") or 0)


async def store(client: Client, tenant: UUID, values: Mapping[str, Stored], budget: int) -> int:
    """How many were stored; what is larger than the budget, bytes, is not."""
    arguments: list[bytes | int] = [budget, _LIFETIME, OVERHEAD]
    for value in values.values():
        arguments += (value.milliseconds, value.sealed)
    return int(await _STORE.run(client, [name(tenant), *values], arguments))
