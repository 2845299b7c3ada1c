"""How many requests organizations make, and how much they download: written together, never waited for."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final, Never
from uuid import UUID

from harka import clock, logs
from harka.errors import HarkaError
from harka.repositories import request_usage
from harka.repositories.organization import Organization
from harka.repositories.request_usage import RequestUsage
from harka.storage.catalog import Catalog
from harka.tenancy.month import month_of

PERIOD: Final = 10.0
"""Seconds between writings: how much a process that is killed forgets, and how late figures may be."""
_PATIENCE: Final = 5.0

log = logs.logger("requests")


class Requests:
    """The requests of this process that stand in no database yet.

    They count for the organization's month in which they are written: at its turn, seconds late.
    """

    def __init__(self, catalog: Catalog, timezone_of: Callable[[UUID], str]) -> None:
        """`timezone_of`: an organization."""
        self._catalog = catalog
        self._timezone_of = timezone_of
        self._counted: Counter[UUID] = Counter()
        self._downloaded: Counter[UUID] = Counter()
        # what is being written is neither here nor, until then, in the database
        self._writing = asyncio.Lock()

    def note(self, tenant: UUID) -> None:
        """Count a request that was admitted."""
        self._counted[tenant] += 1

    def note_download(self, tenant: UUID, size: int) -> None:
        """Count bytes of a file that were sent."""
        # no request more, but the organization is one that something is written for
        self._counted[tenant] += 0
        self._downloaded[tenant] += size

    async def run(self, *, period: float = PERIOD) -> Never:
        """Write what is counted, once a `period`, until cancelled."""
        while True:
            await asyncio.sleep(period)
            await self.flush()

    async def flush(self) -> None:
        """Write what is counted, in one statement; what cannot be written now is kept for the next time."""
        async with self._writing:
            if self._counted:
                await self._write()

    async def _write(self) -> None:
        taken, self._counted = self._counted, Counter()
        sent, self._downloaded = self._downloaded, Counter()
        now, written = clock.now(), False
        months = [month_of(now, self._timezone_of(tenant)) for tenant in taken]
        try:
            async with asyncio.timeout(_PATIENCE):
                await request_usage.add(self._catalog, taken, months, sent)
            written = True
        except (HarkaError, TimeoutError) as error:
            log.warning("requests not written", tenants=len(taken), error=type(error).__name__)
        finally:
            if not written:
                self._counted.update(taken)
                self._downloaded.update(sent)

    async def this_month(self, organization: Organization) -> RequestUsage:
        """Of all processes as far as they have written, and of this one; as of the last writing."""
        now = clock.now()
        month = month_of(now, organization.timezone)
        async with self._writing:
            found = await request_usage.find(self._catalog, organization.id, month)
            written = RequestUsage(0, now) if found is None else found
            return RequestUsage(
                written.requests + self._counted[organization.id],
                written.as_of,
                written.downloaded + self._downloaded[organization.id],
            )
