"""A gate in front of work that ends when a test says so: who is let in, when, and who is refused."""

import asyncio
import math
from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

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
        self._under_way: list[tuple[str, asyncio.Event]] = []
        self._next = asyncio.Event()
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
        try:
            async with self.gate.passing(who, rank, deadline):
                self.let_in.append(who.slug)
                self.most = max(self.most, self.gate.under_way)
                self._under_way.append((who.slug, asyncio.Event()))
                self._next.set()
                await self._under_way[-1][1].wait()
        finally:
            self._next.set()

    async def serve(self, who: Organization) -> int:
        """One comes, again and again where it is refused, is let in and ends; how often it was refused."""
        before, tried = self.let_in.count(who.slug), 1
        async with asyncio.timeout(10):
            (task,) = await self.come(who)
            while self.let_in.count(who.slug) == before:
                if task.done():
                    (task,) = await self.come(who)
                    tried += 1
                else:
                    self._next.clear()
                    await self._next.wait()
        await self.end_latest(who)
        return tried - 1

    async def end_latest(self, who: Organization) -> None:
        """That of it which was let in last ends."""
        at = max(index for index, (slug, _) in enumerate(self._under_way) if slug == who.slug)
        self._under_way.insert(0, self._under_way.pop(at))
        await self.end()

    async def end(self, count: int = 1, *, turns: int = 4) -> None:
        """So many end that were let in first. `turns`: of the loop, in which others begin."""
        for _, event in self._under_way[:count]:
            event.set()
        del self._under_way[:count]
        for _ in range(turns):
            await asyncio.sleep(0)

    async def end_all(self) -> None:
        """Nothing is left behind."""
        async with asyncio.timeout(10):
            # whoever is let in meanwhile begins some turns of the loop later
            while not all(task.done() for task in self.tasks):
                await self.end(len(self._under_way))
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.check()
        assert (self.gate.under_way, self.gate.waiting, self.gate.state()["stuck"]) == (0, 0, 0)

    def check(self) -> None:
        """All that is under way is counted where it is, once."""
        bays = self.gate._bays.values()
        assert all(0 <= bay.stuck <= bay.old <= bay.held for bay in bays)
        assert sum(bay.held for bay in bays) == sum(flow.held for flow in self.gate._flows.values())
        assert self.gate.under_way == sum(bay.held - bay.stuck for bay in bays) <= self.gate.limit

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


async def test_however_many_databases_hang_those_of_another_one_are_served() -> None:
    crowd, fine = Crowd(most=8, patience=0.02), organization("fine", database="fine")
    hung = [organization(f"stuck-{each}", database=f"hung-{each % 4}") for each in range(40)]
    crowd.gate.flow(fine)

    async def refused_beside() -> int:
        for who in hung:
            await crowd.come(who)
        refused = await crowd.serve(fine)
        crowd.check()
        return refused

    bays = [crowd.gate.flow(who).bay for who in hung]
    while not all(bay.hangs for bay in bays):
        await refused_beside()
    assert [await refused_beside() for _ in range(10)] == [0] * 10, (
        "nor are lines in its way that stand still"
    )
    assert sum(bay.held - bay.stuck for bay in {*bays}) <= 7, "together what one may hold"
    await crowd.end_all()


class Looks:
    """A crowd in front of a gate that looks when it is told to, in a time that goes by when it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *databases: str) -> None:
        self._now = 1.0
        monkeypatch.setattr(clock, "monotonic", lambda: self._now)
        # so long that no timer of the loop's comes
        self.crowd = Crowd(most=8, patience=100.0)
        self.gate = self.crowd.gate
        self.gate._looked = self._now
        self.tenants = [organization(name, database=name) for name in databases]
        self.bays = [self.gate.flow(who).bay for who in self.tenants]

    def go_by(self, seconds: float) -> None:
        self._now += seconds

    async def look(self) -> None:
        """After the shortest time between two looks."""
        self.go_by(400.0)
        self.gate._look()
        for _ in range(4):
            await asyncio.sleep(0)


async def test_who_waits_is_let_in_by_the_look_that_finds_what_is_stuck(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks = Looks(monkeypatch, "hung", "lost", "fine")
    hung, lost, fine = looks.tenants
    await looks.crowd.come(hung, 7)
    await looks.crowd.come(lost)
    await looks.crowd.come(fine)
    await looks.look()
    assert looks.gate._next_look is not None
    assert "fine" not in looks.crowd.let_in
    await looks.look()
    assert "fine" in looks.crowd.let_in
    assert looks.gate.state() == {"limit": 8, "under_way": 1, "waiting": 0, "stuck": 8}
    assert looks.gate._next_look is None, "nobody waits"
    looks.go_by(10_000.0)
    await looks.crowd.end_all()
    assert looks.gate.flow(hung).cost == 800.0, "what it kept from others, at the most"


async def test_what_is_slow_like_everything_else_is_not_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where processors are short: to let in more would make all of it slower."""
    looks = Looks(monkeypatch, "one", "other", "third")
    for turn in range(60):
        for who in looks.tenants:
            await looks.crowd.come(who, 2)
        looks.go_by(150.0)
        # once it is known what they take
        if turn > 20 and turn % 3 == 2:
            looks.gate._look()
        await looks.crowd.end()
        assert looks.gate.under_way <= 8
        assert looks.gate.state()["stuck"] == 0
    assert all(1000.0 < bay.cost < 1400.0 for bay in looks.bays)
    await looks.crowd.end_all()


async def test_databases_that_hang_hold_together_what_one_may(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = Looks(monkeypatch, "one", "other", "third", "fine")
    *hung, fine = looks.tenants
    for who in hung:
        await looks.crowd.come(who, 2)
    await looks.look()
    await looks.look()
    assert [bay.hangs for bay in looks.bays] == [True, True, True, False]
    assert looks.gate.state()["stuck"] == 6
    for who in hung:
        await looks.crowd.come(who, 4)
    assert (looks.gate.under_way, looks.gate.waiting) == (7, 5)
    await looks.crowd.come(fine)
    assert looks.crowd.let_in[-1] == "fine"
    await looks.crowd.end_all()


async def test_a_database_hangs_until_something_ends_or_nothing_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks = Looks(monkeypatch, "one", "other", "third")
    one, other, _ = looks.tenants
    for who in looks.tenants:
        await looks.crowd.come(who, 2)
    await looks.look()
    await looks.look()
    await looks.crowd.end_latest(one)
    await looks.look()
    assert [bay.hangs for bay in looks.bays] == [True] * 3, "what was stuck may have been given up"
    await looks.crowd.end_latest(one)
    await looks.crowd.come(other)
    await looks.crowd.end_latest(other)
    await looks.look()
    assert [bay.hangs for bay in looks.bays] == [False, False, True]
    await looks.crowd.end_all()


async def test_a_database_in_which_all_is_slow_does_not_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside a quick one, by which looks are closer to each other than what it takes."""
    looks = Looks(monkeypatch, "slow", "quick")
    slow, quick = looks.tenants
    for turn in range(60):
        await looks.crowd.come(slow, 2)
        await looks.crowd.come(quick)
        await looks.crowd.end_latest(quick)
        looks.go_by(100.0)
        if turn % 4 == 3:
            looks.gate._look()
        await looks.crowd.end()
        assert not any(bay.hangs for bay in looks.bays)
    assert looks.bays[0].cost > 400.0
    assert looks.bays[1].cost == 0.0
    await looks.crowd.end_all()


async def test_where_nothing_ends_what_ended_before_tells_what_is_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of a few requests that take long none may end between two looks."""
    looks = Looks(monkeypatch, "one", "other")
    await looks.crowd.come(looks.tenants[0])
    looks.go_by(3000.0)
    await looks.crowd.end_all()
    await looks.look()
    await looks.crowd.come(looks.tenants[0], 7)
    for _ in range(14):
        await looks.look()
        assert looks.gate.under_way == 7
    await looks.crowd.end_all()


async def test_so_many_are_stuck_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = Looks(monkeypatch, *(f"hung-{number}" for number in range(8)))
    for _ in range(40):
        for who in looks.tenants:
            await looks.crowd.come(who, 2)
        await looks.look()
    assert 3 * 8 <= looks.gate.state()["stuck"] < 4 * 8
    await looks.crowd.end_all()


async def test_what_hung_says_nothing_of_how_many_the_process_can_work_on() -> None:
    crowd = Crowd(most=2 * INITIAL, patience=0.02)
    hung = [organization(name, database=name) for name in ("one", "other")]
    while crowd.gate.state()["stuck"] < 56:
        for who in hung:
            await crowd.come(who, 4)
    await crowd.end(56)
    assert crowd.gate.limit == INITIAL
    await crowd.end_all()


async def test_what_is_slow_keeps_its_place_where_there_is_one_database() -> None:
    crowd, slow, other = Crowd(most=8, patience=0.005), organization("slow"), organization("other")
    await crowd.come(slow, 8)
    await crowd.come(other, 2)
    (waits,) = await crowd.come(other)
    with pytest.raises(OverloadedError):
        await waits
    assert crowd.gate.state() == {"limit": 8, "under_way": 8, "waiting": 0, "stuck": 0}
    await crowd.end_all()


@example([("come", 5), ("come", 4), ("end", 1), ("look", 0)])
@given(
    st.lists(
        st.tuples(st.sampled_from(["come", "end", "latest", "leave", "look"]), st.integers(0, 5)), max_size=60
    )
)
async def test_whatever_hangs_and_ends_every_place_is_counted_once(events: list[tuple[str, int]]) -> None:
    crowd = Crowd(most=8, patience=1000.0)
    tenants = [organization(f"t{each}", database=f"d{each % 3}") for each in range(6)]
    for event, which in events:
        if event == "come":
            await crowd.come(tenants[which], 1 + which)
        elif event == "end":
            await crowd.end(1 + which, turns=which % 4)
        elif event == "latest" and tenants[which].slug in dict(crowd._under_way):
            await crowd.end_latest(tenants[which])
        elif event == "leave" and crowd.tasks:
            crowd.tasks[-1 - which % len(crowd.tasks)].cancel()
        elif event == "look":
            # at any time, also between somebody's turn and their beginning, if only once
            crowd.gate._mark(clock.monotonic())
            crowd.gate._admit()
            await asyncio.sleep(0)
        crowd.check()
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
    crowd._under_way.pop(0)[1].set()
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
    there, moved = gate.flow(upgraded), organization(plan="GROWTH", id=before.id, database="other")
    here = gate.flow(moved)
    assert here.bay is not there.bay
    assert (here.held, there.held, gate.under_way) == (0, 1, 1), "what hangs there does not follow it"
    gate.leave(there, clock.monotonic())
    assert (there.bay.held, gate.under_way) == (0, 0)


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
