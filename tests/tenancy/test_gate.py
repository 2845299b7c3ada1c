"""A gate in front of work that ends when a test says so: who is let in, when, and who is refused."""

import asyncio
import math
from collections import Counter

import pytest

from harka import clock
from harka.errors import DeadlineExceededError, OverloadedError
from harka.repositories.organization import Organization
from harka.tenancy.concurrency import INITIAL
from harka.tenancy.gate import Gate
from harka.tenancy.line import Rank
from tenancy.samples import organization


class Crowd:
    """Requests through one gate; `let_in`: whose, in order; `most`: under way at once."""

    def __init__(self, *, most: int = 4, patience: float = 1.0) -> None:
        self.gate = Gate(most=most, patience=patience)
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

    async def end_all(self) -> None:
        """Nothing is left behind."""
        while self._under_way:
            await self.end(len(self._under_way))
        await asyncio.gather(*self.tasks, return_exceptions=True)
        assert (self.gate.under_way, self.gate.waiting) == (0, 0)

    def refused(self) -> int:
        return sum(isinstance(task.exception(), OverloadedError) for task in self.tasks if task.done())


async def test_never_more_than_the_limit_are_under_way_and_all_have_their_turn() -> None:
    crowd = Crowd(most=INITIAL, patience=1.0)
    tenants = [organization(f"t{number}", plan="GROWTH") for number in range(10)]
    for who in tenants:
        await crowd.come(who, 6)
    while len(crowd.let_in) < 60 - crowd.refused():
        await crowd.end()
    await crowd.end_all()
    assert crowd.most <= INITIAL
    assert len(crowd.let_in) + crowd.refused() == 60
    assert set(Counter(crowd.let_in)) == {who.slug for who in tenants}


async def test_one_organization_leaves_places_to_others() -> None:
    crowd, noisy, quiet = Crowd(most=8), organization("noisy"), organization("quiet")
    await crowd.come(noisy, 8)
    assert crowd.let_in == ["noisy"] * 7
    await crowd.come(quiet)
    assert crowd.let_in[-1] == "quiet"
    await crowd.end_all()


async def test_databases_leave_places_to_each_other() -> None:
    """One that hangs has requests of many organizations; those of another one pass."""
    crowd, elsewhere = Crowd(most=8), organization("elsewhere", database="other")
    await crowd.come(elsewhere)
    await crowd.end_all()
    for number in range(8):
        await crowd.come(organization(f"stuck-{number}"))
    assert crowd.gate.under_way == 7
    await crowd.come(elsewhere)
    assert crowd.let_in[-1] == "elsewhere"
    await crowd.end_all()


async def test_beside_a_flood_the_next_turn_is_the_neighbours() -> None:
    crowd, noisy, quiet = Crowd(most=4), organization("noisy"), organization("quiet")
    await crowd.come(noisy, 50)
    await crowd.come(quiet, 2)
    assert crowd.let_in == ["noisy", "noisy", "noisy", "quiet"]
    await crowd.come(quiet)
    await crowd.end(2)
    assert "quiet" in crowd.let_in[-2:]
    assert crowd.refused() == 50 - 3 - 4
    await crowd.end_all()


async def test_places_are_shared_by_the_plans_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(clock, "monotonic", lambda: now[0])
    crowd = Crowd(most=8, patience=10.0)
    small, large = organization("small", plan="STARTER"), organization("large", plan="GROWTH")
    for who in (large, small):
        crowd.gate.flow(who)
        crowd.gate._room = 1000
        await crowd.come(who, 200)
    turns: Counter[str] = Counter()
    for _ in range(180):
        now[0] += 0.01
        await crowd.end()
        turns[crowd.let_in[-1]] += 1
    assert turns["large"] == pytest.approx(5 * turns["small"], rel=0.15)
    await crowd.end_all()


async def test_the_line_is_short_and_who_finds_it_full_is_refused_at_once() -> None:
    crowd, one = Crowd(most=4, patience=0.001), organization()
    await crowd.come(one, 20)
    assert (crowd.gate.under_way, crowd.gate.waiting, crowd.refused()) == (3, 4, 13)
    flow = crowd.gate.flow(one)
    assert not crowd.gate.has_room(flow, Rank.INTERACTIVE)
    await crowd.end()
    assert crowd.gate.has_room(flow, Rank.INTERACTIVE)
    await crowd.end_all()


async def test_a_crowd_of_organizations_has_a_bound_together() -> None:
    crowd = Crowd(most=4, patience=0.001)
    for number in range(20):
        await crowd.come(organization(f"t{number}"))
    assert (crowd.gate.under_way, crowd.gate.waiting, crowd.refused()) == (4, 12, 4)
    await crowd.end_all()


async def test_people_take_the_place_in_line_of_what_can_wait() -> None:
    crowd, one = Crowd(most=4, patience=0.001), organization()
    await crowd.come(one, 3)
    bulk = await crowd.come(one, 4, rank=Rank.BULK)
    people = await crowd.come(one, 2, rank=Rank.INTERACTIVE)
    assert crowd.refused() == 2
    assert [task.done() for task in bulk] == [False, False, True, True]
    await crowd.end(2)
    assert not any(task.done() for task in people)
    assert crowd.gate.flow(one).waiting == 2
    await crowd.end_all()
    assert crowd.refused() == 2


async def test_who_waits_past_the_deadline_is_never_begun() -> None:
    crowd, one = Crowd(), organization()
    await crowd.come(one, 3)
    (late,) = await crowd.come(one, deadline=clock.monotonic() + 0.01)
    with pytest.raises(DeadlineExceededError):
        await late
    assert crowd.gate.waiting == 0
    await crowd.end_all()
    assert len(crowd.let_in) == 3


async def test_nobody_waits_for_long_for_what_hangs() -> None:
    crowd, one = Crowd(patience=0.001), organization()
    await crowd.come(one, 3)
    (waits,) = await crowd.come(one)
    with pytest.raises(OverloadedError):
        await waits
    await crowd.end_all()


async def test_who_leaves_while_waiting_leaves_nothing_behind() -> None:
    crowd, one = Crowd(), organization()
    await crowd.come(one, 3)
    first, _second = await crowd.come(one, 2)
    first.cancel()
    await asyncio.sleep(0)
    assert crowd.gate.waiting == 1
    await crowd.end()
    assert len(crowd.let_in) == 4
    await crowd.end_all()


async def test_a_place_given_at_the_moment_of_leaving_goes_to_the_next() -> None:
    crowd, one = Crowd(), organization()
    await crowd.come(one, 3)
    first, second = await crowd.come(one, 2)
    crowd._under_way.pop(0).set()
    while crowd.gate.waiting == 2:  # noqa: ASYNC110 - the gate tells nobody
        await asyncio.sleep(0)
    assert not first.done()
    first.cancel()
    for _ in range(4):
        await asyncio.sleep(0)
    assert (crowd.gate.under_way, crowd.gate.waiting, len(crowd.let_in)) == (3, 0, 4)
    assert not second.done()
    await crowd.end_all()


async def test_a_place_given_back_before_one_lines_up_is_noticed() -> None:
    """Whoever `enter` refused begins to wait a moment later, as a task does; nobody is left to wake it."""
    gate, one = Gate(most=4, patience=10.0), organization()
    flow = gate.flow(one)
    while gate.enter(flow):
        pass
    waits = asyncio.create_task(gate.wait(flow, Rank.INTERACTIVE, math.inf))
    for _ in range(flow.held):
        gate.leave(flow, clock.monotonic())
    await asyncio.wait_for(waits, timeout=1.0)
    assert (gate.under_way, gate.waiting) == (1, 0)


async def test_a_change_of_plan_and_of_place_is_noticed() -> None:
    gate, before = Gate(most=4, patience=1.0), organization(plan="STARTER")
    light = gate.flow(before).weight
    upgraded = organization(plan="GROWTH", id=before.id)
    assert gate.flow(upgraded).weight == 5 * light
    assert gate.enter(gate.flow(upgraded))
    moved = organization(plan="GROWTH", id=before.id, database="other")
    assert gate.flow(moved).bay is gate.flow(upgraded).bay, "while it has requests there"
    there = gate.flow(moved)
    gate.leave(there, clock.monotonic())
    there.left = 6.0
    here = gate.flow(moved)
    here.bay.lead = 5.0
    assert here.bay is not there.bay
    assert (here.clock, here.left) == (6.0, 6.0), "what it has had goes along, in the time of the line"


async def test_memory_follows_the_organizations_that_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harka.tenancy.gate._FLOWS", 10)
    gate = Gate(most=4, patience=1.0)
    gate._sweep_at = 10
    busy = organization("busy")
    assert gate.enter(gate.flow(busy))
    for number in range(100):
        gate.flow(organization(f"t{number}"))
    assert len(gate._flows) <= 10
    assert gate.flow(busy).held == 1
