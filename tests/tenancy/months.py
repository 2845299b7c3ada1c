"""Two processes that use a month's downloads, what they truly used, and what the ledger holds of it."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from harka import clock
from harka.cache.pool_ledger import Ask, SharedLedger
from harka.errors import UnavailableError
from harka.repositories.organization import Organization
from harka.tenancy import allowance as allowances
from harka.tenancy import quota
from harka.tenancy.allowance import Allowance
from harka.tenancy.month import month_of
from harka.tenancy.plan import Resource
from harka.tenancy.quota import Admission
from own_valkey import OwnValkey
from tenancy.quotas import granted
from waiting import until

MOST = 10**6
"""Bytes that may be downloaded in a month."""
TURN = datetime(2026, 12, 1, tzinfo=UTC)


@dataclass
class Lasting:
    """A download that is under way in a process."""

    admission: Admission
    allowance: Allowance
    size: int


@dataclass
class Months:
    """`used`: by all processes in each month, which is what a catalog that misses nothing has."""

    url: str
    who: Organization = field(default_factory=lambda: granted(bandwidth_bytes=MOST, grace=0.0))
    used: Counter[str] = field(default_factory=Counter)
    lasting: list[Lasting] = field(default_factory=list)
    asked: int = 0
    """How often it was."""

    async def seed(self, _organization: Organization, resource: Resource) -> float:
        self.asked += 1
        return float(self.used[self.month] if resource is Resource.BANDWIDTH else 0)

    @property
    def month(self) -> str:
        return month_of(clock.now(), self.who.timezone).isoformat()

    async def begin(self, admission: Admission, size: int) -> None:
        self.lasting.append(Lasting(admission, await admission.begin_download(self.who, size), size))

    def end(self, left: int = 0) -> None:
        """The oldest that is under way, of which `left` bytes at the most were not sent."""
        if self.lasting:
            ended = self.lasting.pop(0)
            left = min(left, ended.size)
            ended.admission.end_download(ended.allowance, ended.size, left)
            self.used[self.month] += ended.size - left

    async def download(self, admission: Admission, size: int, left: int = 0) -> None:
        await self.begin(admission, size)
        self.lasting.insert(0, self.lasting.pop())
        self.end(left)

    async def counted(self) -> int:
        """By the ledger, of this month."""
        ledger = SharedLedger(self.url, uuid4().hex, processes=2)
        found: list[float] = []
        nothing = dict.fromkeys(("rate", "held", "idle", "back", "debt", "need", "want", "most"), 0.0)

        async def is_told() -> bool:
            ask = Ask(pool=Resource.BANDWIDTH, capacity=MOST, window=self.month, seed=-1.0, **nothing)
            try:
                (told,) = await ledger.draw(self.who.id, [ask])
            except UnavailableError:
                return False
            # nobody's yet: whoever asks for the first time has it from the catalog
            found.append(self.used[self.month] if told.unknown else MOST - told.free)
            return True

        await until(is_told)
        await ledger.close()
        return round(found[-1])


async def heard(admission: Admission, who: Organization) -> None:
    """Return when the ledger has answered a process."""
    allowance, ledger = admission.allowance(who), admission._ledger
    assert ledger is not None

    async def is_heard() -> bool:
        await allowance.taken(ledger, admission._seed)
        return allowance._local is None

    await until(is_heard)


async def settled(admission: Admission, who: Organization) -> None:
    """Return when it keeps nothing either, as who asks for nothing does after a while."""
    allowance, ledger = admission.allowance(who), admission._ledger
    assert ledger is not None

    async def is_settled() -> bool:
        allowance.last_use = clock.monotonic() - allowances.IDLE - 1.0
        return await allowance.tell(ledger, admission._seed) and allowance.is_idle

    await until(is_settled)


def lose_next_answer(admission: Admission) -> None:
    """The ledger draws, and the process hears nothing of it."""
    ledger = admission._ledger
    assert ledger is not None
    draw = ledger.draw

    async def lost(*arguments: Any, more: bool = False) -> Any:
        told = await draw(*arguments, more=more)
        if any(each.unknown for each in told):
            # who knows nothing of a month yet is told so
            return told
        ledger.draw = draw  # type: ignore[method-assign]  # once, and then as it is
        raise UnavailableError

    ledger.draw = lost  # type: ignore[method-assign]  # as it is, but for its answer


def begin_turn(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """The month turns in so many seconds."""
    began, real = clock.monotonic(), TURN - timedelta(seconds=seconds)
    monkeypatch.setattr(clock, "now", lambda: real + timedelta(seconds=clock.monotonic() - began))


async def turned() -> None:
    async def is_turned() -> bool:
        return clock.now() >= TURN

    await until(is_turned)


async def passed(seconds: float) -> None:
    """As after so long a lease, of which nobody hears when it ends."""
    end = clock.monotonic() + seconds

    async def is_over() -> bool:
        return clock.monotonic() > end

    await until(is_over)


async def restarted(valkey: OwnValkey) -> None:
    """It has lost everything."""
    await asyncio.to_thread(valkey.stop)
    await asyncio.to_thread(valkey.start)


def be_brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look more often, and be idle sooner, than a server does."""
    monkeypatch.setattr(quota, "PERIOD", 0.02)
    for module in (quota, allowances):
        monkeypatch.setattr(module, "IDLE", 0.1)
