"""Tenants of whom another process has changed something that it cannot tell: the node of theirs is away."""

from typing import Final
from uuid import UUID

from harka import clock
from harka.cache.news import MADE_UP, NOTICED

_LASTS: Final = NOTICED + 3 * MADE_UP
"""Seconds; longer than who doubts is without a word from one who repeats it (`Writes`)."""


class Doubts:
    """Nothing that is cached of these tenants is used, or stored."""

    def __init__(self) -> None:
        self._until: dict[UUID, float] = {}

    def __len__(self) -> int:
        return len(self._until)

    def add(self, tenant: UUID) -> None:
        """From now on, for 2.5 s."""
        now = clock.monotonic()
        self._until.pop(tenant, None)
        self._until[tenant] = now + _LASTS
        # in the order in which they end: those that are over are the first
        while self._until[first := next(iter(self._until))] <= now:
            del self._until[first]

    def holds(self, tenant: UUID) -> bool:
        until = self._until.get(tenant)
        if until is None:
            return False
        if clock.monotonic() < until:
            return True
        del self._until[tenant]
        return False
