"""What writers forget: around their commit, in every process, and later where Valkey does not answer now."""

import asyncio
import contextlib
from collections.abc import Collection, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, Final
from uuid import UUID

from harka import clock, logs
from harka.cache import generation as generations
from harka.cache.generation import BEGIN, END, FORGET, TENANT
from harka.cache.local import LocalCache
from harka.cache.news import MADE_UP, NOTICED, News
from harka.cache.server import Server
from harka.ids import new_id

log = logs.logger("cache")

_RETRY: Final = MADE_UP / 4
_SEEN: Final = 10.0
"""Seconds after which a commit that nobody waits for any more has been seen: it may wait for a disk."""
_MOST_SCOPES: Final = 100
"""Beyond, all of the tenant is forgotten: one step, where a script would hold Valkey up with each of them.

Lua itself has an end, too: it hands on no more than 8,000 words at once.
"""


class _Debt:
    """What others do not know of a tenant.

    `is_known`: that there is something. `noticed_by`: monotonic; when who cannot be told that has noticed it.
    """

    def __init__(self, noticed_by: float) -> None:
        self.changes: list[tuple[Sequence[str], int, str]] = []
        self.noticed_by = noticed_by
        self.is_known = asyncio.Event()


class Writes:
    """Of one process. `scopes`: what is forgotten; none, or more than a hundred, for all of the tenant."""

    def __init__(self, server: Server, news: News, local: LocalCache) -> None:
        self._server = server
        self._news = news
        self._local = local
        self._owed: dict[UUID, _Debt] = {}
        self._begun: dict[tuple[UUID, tuple[str, ...]], list[str]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def owes(self, tenant: UUID) -> bool:
        """Whether others do not know of a change: until they do, nothing of the tenant's is used here."""
        # asked at every hit: a hash of a UUID costs more than all the rest of it
        return bool(self._owed) and tenant in self._owed

    async def begin(self, tenant: UUID, scopes: Collection[str]) -> None:
        moved = _moved(scopes)
        client, writer = self._server.client, new_id().hex
        # at once: who gives up or is cancelled here may have begun all the same, and an end without takes
        # nobody back
        self._begun.setdefault((tenant, moved), []).append(writer)
        numbers = await self._server.attempt(partial(generations.move, client, tenant, moved, BEGIN, writer))
        if numbers is not None:
            self._local.learn(tenant, numbers)
            _ = self._start(self._mention(tenant, numbers))

    async def end(self, tenant: UUID, scopes: Collection[str]) -> None:
        """Return when it is forgotten everywhere."""
        moved = _moved(scopes)
        begun = self._begun.pop((tenant, moved), [])
        change, writer = (END, begun.pop()) if begun else (FORGET, "")
        if begun:
            self._begun[tenant, moved] = begun
        # a task of its own: a cancelled request must not leave the change untold
        await asyncio.shield(self._start(self._tell_or_owe(tenant, moved, change, writer)))

    async def doubt(self, tenant: UUID, scopes: Collection[str]) -> None:
        """Return when it is forgotten everywhere; `end` it once the commit must have been seen."""
        await asyncio.shield(self._start(self._tell_or_owe(tenant, _moved(scopes), FORGET)))
        _ = self._start(self._end_later(tenant, scopes))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _end_later(self, tenant: UUID, scopes: Collection[str]) -> None:
        await asyncio.sleep(_SEEN)
        await self.end(tenant, scopes)

    async def _mention(self, tenant: UUID, numbers: Mapping[str, int]) -> None:
        await self._server.attempt(partial(self._news.mention, tenant, numbers))

    async def _told(self, tenant: UUID, scopes: Sequence[str], change: int, writer: str) -> bool:
        client = self._server.client
        move = partial(generations.move, client, tenant, scopes, change, writer)
        numbers = await self._server.insist(move)
        if numbers is None:
            return False
        self._local.learn(tenant, numbers)
        told = await self._server.insist(partial(self._news.tell, tenant, numbers))
        if told is None:
            return False
        await self._news.heard(told)
        return True

    async def _tell_or_owe(self, tenant: UUID, scopes: Sequence[str], change: int, writer: str = "") -> None:
        is_possible = tenant not in self._owed and not self._server.is_lost
        if is_possible and await self._told(tenant, scopes, change, writer):
            return
        now = clock.monotonic()
        debt = self._owed.get(tenant)
        if debt is None:
            debt = self._owed[tenant] = _Debt(self._news.noticed_by(now))
            log.warning("invalidation failed, cache bypassed", tenant=tenant)
            _ = self._start(self._pay(tenant, debt))
            _ = self._start(self._confess(tenant, debt))
        debt.changes.append((scopes, change, writer))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, debt.noticed_by - now)):
                await debt.is_known.wait()
        await self._server.lease_over()

    async def _pay(self, tenant: UUID, debt: _Debt) -> None:
        while debt.changes:
            await asyncio.sleep(_RETRY)
            while debt.changes and await self._told(tenant, *debt.changes[0]):
                del debt.changes[0]
        del self._owed[tenant]
        log.info("invalidation made up for", tenant=tenant)

    async def _confess(self, tenant: UUID, debt: _Debt) -> None:
        """Tell that there is something to tell, for as long as there is: the others' doubts do not last."""
        while debt.changes:
            told = await self._server.insist(partial(self._news.tell, tenant, {}), MADE_UP)
            if told is not None:
                await self._news.heard(told, NOTICED)
                debt.is_known.set()
            await asyncio.sleep(_RETRY)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _moved(scopes: Collection[str]) -> tuple[str, ...]:
    return tuple(scopes) if 0 < len(scopes) <= _MOST_SCOPES else (TENANT,)
