"""When API keys and SCIM tokens were last used: noted on the way in, written together once a minute.

Nobody waits for it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Final, Never
from uuid import UUID

from harka import clock, logs
from harka.errors import HarkaError
from harka.repositories import api_key
from harka.storage.catalog import Catalog, CatalogAccess

PERIOD: Final = 60.0
"""Seconds between writings: how often a process writes a busy key, and how late `last_used_at` may be."""
_PATIENCE: Final = 5.0

log = logs.logger("key_usage")

Touch = Callable[[CatalogAccess, Mapping[UUID, datetime]], Awaitable[None]]


class KeyUsage:
    """The uses of this process that stand in no database yet; at most one for each key."""

    def __init__(self, catalog: Catalog, touch: Touch = api_key.touch) -> None:
        """`touch`: writes them down."""
        self._catalog = catalog
        self._touch = touch
        self._newest: dict[UUID, datetime] = {}

    def note(self, key: UUID | None, now: datetime | None = None) -> None:
        """Remember that a key is used, at `now` where the time is known. None: the caller showed none."""
        if key is not None:
            self._newest[key] = now or clock.now()

    async def run(self, *, period: float = PERIOD) -> Never:
        """Write what is noted, once a `period`, until cancelled."""
        while True:
            await asyncio.sleep(period)
            await self.flush()

    async def flush(self) -> None:
        """Write what is noted, in one statement; what cannot be written now is kept for the next time."""
        if not self._newest:
            return
        taken, self._newest = self._newest, {}
        written = False
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._touch(self._catalog, taken)
            written = True
        except (HarkaError, TimeoutError) as error:
            log.warning("use of keys not written", keys=len(taken), error=type(error).__name__)
        finally:
            if not written:
                # what was noted meanwhile is newer
                self._newest = taken | self._newest
