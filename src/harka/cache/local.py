"""The cached values that this process keeps itself, found without asking anybody.

Bounded in bytes, for each tenant and in all; of a tenant the least recently used go first, in all those of
the tenant that has been looked at the longest ago.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import msgspec
from cachetools import LRUCache

from harka.cache.generation import TENANT

_OVERHEAD: Final = 512
"""Bytes of memory for a value beside what it is packed into, about."""
_SHARE: Final = 8
_TENANTS: Final = 4096
_SCOPES: Final = 4096


class Stamp(msgspec.Struct, frozen=True, gc=False):
    """The numbers that a value was read under: the tenant's, and that of its scope."""

    tenant: int
    scope: str
    number: int


class _Entry(msgspec.Struct, frozen=True):
    """`until`: monotonic seconds."""

    value: Any
    stamp: Stamp
    until: float
    size: int


class LocalTenant:
    """What is kept of one tenant, and the latest numbers this process knows of."""

    __slots__ = ("entries", "numbers")

    def __init__(self, most: int) -> None:
        self.entries: LRUCache[tuple[str, int, Any], _Entry] = LRUCache(most, getsizeof=_size)
        self.numbers: dict[str, int] = {}

    def learn(self, numbers: Mapping[str, int]) -> None:
        """Numbers only grow: what was sent earlier may arrive later."""
        known = self.numbers
        for scope, number in numbers.items():
            if number > known.get(scope, 0):
                known[scope] = number

    def knows(self, stamp: Stamp) -> bool:
        """Whether nothing has moved on since."""
        known = self.numbers
        return known.get(TENANT) == stamp.tenant and known.get(stamp.scope, 0) <= stamp.number


class LocalCache:
    """Whoever finds something here must know that nothing was missed: see `News.until`."""

    def __init__(self, most: int) -> None:
        """`most`: bytes in all; a tenant gets an eighth of it."""
        self._most = most
        self._tenants: OrderedDict[UUID, LocalTenant] = OrderedDict()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._tenants)

    def find(self, tenant: UUID, kind: str, version: int, key: Any, now: float) -> Any:
        """The value, or None. `kind`, `version`: of its namespace. `now`: monotonic seconds."""
        local = self._tenants.get(tenant)
        if local is None:
            return None
        entry = local.entries.get((kind, version, key))
        if entry is None:
            return None
        stamp, known = entry.stamp, local.numbers
        # spelled out: this is the whole of a hit
        if (
            now < entry.until
            and known.get(TENANT) == stamp.tenant
            and known.get(stamp.scope, 0) <= stamp.number
        ):
            self._tenants.move_to_end(tenant)
            return entry.value
        del local.entries[kind, version, key]
        self.bytes -= entry.size
        return None

    def of(self, tenant: UUID) -> LocalTenant:
        """To be fetched before Valkey is asked: what is told of meanwhile is then known to it."""
        local = self._tenants.get(tenant)
        if local is None:
            local = self._tenants[tenant] = LocalTenant(self._most // _SHARE)
            if len(self._tenants) > _TENANTS:
                self._drop(next(iter(self._tenants)))
        elif len(local.numbers) > _SCOPES:
            self._drop(tenant)
            return self.of(tenant)
        return local

    def learn(self, tenant: UUID, numbers: Mapping[str, int]) -> None:
        """Somebody has moved these on."""
        local = self._tenants.get(tenant)
        if local is not None:
            local.learn(numbers)

    def keep(
        self,
        tenant: UUID,
        local: LocalTenant,
        name: tuple[str, int, Any],
        value: Any,
        *,
        stamp: Stamp,
        until: float,
        size: int,
    ) -> None:
        """`local`: as of before the value was looked for. `name`: kind, version, key. `size`: packed."""
        size += _OVERHEAD
        if self._tenants.get(tenant) is not local or not local.knows(stamp) or size > local.entries.maxsize:
            return
        before = local.entries.currsize
        local.entries[name] = _Entry(value, stamp, until, size)
        self.bytes += int(local.entries.currsize - before)
        self._tenants.move_to_end(tenant)
        while self.bytes > self._most:
            self._shrink()

    def drop(self, tenant: UUID) -> None:
        """All of a tenant's; what is being looked for now is not kept either."""
        if tenant in self._tenants:
            self._drop(tenant)

    def clear(self) -> None:
        self._tenants.clear()
        self.bytes = 0

    def _shrink(self) -> None:
        tenant, local = next(iter(self._tenants.items()))
        if local.entries:
            _, entry = local.entries.popitem()
            self.bytes -= entry.size
        else:
            self._drop(tenant)

    def _drop(self, tenant: UUID) -> None:
        self.bytes -= int(self._tenants.pop(tenant).entries.currsize)


def _size(entry: _Entry) -> int:
    return entry.size
