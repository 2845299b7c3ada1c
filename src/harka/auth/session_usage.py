"""When sessions were last used: noted on the way in, written together once a minute, never waited for."""

import asyncio
from collections import defaultdict
from datetime import datetime, timedelta
from typing import Final, Never
from uuid import UUID

import msgspec

from harka import logs
from harka.errors import HarkaError
from harka.repositories import session as sessions
from harka.repositories.organization import Organization
from harka.storage.databases import Databases
from harka.storage.session import open_session

PERIOD: Final = 60.0
"""Seconds between writings, and how late `last_used_at` may be."""
BROWSER_IDLE: Final = timedelta(days=1)
"""How long a browser's session may be unused."""
_PATIENCE: Final = 5.0

log = logs.logger("session_usage")


class _Uses(msgspec.Struct):
    organization: Organization
    newest: dict[UUID, datetime]


class SessionUsage:
    """The uses of this process that stand in no database yet; at most one for each session."""

    def __init__(self, databases: Databases) -> None:
        self._databases = databases
        self._uses: dict[UUID, _Uses] = {}

    def note(self, organization: Organization, session: UUID, now: datetime) -> None:
        uses = self._uses.get(organization.id)
        if uses is None:
            uses = self._uses[organization.id] = _Uses(organization, {})
        uses.newest[session] = now

    async def run(self, *, period: float = PERIOD) -> Never:
        """Write what is noted, once a `period`, until cancelled."""
        while True:
            await asyncio.sleep(period)
            await self.flush()

    async def flush(self) -> None:
        """Write what is noted, a statement for each organization; what cannot be written is let go.

        A use that is lost is told by the next one: a session is not over for a minute.
        """
        taken, self._uses = self._uses, {}
        failed: defaultdict[str, int] = defaultdict(int)
        for uses in taken.values():
            try:
                await self._write(uses)
            except HarkaError as error:
                failed[type(error).__name__] += len(uses.newest)
        if failed:
            log.warning("use of sessions not written", sessions=sum(failed.values()), errors=sorted(failed))

    async def _write(self, uses: _Uses) -> None:
        organization = uses.organization
        session = open_session(
            self._databases, organization.location, organization.id, read_only=False, timeout=_PATIENCE
        )
        try:
            await sessions.touch(session, uses.newest, idle=BROWSER_IDLE.total_seconds())
            await session.commit()
        finally:
            await session.rollback()
