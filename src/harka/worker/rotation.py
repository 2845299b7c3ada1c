"""Whose turn it is: tenants that may have work, in turns of as many jobs as their plan weighs.

Deficit round-robin with jobs of equal cost. However many jobs one tenant has, another waits for one turn of
each tenant before it, not for all. Who has nothing to do loses what is left of its turn, so no worker idles.
"""

from collections import deque
from collections.abc import Callable
from uuid import UUID


class Rotation:
    """Each tenant is in it once, or is being served; then being added again waits for `settle`."""

    def __init__(self) -> None:
        self._waiting: deque[UUID] = deque()
        self._known: set[UUID] = set()
        self._serving: set[UUID] = set()
        self._again: set[UUID] = set()
        self._credit: dict[UUID, int] = {}

    def add(self, tenant: UUID) -> None:
        """Put a tenant at the end, or first when its turn was interrupted; unless it waits already."""
        if tenant in self._serving:
            self._again.add(tenant)
        elif tenant not in self._known:
            self._known.add(tenant)
            if tenant in self._credit:
                self._waiting.appendleft(tenant)
            else:
                self._waiting.append(tenant)

    def take(self, ready: Callable[[UUID], bool]) -> UUID | None:
        """The first that is `ready`, to be served until `settle`; the others keep their places."""
        for place, tenant in enumerate(self._waiting):
            if ready(tenant):
                del self._waiting[place]
                self._known.discard(tenant)
                self._serving.add(tenant)
                return tenant
        return None

    def credit(self, tenant: UUID, turn: int) -> int:
        """How many jobs are left of its turn; a new turn is of `turn`."""
        return self._credit.setdefault(tenant, turn)

    def settle(self, tenant: UUID, used: int, *, more: bool, capped: bool = False) -> None:
        """It was given `used` jobs. `more`: it may have more; it stays first while its turn lasts.

        `capped`: it has more that may not run now; what is left of its turn waits for it to be added.
        """
        self._serving.discard(tenant)
        left = self._credit.pop(tenant, 0) - used
        if (more or capped) and left > 0:
            self._credit[tenant] = left
        if more or tenant in self._again:
            self._again.discard(tenant)
            self.add(tenant)

    @property
    def waiting(self) -> list[UUID]:
        """In the order of their turns."""
        return list(self._waiting)
