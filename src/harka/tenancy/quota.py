"""May it come in, may it cost that much? Answered from leases of the organization's pools, without waiting.

Decision 0029. All processes together grant a limit once: each draws a few tokens from the ledger at a time,
before it runs out of them. Who finds none waits for one round trip; once it is told that there are none,
others are refused at once.
"""

import asyncio
import itertools
import math
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final, Never
from uuid import UUID

import msgspec

from harka import clock
from harka.cache.pool_ledger import Ledger
from harka.errors import DocumentLimitError, QuotaExceededError, RateLimitedError
from harka.fastpath import enter
from harka.pubsub import PubSub
from harka.repositories.organization import Organization
from harka.tasks import together
from harka.tenancy.allowance import IDLE, Allowance, Limits, Seed
from harka.tenancy.entitlement import limits_for
from harka.tenancy.plan import Resource
from harka.tenancy.pools import BANDWIDTH, CPU, MEMORY, ONE, POINTS, SOCKETS, TOLLS

PERIOD: Final = 0.25
"""Seconds between two looks at who has to renew, or to give back."""
_SWEEP: Final = 32
"""Looks in which each of the organizations is looked at once, to forget the idle ones: 8 seconds."""
_LAST_WORDS: Final = 2.0
"""Seconds, of a process that stops."""
_ROUNDS: Final = 100
"""Drawings that somebody waits for, while there is enough: others may be faster each time."""
_BEAT: Final = 2.0
_EVERYBODY: Final = UUID(int=0)
_RECALLS: Final = "quota"
"""The topic on which processes ask each other for what lies idle with them."""
_ASKING: Final = 0.05
"""Seconds that this may take: who waits for it would not wait longer for the answers."""
_MESSAGES: Final = {
    Resource.REQUESTS_PER_SECOND: "Too many requests.",
    Resource.REQUESTS_PER_MONTH: "This month's requests are used up.",
    Resource.CONCURRENT_REQUESTS: "Too many operations at once.",
    Resource.CPU: "Too much processor time.",
    Resource.MEMORY: "The operations under way may come to too much.",
    Resource.BANDWIDTH: "This month's downloads are used up.",
    Resource.SOCKETS: "Too many sockets and streams of events are open.",
}
_OBJECT_BYTES: Final = 1024
"""What an object of an answer is taken to weigh while it is made."""


class Level(msgspec.Struct, frozen=True):
    """Of what is limited as it happens: how much of `limit` is taken, in the unit that clients are told.

    `resets_at`: when nothing is taken any more, of what flows back.
    """

    resource: Resource
    used: float
    limit: float
    resets_at: datetime | None = None


async def _nothing_known(_organization: Organization, _resource: Resource) -> float:
    return 0.0


class Admission:
    """`refused`: how often which resource was lacking; True where it was let pass (shadow mode).

    In shadow mode each limit is tried by itself: what is let pass for want of one takes nothing of it, and
    gives nothing back to it, so that as many are counted as would be refused.
    """

    def __init__(
        self,
        ledger: Ledger | None = None,
        seed: Seed = _nothing_known,
        limits: Limits = limits_for,
        pubsub: PubSub | None = None,
    ) -> None:
        """`ledger`, `pubsub`: None where this process is the only one. `limits`: of an organization."""
        self._limits = limits
        self._pubsub = pubsub
        self.refused: Counter[tuple[Resource, bool]] = Counter()
        self._ledger = ledger
        self._seed = seed
        # the one looked at the longest ago comes first
        self._allowances: dict[UUID, Allowance] = {}
        self._drawn: set[Allowance] = set()
        # idle, but for what the ledger has not heard; the one told the longest ago comes first
        self._owing: dict[Allowance, None] = {}

    def __len__(self) -> int:
        return len(self._allowances)

    def enter(self, organization: Organization) -> Allowance | None:
        """Take the toll of a request; None where it has to `wait_in`. It gives `ONE` back to `running`."""
        now = clock.monotonic()
        allowance = self._of(organization, now)
        lacking = enter(allowance.door, now)
        if lacking >= 0:
            return None
        if lacking != -1:
            self._renew(allowance)
        return allowance

    async def wait_in(self, organization: Organization) -> Allowance:
        """Take the toll of a request once the ledger was asked.

        Raise `RateLimitedError`, `QuotaExceededError`, and take nothing.
        """
        allowance = self._of(organization, clock.monotonic())
        if await self._wait_in(allowance):
            return allowance
        if CPU in allowance.door_places and allowance.leases[CPU].tokens >= TOLLS[CPU]:
            # what it holds of the processor is settled as that of others
            allowance.leases[CPU].put(-TOLLS[CPU])
        return self._aside(allowance)

    def charge(self, organization: Organization, points: float) -> Allowance | None:
        """Take what an operation may cost at the most, and the room for what it may come to, or take nothing.

        None where it has to `wait_to_charge`. Raise `DocumentLimitError` where there never will be so much.
        """
        now = clock.monotonic()
        allowance = self._of(organization, now)
        most = min(allowance.limits.points, allowance.limits.memory_bytes // _OBJECT_BYTES)
        if points > most and not allowance.shadow:
            raise DocumentLimitError(
                f"The operation may cost {points:,.0f} points; the plan's budget is {most:,}."
            )
        budget = allowance.leases[POINTS]
        if not budget.take(now, points):
            return None
        if not allowance.leases[MEMORY].take(now, points * _OBJECT_BYTES):
            budget.put(points)
            return None
        if budget.tokens < points:
            self._renew(allowance)
        return allowance

    async def wait_to_charge(self, organization: Organization, points: float) -> Allowance:
        """Take the same once the ledger was asked. Raise `RateLimitedError`, and take nothing."""
        allowance = self._of(organization, clock.monotonic())
        if not await self._take(allowance, POINTS, points):
            return self._aside(allowance)
        has_room = False
        try:
            has_room = await self._take(allowance, MEMORY, points * _OBJECT_BYTES)
        finally:
            if not has_room:
                allowance.leases[POINTS].put(points)
        return allowance if has_room else self._aside(allowance)

    def pay(self, organization: Organization, points: float) -> None:
        """Take points without waiting: what is not here is owed, and drawn at once.

        Raise `RateLimitedError` where there are not so many, as far as this process knows.
        """
        now = clock.monotonic()
        allowance = self._of(organization, now)
        budget = allowance.leases[POINTS]
        if budget.take(now, points):
            return
        if points > allowance.available(POINTS, now):
            self._refuse(allowance, POINTS, points)
            return
        budget.put(-points)
        self._renew(allowance)

    def allowance(self, organization: Organization) -> Allowance:
        """What it has here, to take from without asking."""
        return self._of(organization, clock.monotonic())

    def owe(self, allowance: Allowance, points: float, seconds: float) -> None:
        """Points, and seconds of a processor, that were taken without asking: others have to wait for them.

        For no longer than it takes an empty pool to fill: what goes beyond that is forgotten.
        """
        if allowance.shadow:
            return
        share = 1.0 if self._ledger is None else self._ledger.share
        for place, amount in ((POINTS, points), (CPU, seconds * 1000.0)):
            pool, lease = allowance.pools[place], allowance.leases[place]
            if pool is not None:
                lease.put(-min(amount, max(lease.tokens + pool.capacity * share, 0.0)))
        self._drawn.add(allowance)
        if allowance.leases[POINTS].tokens < 0.0 or allowance.leases[CPU].tokens < 0.0:
            self._renew(allowance)

    def settle(self, allowance: Allowance, charged: float, actual: float, seconds: float) -> None:
        """What was charged came to `actual` points and held the processor for so many seconds."""
        if actual != charged:
            allowance.leases[POINTS].put(charged - actual)
        allowance.leases[MEMORY].put(charged * _OBJECT_BYTES)
        cpu, spent = allowance.leases[CPU], seconds * 1000.0 - TOLLS[CPU]
        if allowance.shadow and cpu.tokens < TOLLS[CPU]:
            # of nothing left nothing is taken on trial, nor given back: who asks now would be refused
            spent = max(spent, 0.0) if cpu.tokens >= 0.0 else 0.0
        cpu.put(-spent)

    def budget(self, allowance: Allowance) -> tuple[int, int]:
        """How many points there are, about, and how many come back in a second."""
        known = self._allowances.get(allowance.organization.id, allowance)
        available = known.available(POINTS, clock.monotonic())
        return max(int(available), 0), int(allowance.limits.points_per_second)

    async def take_bandwidth(self, organization: Organization, size: int) -> Allowance:
        """Take of a month's the bytes that are sent. Raise `QuotaExceededError` where there are too few."""
        allowance = self._of(organization, clock.monotonic())
        if await self._take(allowance, BANDWIDTH, float(size)):
            return allowance
        return self._aside(allowance)

    async def begin_download(self, organization: Organization, size: int) -> Allowance:
        """Take bytes that are to be sent; `end_download` gives back what was not. Raise like that."""
        allowance = await self.take_bandwidth(organization, size)
        allowance.reserved += size
        return allowance

    def end_download(self, allowance: Allowance, size: int, left: int) -> None:
        """Of `size` bytes that were taken so many were not sent."""
        if allowance.pools[BANDWIDTH] is not None:
            allowance.leases[BANDWIDTH].put(float(left))
        allowance.reserved = max(allowance.reserved - size, 0.0)

    async def open_socket(self, organization: Organization) -> Allowance:
        """Raise `RateLimitedError` when too many are open. To be closed by `close_socket`."""
        allowance = self._of(organization, clock.monotonic())
        return allowance if await self._take(allowance, SOCKETS, ONE) else self._aside(allowance)

    def close_socket(self, allowance: Allowance) -> None:
        allowance.leases[SOCKETS].put(ONE)

    async def levels(self, organization: Organization) -> Sequence[Level]:
        """Of what is limited as it happens: what all processes take, as far as they have told the ledger."""
        allowance = self._of(organization, clock.monotonic())
        self._drawn.add(allowance)
        taken = await allowance.taken(self._ledger, self._seed)
        return [
            Level(
                pool.resource,
                pool.told(taken[place]),
                pool.told(pool.capacity),
                allowance.resets_at(place, taken[place]),
            )
            for place, pool in enumerate(allowance.pools)
            if pool is not None and place in taken
        ]

    async def run(self) -> Never:
        """Renew what runs out with time, and give back what is not used or others lack, until cancelled."""
        await together(self._keep_up(), self._hear(), self._tell())
        raise asyncio.CancelledError

    async def stop(self) -> None:
        """Tell the ledger what was used, and give back what was not, once nothing is under way any more.

        What there is no time for is as after a crash.
        """
        if self._ledger is None:
            return
        self._ledger.stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS):
                for allowance in {*self._drawn, *self._owing}:
                    allowance.last_use = -math.inf
                    await allowance.tell(self._ledger, self._seed)

    async def _keep_up(self) -> Never:
        beat_at = 0.0
        while True:
            if self._ledger is not None and clock.monotonic() >= beat_at:
                await self._ledger.beat()
                beat_at = clock.monotonic() + _BEAT
            self.look()
            await asyncio.sleep(PERIOD)

    async def _tell(self) -> None:
        """Tell the ledger of who is idle, one after the other; where it is away, of one in a `PERIOD`."""
        while (ledger := self._ledger) is not None:
            await asyncio.sleep(PERIOD)
            while self._owing:
                allowance = next(iter(self._owing))
                # who has come back tells by itself
                is_told = allowance in self._drawn or await allowance.tell(ledger, self._seed)
                was_owing = allowance in self._owing
                self._owing.pop(allowance, None)
                if not is_told:
                    if was_owing:
                        self._owing[allowance] = None
                    break

    async def _hear(self) -> None:
        """Who lacks what is held idle here."""
        if self._pubsub is None:
            return
        async with self._pubsub.subscribe(_EVERYBODY, _RECALLS) as events:
            async for event in events:
                # who was not heard asks again in a second
                allowance = None if event.resync else self._allowances.get(UUID(event.payload["tenant"]))
                if allowance is not None:
                    self._drawn.add(allowance)
                    allowance.give_back(self._ledger, self._seed)

    def look(self) -> None:
        """One look at all who have drawn something, and at a few of the others."""
        now = clock.monotonic()
        for allowance in list(self._drawn):
            if allowance.is_idle and now - allowance.last_use > IDLE:
                self._drawn.discard(allowance)
                if self._ledger is not None and allowance.owes:
                    self._owing[allowance] = None
            elif allowance.wants_renewal(now):
                allowance.renew(self._ledger, self._seed)
        self._forget_idle(now)

    async def _take(self, allowance: Allowance, place: int, amount: float) -> bool:
        """False where it passes all the same (shadow mode). Raise `RateLimitedError`."""
        lease = allowance.leases[place]
        for drawings in range(_ROUNDS):
            now = clock.monotonic()
            # it may have lost its limit meanwhile; of nothing there is enough, though nothing is drawn
            if allowance.pools[place] is None or not amount or lease.take(now, amount):
                return True
            if allowance.shut(place, amount, now):
                break
            if drawings and await self._is_short(allowance, place, amount, now):
                break
            self._drawn.add(allowance)
            await allowance.draw(place, amount, self._ledger, self._seed)
        else:
            if lease.take(clock.monotonic(), amount):
                return True
        self._refuse(allowance, place, amount)
        return False

    async def _is_short(self, allowance: Allowance, place: int, amount: float, now: float) -> bool:
        """Nobody has so much of it. Where others hold it idle, they are asked for it."""
        if not allowance.was_short(place, amount):
            return False
        if self._pubsub is not None and allowance.begins_recall(place, now):
            with suppress(TimeoutError):
                async with asyncio.timeout(_ASKING):
                    asked = {"tenant": allowance.organization.id.hex}
                    await self._pubsub.publish(_EVERYBODY, _RECALLS, asked)
        return not allowance.is_recalling(place, now)

    async def _wait_in(self, allowance: Allowance) -> bool:
        """See `_take`."""
        for drawings in range(_ROUNDS):
            now = clock.monotonic()
            lacking = enter(allowance.door, now)
            if lacking < 0:
                return True
            place = allowance.door_places[lacking]
            if allowance.shut(place, TOLLS[place], now):
                break
            if drawings and await self._is_short(allowance, place, TOLLS[place], now):
                break
            self._drawn.add(allowance)
            await allowance.draw_tolls(self._ledger, self._seed)
        else:
            lacking = enter(allowance.door, clock.monotonic())
            if lacking < 0:
                return True
            place = allowance.door_places[lacking]
        self._refuse(allowance, place, TOLLS[place])
        return False

    def _aside(self, allowance: Allowance) -> Allowance:
        """For what passes all the same: what it gives back in the end belongs to nobody."""
        return Allowance(allowance.organization, self._limits)

    def _refuse(self, allowance: Allowance, place: int, amount: float) -> None:
        """Count it, and raise unless it is only to be counted."""
        pool = allowance.pools[place]
        assert pool is not None  # noqa: S101 - nothing is lacking without a limit
        self.refused[pool.resource, allowance.shadow] += 1
        if allowance.shadow:
            return
        now = clock.monotonic()
        message = _MESSAGES.get(pool.resource)
        if place == POINTS:
            available = max(allowance.available(place, now), 0.0)
            message = f"The operation may cost {amount:,.0f} points, of which {available:,.0f} are available."
        raise (QuotaExceededError if pool.monthly else RateLimitedError)(
            message,
            retry_after=allowance.wait_for(place, amount, now),
            resource=pool.resource,
            limit=pool.told(pool.capacity),
            resets_at=allowance.resets_at(place, pool.capacity - allowance.available(place, now)),
        )

    def _renew(self, allowance: Allowance) -> None:
        self._drawn.add(allowance)
        allowance.renew(self._ledger, self._seed)

    def _of(self, organization: Organization, now: float) -> Allowance:
        allowance = self._allowances.get(organization.id)
        if allowance is None:
            allowance = self._allowances[organization.id] = Allowance(organization, self._limits)
        elif allowance.organization is not organization:
            allowance.change(organization)
        allowance.last_use = now
        return allowance

    def _forget_idle(self, now: float) -> None:
        """Look at the next few: not at all of them at once, which would hold up whoever asks meanwhile."""
        few = len(self._allowances) // _SWEEP + 1
        for tenant, allowance in list(itertools.islice(self._allowances.items(), few)):
            del self._allowances[tenant]
            is_owing = allowance in self._owing and allowance.owes_month
            if is_owing or allowance in self._drawn or now - allowance.last_use <= _refill(allowance):
                self._allowances[tenant] = allowance
            else:
                self._owing.pop(allowance, None)


def _refill(allowance: Allowance) -> float:
    """Seconds from empty to full: who was idle for so long equals a new one."""
    return max(pool.capacity / pool.rate for pool in allowance.pools if pool is not None and pool.rate)
