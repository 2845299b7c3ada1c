import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from harka import clock
from harka.cache.pool_ledger import Ask, Told
from harka.repositories.organization import Organization
from harka.tenancy.allowance import Allowance
from harka.tenancy.plan import LIMITS, Plan, Resource
from harka.tenancy.pools import MEMORY, MONTH, POINTS, REQUESTS, RUNNING, SOCKETS
from tenancy.samples import organization


class Granting:
    """A ledger that grants what is asked for, and keeps what was asked."""

    lease, share = 5.0, 1.0

    def __init__(self) -> None:
        self.asked: list[dict[str, Ask]] = []
        self.begun = asyncio.Event()

    async def draw(self, _tenant: UUID, asks: Sequence[Ask], *, more: bool = False) -> list[Told]:
        self.asked.append({ask.pool: ask for ask in asks})
        self.begun.set()
        # the answer comes later than whoever asks meanwhile
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return [Told(ask.need + ask.want, 50.0, unknown=False) for ask in asks]

    async def beat(self) -> None:
        """It is always there."""


class Telling(Granting):
    """One that answers as it is told to, of each pool alike."""

    def __init__(self, *answers: tuple[float, float]) -> None:
        """What is granted, and what is free then."""
        super().__init__()
        self.answers = list(answers)

    async def draw(self, tenant: UUID, asks: Sequence[Ask], *, more: bool = False) -> list[Told]:
        await super().draw(tenant, asks, more=more)
        amount, free = self.answers.pop(0)
        return [Told(amount, free, unknown=False) for _ in asks]


async def nothing(_organization: Organization, _resource: Resource) -> float:
    return 0.0


async def test_whoever_waits_at_once_is_one_drawing() -> None:
    ledger, allowance = Granting(), Allowance(organization())
    await asyncio.gather(*(allowance.draw(POINTS, 10.0, ledger, nothing) for _ in range(20)))
    assert len(ledger.asked) == 1
    assert ledger.asked[0][Resource.POINTS_PER_SECOND].need == 200.0


async def test_what_was_drawn_for_one_is_not_given_back_for_another() -> None:
    """Who waited for sockets and who waited for room took turns: each drawing gave back the other's."""
    ledger, allowance = Granting(), Allowance(organization())

    async def take(place: int, amount: float) -> None:
        while not allowance.leases[place].take(clock.monotonic(), amount):
            await allowance.draw(place, amount, ledger, nothing)

    async with asyncio.timeout(5.0), asyncio.TaskGroup() as group:
        group.create_task(take(SOCKETS, 1.0))
        await ledger.begun.wait()
        # what is being drawn was asked for before: this one waits for the next
        group.create_task(take(MEMORY, 1000.0))
    assert [asked[Resource.SOCKETS].back for asked in ledger.asked] == [0.0, 0.0]
    assert ledger.asked[1][Resource.MEMORY].need == 1000.0


async def test_who_leaves_is_not_drawn_for_again() -> None:
    ledger, allowance = Granting(), Allowance(organization())
    leaving = asyncio.create_task(allowance.draw(SOCKETS, 1.0, ledger, nothing))
    await ledger.begun.wait()
    leaving.cancel()
    await asyncio.wait([leaving])
    await allowance.draw(MEMORY, 1000.0, ledger, nothing)
    assert ledger.asked[-1][Resource.SOCKETS].back == 1.0


async def test_who_leaves_while_waiting_takes_nobody_along() -> None:
    ledger, allowance = Granting(), Allowance(organization())
    tasks = [asyncio.create_task(allowance.draw(POINTS, 1.0, ledger, nothing)) for _ in range(2)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    await tasks[1]
    assert tasks[0].cancelled()
    assert len(ledger.asked) == 1


async def test_what_is_not_needed_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, allowance = Granting(), Allowance(organization())
    await allowance.draw(POINTS, 400.0, ledger, nothing)
    allowance.leases[POINTS].put(5000.0)
    assert allowance.wants_renewal(clock.monotonic()), "far more was given back than is needed"
    later = clock.monotonic() + 4.5
    monkeypatch.setattr(clock, "monotonic", lambda: later)
    await allowance.draw(SOCKETS, 1.0, ledger, nothing)
    assert ledger.asked[-1][Resource.POINTS_PER_SECOND].back == pytest.approx(5400.0, abs=1000.0)
    assert allowance.leases[POINTS].tokens == 0.0


async def test_what_is_held_is_told_whole() -> None:
    ledger, allowance = Granting(), Allowance(organization())
    await allowance.draw_tolls(ledger, nothing)
    assert allowance.running.take(clock.monotonic(), 1.0)
    assert allowance.in_use(RUNNING) == 1.0
    await allowance.draw_tolls(ledger, nothing)
    told = ledger.asked[-1][Resource.CONCURRENT_REQUESTS]
    assert told.held - told.idle == 1.0
    assert not allowance.is_idle


async def test_another_plan_keeps_what_was_taken() -> None:
    ledger, acme = Granting(), organization()
    allowance = Allowance(acme)
    await allowance.draw_tolls(ledger, nothing)
    tokens = allowance.leases[REQUESTS].tokens
    allowance.change(organization(id=acme.id, plan="ENTERPRISE"))
    assert allowance.limits is LIMITS[Plan.ENTERPRISE]
    assert (MONTH in allowance.door_places, allowance.leases[REQUESTS].tokens) == (False, tokens)


async def test_it_says_when_there_is_more() -> None:
    ledger, allowance = Granting(), Allowance(organization())
    await allowance.draw(POINTS, 1.0, ledger, nothing)
    now = clock.monotonic()
    assert allowance.wait_for(SOCKETS, 1.0, now) == 1.0
    rate = LIMITS[Plan.STARTER].points_per_second
    expected: Any = pytest.approx((40_000 - allowance.available(POINTS, now)) / rate)
    assert allowance.wait_for(POINTS, 40_000.0, now) == expected
    month, points = allowance.resets_at(MONTH, 1.0), allowance.resets_at(POINTS, 40_000.0)
    assert month is not None
    assert points is not None
    assert clock.now() < points < month
    assert allowance.resets_at(SOCKETS, 1.0) is None


async def test_of_what_is_held_whole_ones_are_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a part of one kept, the last that may be in would not get in."""
    ledger, allowance = Granting(), Allowance(organization())
    allowance.last_use = clock.monotonic()
    await allowance.draw(SOCKETS, 3.0, ledger, nothing)
    assert allowance.leases[SOCKETS].take(clock.monotonic(), 3.0)
    await allowance.draw(POINTS, 1.0, ledger, nothing)
    allowance.leases[SOCKETS].put(3.0)
    later = clock.monotonic() + 0.3
    monkeypatch.setattr(clock, "monotonic", lambda: later)
    await allowance.draw(POINTS, 1.0, ledger, nothing)
    told = ledger.asked[-1][Resource.SOCKETS]
    assert (told.back, told.held) == (3.0, 3.0)


async def test_what_nobody_here_can_use_goes_back_though_somebody_waits() -> None:
    ledger, allowance = Granting(), Allowance(organization())
    allowance.leases[MEMORY].grant(700.0, clock.monotonic() + 10.0, 0.0)
    allowance._held[MEMORY] = 700.0
    await allowance.draw(MEMORY, 1000.0, ledger, nothing)
    told = ledger.asked[-1][Resource.MEMORY]
    assert (told.back, told.need, told.sizes) == (700.0, 1000.0, [(1000.0, 1)])


async def test_who_lacks_less_than_is_left_is_not_refused_for_who_lacks_more() -> None:
    ledger, allowance = Telling((0.0, 500.0)), Allowance(organization())
    await allowance.draw(POINTS, 1000.0, ledger, nothing)
    now = clock.monotonic()
    assert allowance.was_short(POINTS, 1000.0)
    assert allowance.shut(POINTS, 1000.0, now)
    assert not allowance.was_short(POINTS, 400.0)
    assert not allowance.shut(POINTS, 400.0, now)


async def test_others_are_asked_again_where_what_they_gave_was_enough() -> None:
    """Also where what was put back here meanwhile was enough."""
    ledger, allowance = Telling((0.0, 0.0), (0.0, 0.0)), Allowance(organization())
    await allowance.draw(SOCKETS, 1.0, ledger, nothing)
    assert allowance.begins_recall(SOCKETS, clock.monotonic())
    allowance.leases[SOCKETS].put(1.0)
    await allowance.draw(SOCKETS, 1.0, ledger, nothing)
    assert not allowance.was_short(SOCKETS, 1.0)
    assert allowance.begins_recall(SOCKETS, clock.monotonic())


async def test_of_limits_that_have_changed_nobody_is_refused_by_the_old_ones() -> None:
    acme = organization()
    ledger, allowance = Telling((0.0, 0.0)), Allowance(acme)
    waiting = asyncio.create_task(allowance.draw(SOCKETS, 1.0, ledger, nothing))
    await ledger.begun.wait()
    allowance.change(organization(id=acme.id, plan="ENTERPRISE"))
    await waiting
    assert not allowance.was_short(SOCKETS, 1.0)
    assert not allowance.shut(SOCKETS, 1.0, clock.monotonic())


async def test_what_has_no_limit_any_more_is_not_kept() -> None:
    """Nobody would ever give it back, and the organization would never be idle."""
    acme = organization()
    allowance = Allowance(acme)
    await allowance.draw(MONTH, 5.0, Granting(), nothing)
    assert allowance.leases[MONTH].tokens
    allowance.change(organization(id=acme.id, plan="ENTERPRISE"))
    assert allowance.leases[MONTH].tokens == 0.0
