import asyncio
from collections import deque
from uuid import UUID


class Rotation:
    """Tenants that may have work, each once, in the order they came: whoever is served goes to the end.

    However many jobs one tenant has, another waits for one job of each tenant before it, not for all.
    """

    def __init__(self) -> None:
        self._waiting: deque[UUID] = deque()
        self._known: set[UUID] = set()
        self._changed = asyncio.Event()
        self._closed = False

    def add(self, tenant: UUID) -> None:
        """Put a tenant at the end, unless it waits already."""
        if tenant not in self._known:
            self._known.add(tenant)
            self._waiting.append(tenant)
            self._changed.set()

    async def take(self) -> UUID | None:
        """The tenant whose turn it is, as soon as there is one; None once closed."""
        while not self._closed:
            if self._waiting:
                tenant = self._waiting.popleft()
                self._known.discard(tenant)
                return tenant
            self._changed.clear()
            await self._changed.wait()
        return None

    def close(self) -> None:
        """Nobody gets another turn."""
        self._closed = True
        self._changed.set()

    def __len__(self) -> int:
        return len(self._waiting)
