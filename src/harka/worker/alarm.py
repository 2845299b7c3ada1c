import asyncio
from collections.abc import Callable
from typing import Final
from uuid import UUID

_SHORTEST: Final = 0.05
"""What cannot be taken although its time has come is not asked for without a pause."""
_LONGEST: Final = 3600.0
"""The schedule looks at everybody more often; a timer that is years away is of no use."""


class Alarms:
    """One timer for each tenant, the earliest that was asked for: `wake` is called with the tenant."""

    def __init__(self, wake: Callable[[UUID], object]) -> None:
        self._wake = wake
        self._set: dict[UUID, asyncio.TimerHandle] = {}

    def set(self, tenant: UUID, seconds: float) -> None:
        """In so many seconds, unless an earlier one is set."""
        if seconds > _LONGEST:
            return
        loop = asyncio.get_running_loop()
        at, known = loop.time() + max(seconds, _SHORTEST), self._set.get(tenant)
        if known is not None:
            if known.when() <= at:
                return
            known.cancel()
        self._set[tenant] = loop.call_at(at, self._ring, tenant)

    def close(self) -> None:
        for each in self._set.values():
            each.cancel()
        self._set.clear()

    def _ring(self, tenant: UUID) -> None:
        del self._set[tenant]
        self._wake(tenant)
