"""A gate in front of work that ends when a test says so: who is let in, when, and who is refused."""

import asyncio
import math
from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harka import clock
from harka.tenancy.concurrency import INITIAL, LEAST, WINDOW
from harka.tenancy.gate import Gate
from harka.tenancy.line import Rank
from tenancy.crowd import Crowd
from tenancy.samples import organization


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


async def test_a_limit_of_which_half_is_under_way_is_measured_though_nobody_waits() -> None:
    crowd = Crowd(most=256)
    crowd.gate._concurrency._set(142)
    tenants = [organization("one"), organization("other")]
    for who in tenants:
        await crowd.come(who, 35)
    await crowd.come(tenants[0])
    assert (crowd.gate.under_way, crowd.gate._concurrency.watches) == (71, False)
    await crowd.come(tenants[1])
    assert (crowd.gate.waiting, crowd.gate._concurrency.watches) == (0, True)
    await crowd.end_all()


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


async def test_who_waits_finds_the_places_of_what_is_late() -> None:
    crowd, fine = Crowd(most=8, patience=0.02), organization("fine", database="fine")
    await crowd.come(organization("hung", database="hung"), 7)
    await crowd.come(organization("lost", database="lost"))
    (waits,) = await crowd.come(fine)
    async with asyncio.timeout(10):
        while crowd.storage.asked < 6:  # noqa: ASYNC110 - the gate tells nobody
            await asyncio.sleep(0)
        assert crowd.gate.state() == {"limit": 8, "under_way": 8, "waiting": 1, "late": 0}
        crowd.storage.waiting = {"hung": 7, "lost": 1}
        while "fine" not in crowd.let_in:  # noqa: ASYNC110 - the gate tells nobody
            await asyncio.sleep(0)
    assert crowd.gate.state() == {"limit": 8, "under_way": 1, "waiting": 0, "late": 8}
    assert crowd.gate._next_look is not None, "nobody waits, but places may be taken back"
    await crowd.look()
    assert crowd.gate.state() == {"limit": 8, "under_way": 9, "waiting": 0, "late": 0}
    assert not waits.done()
    await crowd.end_all()


async def test_databases_that_are_late_hold_together_what_one_may() -> None:
    crowd, fine = Crowd(most=8), organization("fine", database="fine")
    late = [organization(name, database=name) for name in ("one", "other", "third")]
    for who in late:
        await crowd.come(who, 2)
    await crowd.look(one=2, other=2, third=2)
    for who in late:
        await crowd.come(who, 4)
    assert (crowd.gate.under_way, crowd.gate.waiting) == (7, 5)
    await crowd.come(fine)
    assert crowd.let_in[-1] == "fine"
    await crowd.end_all()


async def test_where_as_many_are_late_as_may_be_under_way_a_database_may_hold_a_few_places() -> None:
    """One after the other would otherwise be found late with all that it may hold."""
    crowd = Crowd(most=16)
    late = [organization(name, database=name) for name in ("one", "other")]
    for who in late:
        await crowd.come(who, 8)
    await crowd.look(one=8, other=8)
    rest = [organization(name, database=name) for name in ("third", "fourth")]
    for who in (*rest, *late):
        await crowd.come(who, 8)
    assert [crowd.gate.flow(who).held for who in (*rest, *late)] == [2, 2, 8, 8]
    await crowd.look(one=8, other=7)
    assert sum(crowd.gate.flow(who).held for who in (*rest, *late)) == 15 + 16
    await crowd.end_all()


async def test_a_database_that_was_late_is_served_again_however_many_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It may show that it answers, with a few places; one that was not has all that it may hold."""
    now = 1.0
    monkeypatch.setattr(clock, "monotonic", lambda: now)
    crowd = Crowd(most=2 * INITIAL)
    fine, other = organization("fine", database="fine"), organization("other", database="other")
    late = [organization(name, database=name) for name in ("one", "two")]
    await crowd.come(fine, 5)
    for who in late:
        await crowd.come(who, 16)
    crowd.gate.flow(other)
    await crowd.look(one=16, two=16, fine=5)
    now += 9.0
    await crowd.end(5)
    await crowd.look(one=16, two=16)
    for who in (fine, other):
        await crowd.come(who, 32)
    assert [crowd.gate.flow(who).held for who in (fine, other)] == [4, 28]
    await crowd.end_all()


async def test_a_place_that_counts_as_late_is_given_back_once() -> None:
    crowd, one = Crowd(most=8), organization(database="one")
    crowd.gate.flow(organization("other", database="other"))
    flow = crowd.gate.flow(one)
    for _ in range(3):
        assert crowd.gate.enter(flow)
    await crowd.look(one=3)
    for left in (2, 1, 0):
        crowd.gate.give_back(flow, clock.monotonic(), was_in_line=False)
        crowd.check()
        assert (flow.held, crowd.gate.under_way) == (left, 0)


async def test_what_has_several_names_is_one_database() -> None:
    crowd, elsewhere = Crowd(most=8), organization("elsewhere", database="other")
    await crowd.come(elsewhere)
    await crowd.end_all()
    for number in range(8):
        await crowd.come(organization(f"stuck-{number}", database=("also-app", "app")[number % 2]))
    assert (crowd.gate.under_way, crowd.gate.waiting) == (7, 1)
    await crowd.end_all()


async def test_shards_of_one_database_leave_places_to_each_other() -> None:
    crowd, beside = Crowd(most=8), organization("beside", schema="shard_small_2")
    crowd.gate.flow(beside)
    for number in range(8):
        await crowd.come(organization(f"stuck-{number}"))
    assert (crowd.gate.under_way, crowd.gate.waiting) == (7, 1)
    await crowd.come(beside)
    assert crowd.let_in[-1] == "beside"
    await crowd.end_all()


async def test_shards_of_one_database_that_are_late_give_their_places_back() -> None:
    crowd, fine = Crowd(most=8, patience=0.02), organization("fine", schema="fine")
    late = [organization(name, schema=name) for name in ("hung", "lost")]
    for who in (*late, fine):
        crowd.gate.flow(who)
    await crowd.come(late[0], 7)
    await crowd.come(late[1])
    await crowd.come(fine)
    crowd.storage.waiting = {"app.hung": 7, "app.lost": 1}
    async with asyncio.timeout(10):
        while "fine" not in crowd.let_in:  # noqa: ASYNC110 - the gate tells nobody
            await asyncio.sleep(0)
    assert crowd.gate.state() == {"limit": 8, "under_way": 1, "waiting": 0, "late": 8}
    await crowd.end_all()


async def test_a_database_leaves_places_to_others_in_however_many_shards() -> None:
    crowd, elsewhere = Crowd(most=8), organization("elsewhere", database="other")
    crowd.gate.flow(elsewhere)
    shards = [organization(f"stuck-{number}", schema=f"shard_small_{number}") for number in range(8)]
    for who in shards:
        await crowd.come(who)
    assert (crowd.gate.under_way, crowd.gate.waiting) == (7, 1)
    await crowd.look(**{f"app.{who.schema}": 1 for who in shards})
    assert (crowd.gate.under_way, crowd.gate.waiting) == (1, 0), "who is late is in nobody's way"
    await crowd.end()
    assert crowd.gate.state()["late"] == 6
    await crowd.end_all()


async def test_of_one_shard_nobody_asks_what_is_late() -> None:
    """There is nobody else who could use the places, and nobody to leave one to."""
    crowd, one = Crowd(most=8, patience=0.01), organization()
    await crowd.come(one, 8)
    assert (crowd.gate.waiting, crowd.gate._next_look) == (1, None)
    await crowd.come(organization("neighbour"))
    assert crowd.let_in[-1] == "neighbour"
    await crowd.end_all()
    assert crowd.storage.asked == 0


async def test_who_ends_late_was_late(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1.0
    monkeypatch.setattr(clock, "monotonic", lambda: now)
    crowd = Crowd(most=8)
    await crowd.come(organization("late", database="late"), 4)
    await crowd.look(late=3)
    now += 10.0
    await crowd.end()
    assert (crowd.gate.under_way, crowd.gate.state()["late"]) == (1, 2)
    await crowd.end_all()


async def test_a_few_that_are_late_leave_their_database_as_it_is() -> None:
    crowd = Crowd(most=16)
    late, slow = organization("late", database="late"), organization("slow", database="slow")
    await crowd.come(late, 14)
    await crowd.come(slow, 2)
    await crowd.look(slow=2)
    assert not crowd.gate._concurrency._held
    await crowd.look(late=14, slow=2)
    assert crowd.gate._concurrency._held
    assert [bay.is_late for bay in crowd.gate._bays.values()] == [True, False]
    await crowd.end_all()


async def test_a_database_is_late_until_one_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1.0
    monkeypatch.setattr(clock, "monotonic", lambda: now)
    crowd = Crowd(most=8)
    late, lost = organization("late", database="late"), organization("lost", database="lost")
    bay = crowd.gate.flow(late).bay
    crowd.gate.flow(lost)
    await crowd.come(late)
    await crowd.end()
    await crowd.come(late, 4)
    await crowd.look(late=4)
    now += 10.0
    await crowd.end(4)
    await crowd.look()
    assert (bay.held, bay.is_late) == (0, True), "they were given up"
    await crowd.come(late)
    now += 4.0
    await crowd.end()
    await crowd.look()
    assert not bay.is_late
    await crowd.end_all()


async def test_lines_that_stand_still_are_in_nobodys_way() -> None:
    crowd, fine = Crowd(most=8, patience=100.0), organization("fine", database="fine")
    late = [organization(f"late-{each}", database="late") for each in range(12)]
    crowd.gate.flow(late[0])
    crowd.gate.flow(fine)
    crowd.gate._room = 1
    for who in late:
        await crowd.come(who)
    await crowd.come(fine)
    flow = crowd.gate.flow(fine)
    assert (crowd.gate.waiting, crowd.gate.has_room(flow, Rank.INTERACTIVE)) == (3, False)
    await crowd.look(late=7)
    assert crowd.gate.waiting == 3, "its database holds all that it may"
    crowd.gate._room = 1
    assert crowd.gate.has_room(flow, Rank.INTERACTIVE)
    assert not crowd.gate.has_room(crowd.gate.flow(late[-1]), Rank.INTERACTIVE)
    crowd.gate._room = 8
    assert (crowd.gate._longest(flow), crowd.gate._longest(crowd.gate.flow(late[-1]))) == (8, 2)
    await crowd.end_all()


async def test_the_ideal_time_is_not_measured_while_what_hangs_fills_the_places_for_it() -> None:
    """28 that hang are more than the few that are let in then: nobody else would be."""
    crowd, fine = Crowd(most=INITIAL), organization("fine", database="fine")
    await crowd.come(organization("late", database="late"), 28)
    await crowd.come(fine, 5)
    for _ in range(WINDOW):
        await crowd.come(fine)
        crowd._under_way.append(crowd._under_way.pop(28))
        crowd._under_way.insert(0, crowd._under_way.pop())
        await crowd.end()
    assert crowd.gate.limit == LEAST
    await crowd.look(late=28)
    assert crowd.gate.limit == INITIAL
    assert crowd.gate.waiting == 0
    await crowd.end_all()


@example([("come", 5), ("come", 4), ("look", 7), ("end", 1), ("look", 0)])
@given(st.lists(st.tuples(st.sampled_from(["come", "end", "leave", "look"]), st.integers(0, 9)), max_size=60))
async def test_whatever_is_late_and_ends_every_place_is_counted_once(events: list[tuple[str, int]]) -> None:
    crowd = Crowd(most=8, patience=1000.0)
    tenants = [
        organization(f"t{each}", database=f"d{each % 2}", schema=f"s{each % 3 % 2}") for each in range(6)
    ]
    for event, which in events:
        if event == "come":
            await crowd.come(tenants[which % 6], 1 + which)
        elif event == "end":
            await crowd.end(1 + which)
        elif event == "leave" and crowd.tasks:
            crowd.tasks[-1 - which % len(crowd.tasks)].cancel()
        elif event == "look":
            await crowd.look(**{"d0.s0": which, "d1.s1": 9 - which})
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
    people = await crowd.come(one, 3, rank=Rank.INTERACTIVE)
    assert crowd.refused() == 2
    assert [task.done() for task in bulk] == [False, False, True, True]
    await crowd.end(3)
    assert not any(task.done() for task in people)
    assert crowd.gate.flow(one).waiting == 2
    await crowd.end_all()
    assert crowd.refused() == 2


async def test_what_can_wait_has_its_turns_however_many_people_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each rank the first finds room, and is not pushed out: nobody has a turn who is not in line then."""
    monkeypatch.setattr(clock, "monotonic", lambda: 100.0)
    crowd, one = Crowd(most=4, patience=1e-9), organization()
    came: dict[Rank, list[asyncio.Task[None]]] = {rank: [] for rank in Rank}
    for _ in range(64):
        for rank in (Rank.INTERACTIVE, Rank.PARTNER, Rank.BULK, Rank.INTERACTIVE):
            came[rank] += await crowd.come(one, 4, rank=rank)
        assert crowd.gate.waiting <= LEAST + 2
        await crowd.end()
    refused = {rank: sum(task.done() and bool(task.exception()) for task in came[rank]) for rank in Rank}
    await crowd.end_all()
    served = {rank: len(came[rank]) - refused[rank] for rank in Rank}
    assert served[Rank.PARTNER] == pytest.approx(64 * 3 / 16, abs=2)
    assert served[Rank.BULK] == pytest.approx(64 / 16, abs=2)


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


async def test_a_change_of_plan_is_noticed_of_who_is_always_in_line() -> None:
    gate, loop = Gate(most=1, patience=1.0), asyncio.get_running_loop()
    before = organization(plan="STARTER")
    flow, others = gate.flow(before), gate.flow(organization("others"))
    assert gate.enter(others)
    one, other = loop.create_future(), loop.create_future()
    gate.line_up(one, flow, Rank.INTERACTIVE, math.inf)
    gate.line_up(other, others, Rank.INTERACTIVE, math.inf)
    upgraded = gate.flow(organization(plan="GROWTH", id=before.id))
    assert upgraded is flow
    assert flow.weight == 5 * others.weight
    assert gate._line.rivals(flow.bay) == (2, 6 * others.weight)
    gate.withdraw(one)
    assert gate._line.rivals(flow.bay) == (1, others.weight)
    gate.withdraw(other)
    assert gate._line.rivals(flow.bay) == (0, 0.0)


async def test_a_change_of_plan_and_of_place_is_noticed() -> None:
    gate, before = Gate(most=4, patience=1.0), organization(plan="STARTER")
    light = gate.flow(before).weight
    upgraded = organization(plan="GROWTH", id=before.id)
    assert gate.flow(upgraded).weight == 5 * light
    assert gate.enter(gate.flow(upgraded))
    moved = organization(plan="GROWTH", id=before.id, schema="other")
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
    late = gate.flow(organization("late", schema="late")).bay
    late.is_late = True
    for number in range(100):
        gate.flow(organization(f"t{number}", schema=f"s{number}", database=f"d{number // 50}"))
    assert len(gate._flows) <= 10
    assert gate.flow(busy).held == 1
    assert len(gate._bays) <= 12
    assert {*gate._databases} == {"app", "d1"}
    assert {gate.flow(busy).bay, late} < {*gate._bays.values()}
