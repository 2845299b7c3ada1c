"""Requests at a gate, in front of work that ends when a test says so."""

import asyncio
import math
from typing import Final

from harka.errors import OverloadedError
from harka.repositories.organization import Organization
from harka.tenancy.gate import Gate
from harka.tenancy.line import Rank
from tenancy.samples import organization

SCHEMA: Final = organization().schema
"""Where organizations live that are not said to live elsewhere."""


class Storage:
    """`waiting`: how many wait for long, of these databases, or, as `database.schema`, shards.

    `asked`: how often that was asked.
    """

    def __init__(self) -> None:
        self.waiting: dict[str, int] = {}
        self.asked = 0

    def same(self, name: str) -> str:
        return name.removeprefix("also-")

    def late(self, name: str, seconds: float) -> dict[str, int]:
        self.asked += 1
        places = {place.partition(".")[::2]: late for place, late in self.waiting.items()}
        return {schema or SCHEMA: late for (database, schema), late in places.items() if database == name}


class Crowd:
    """Requests through one gate; `let_in`: whose, in order; `most`: under way at once."""

    def __init__(self, *, most: int = 4, patience: float = 1.0) -> None:
        self.storage = Storage()
        self.gate = Gate(most=most, patience=patience, storage=self.storage)
        self.let_in: list[str] = []
        self.most = 0
        self._under_way: list[asyncio.Event] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def come(
        self, who: Organization, count: int = 1, *, rank: Rank = Rank.INTERACTIVE, deadline: float = math.inf
    ) -> list[asyncio.Task[None]]:
        came = [asyncio.create_task(self._pass(who, rank, deadline)) for _ in range(count)]
        self.tasks += came
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return came

    async def _pass(self, who: Organization, rank: Rank, deadline: float) -> None:
        async with self.gate.passing(who, rank, deadline):
            self.let_in.append(who.slug)
            self.most = max(self.most, self.gate.under_way)
            self._under_way.append(asyncio.Event())
            await self._under_way[-1].wait()

    async def end(self, count: int = 1) -> None:
        """So many end that were let in first."""
        for event in self._under_way[:count]:
            event.set()
        del self._under_way[:count]
        for _ in range(4):
            await asyncio.sleep(0)

    async def look(self, **late: int) -> None:
        """After that many wait for long, as `Storage.waiting` says."""
        self.storage.waiting = late
        self.gate._look(self.storage)
        for _ in range(4):
            await asyncio.sleep(0)
        self.check()

    def check(self) -> None:
        """All that is under way is counted where it is, once."""
        bays = self.gate._bays.values()
        assert sum(bay.late for bay in bays) == self.gate._all_late
        assert sum(bay.held for bay in bays) == sum(flow.held for flow in self.gate._flows.values())
        assert self.gate.under_way == sum(bay.held - bay.late for bay in bays)
        for database in self.gate._databases.values():
            here = [bay for bay in bays if bay.database is database]
            assert database.under_way == sum(bay.held - bay.late for bay in here)

    async def end_all(self) -> None:
        """Nothing is left behind."""
        while self._under_way:
            await self.end(len(self._under_way))
        await asyncio.gather(*self.tasks, return_exceptions=True)
        assert (self.gate.under_way, self.gate.waiting, self.gate.state()["late"]) == (0, 0, 0)

    def refused(self) -> int:
        return sum(isinstance(task.exception(), OverloadedError) for task in self.tasks if task.done())
