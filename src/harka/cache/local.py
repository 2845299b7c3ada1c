"""The cached values that this process keeps itself, found without asking anybody.

Bounded in bytes, for each tenant and in all. The oldest goes first, unless it was looked at since its turn
came the last time ("second chance": Corbató, "A paging experiment with the Multics system", 1968): of a
tenant its values, in all the tenants. The exact order of looks would take two more hashes of names a hit.
"""

import math
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec

from harka.cache.generation import TENANT

_OVERHEAD: Final = 512
"""Bytes of memory for a value beside what it is packed into, about."""
_SHARE: Final = 8
_TENANTS: Final = 4096
_CHANCES: Final = 32
"""Given at once: to go through thousands would hold the process up."""
_NUMBER: Final = 200
"""The same for a number of a scope, with its name."""
_SCOPES: Final = 4096
"""Of one tenant: beyond, all that is kept of it goes, and its numbers with it."""


K = TypeVar("K")
Name = tuple[str, int, Any]
"""Kind and version of its namespace, and key."""


class Stamp(msgspec.Struct, frozen=True, gc=False):
    """The numbers that a value was read under: the tenant's, and that of its scope."""

    tenant: int
    scope: str
    number: int


class _Entry(msgspec.Struct):
    """`until`: monotonic seconds. `used`: looked at since it was kept, or since its last turn to go."""

    value: Any
    stamp: Stamp
    until: float
    size: int
    used: bool = False


class LocalTenant:
    """What is kept of one tenant, and the latest numbers this process knows of. `bytes`: of both."""

    __slots__ = ("bytes", "entries", "numbers", "used")

    def __init__(self) -> None:
        self.entries: OrderedDict[Name, _Entry] = OrderedDict()
        self.numbers: dict[str, int] = {}
        self.bytes = 0
        self.used = False

    def knows(self, stamp: Stamp) -> bool:
        """Whether nothing has moved on since."""
        known = self.numbers
        return known.get(TENANT) == stamp.tenant and known.get(stamp.scope, 0) <= stamp.number


class LocalCache:
    """Whoever finds something here must know that nothing was missed: see `News.until`."""

    def __init__(self, most: int) -> None:
        """`most`: bytes in all; a tenant gets an eighth of it."""
        self._most = most
        self._share = most // _SHARE
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
            local.used = entry.used = True
            return entry.value
        self._take(local, (kind, version, key))
        return None

    def of(self, tenant: UUID) -> LocalTenant:
        """To be fetched before Valkey is asked: what is told of meanwhile is then known to it."""
        local = self._tenants.get(tenant)
        if local is None:
            if len(self._tenants) == _TENANTS:
                self._drop(_next_to_go(self._tenants))
            local = self._tenants[tenant] = LocalTenant()
        return local

    def learn(self, tenant: UUID, numbers: Mapping[str, int]) -> None:
        """Somebody has moved these on, or Valkey says that they are so.

        Others tell of what nobody looks at here, too, and without end: of a tenant with too many of them
        everything is forgotten. That is always safe: what is being looked for meanwhile is not kept.
        """
        local = self._tenants.get(tenant)
        if local is None:
            return
        known = local.numbers
        if numbers.get(TENANT, math.inf) < known.get(TENANT, 0):
            # lost, and begun anew by a clock that is behind, unless it was sent earlier: who could tell?
            self._drop(tenant)
            return
        before = len(known)
        for scope, number in numbers.items():
            # they grow: what was sent earlier may arrive later
            if number > known.get(scope, 0):
                known[scope] = number
        size = _NUMBER * (len(known) - before)
        local.bytes += size
        self.bytes += size
        if len(known) > _SCOPES or not self._fits(local, 0):
            self._drop(tenant)
        elif self.bytes > self._most:
            self._place(tenant, local, 0)

    def keep(
        self,
        tenant: UUID,
        local: LocalTenant,
        name: Name,
        value: Any,
        *,
        stamp: Stamp,
        until: float,
        size: int,
    ) -> None:
        """`local`: as of before the value was looked for. `size`: packed."""
        size += _OVERHEAD
        if self._tenants.get(tenant) is not local or not local.knows(stamp) or size > self._share:
            return
        if name in local.entries:
            self._take(local, name)
        # room is made first: what was never looked at yet would be the next to go
        if not self._fits(local, size):
            return
        local.entries[name] = _Entry(value, stamp, until, size)
        self._place(tenant, local, size)

    def drop(self, tenant: UUID) -> None:
        """All of a tenant's; what is being looked for now is not kept either."""
        if tenant in self._tenants:
            self._drop(tenant)

    def clear(self) -> None:
        self._tenants.clear()
        self.bytes = 0

    def _fits(self, local: LocalTenant, size: int) -> bool:
        """Whether there is so much room for it among the tenant's, once older values have made it."""
        while local.bytes + size > self._share:
            if not local.entries:
                return False
            self._take(local, _next_to_go(local.entries))
        return True

    def _place(self, tenant: UUID, local: LocalTenant, size: int) -> None:
        """Let others go until there is room in all for it, with so many bytes more, as the newest."""
        # taken out first: one that has nothing yet would be the next to go
        self._drop(tenant)
        while self.bytes + local.bytes + size > self._most:
            self._shrink()
        local.bytes += size
        self.bytes += local.bytes
        self._tenants[tenant] = local

    def _shrink(self) -> None:
        tenant = _next_to_go(self._tenants)
        local = self._tenants[tenant]
        if local.entries:
            self._take(local, _next_to_go(local.entries))
        else:
            self._drop(tenant)

    def _take(self, local: LocalTenant, name: Name) -> None:
        size = local.entries.pop(name).size
        local.bytes -= size
        self.bytes -= size

    def _drop(self, tenant: UUID) -> None:
        self.bytes -= self._tenants.pop(tenant).bytes


def _next_to_go(kept: OrderedDict[K, Any]) -> K:
    for _ in range(_CHANCES):
        name, each = next(iter(kept.items()))
        if not each.used:
            return name
        each.used = False
        kept.move_to_end(name)
    return next(iter(kept))
