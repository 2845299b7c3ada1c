"""Who waits at a gate and is not let in: too long, too late, or gone."""

import asyncio
import math

import pytest

from harka import clock
from harka.errors import DeadlineExceededError, OverloadedError
from harka.tenancy.gate import Gate
from harka.tenancy.line import Rank
from tenancy.crowd import Crowd
from tenancy.samples import organization


async def test_who_waits_past_the_deadline_is_never_begun() -> None:
    crowd, one = Crowd(), organization()
    await crowd.come(one, 3)
    (late,) = await crowd.come(one, deadline=clock.monotonic() + 0.01)
    with pytest.raises(DeadlineExceededError):
        await late
    assert crowd.gate.waiting == 0
    await crowd.end_all()
    assert len(crowd.let_in) == 3


async def test_who_is_let_in_past_the_deadline_is_not_begun_either() -> None:
    """Where the loop was too busy for a timer to come before."""
    gate, one = Gate(most=4, patience=10.0), organization()
    flow, held = gate.flow(one), 0
    while gate.enter(flow):
        held += 1
    deadline = clock.monotonic() + 0.05
    late = asyncio.create_task(gate.wait(flow, Rank.INTERACTIVE, deadline))
    await asyncio.sleep(0)
    assert gate.waiting == 1
    while clock.monotonic() < deadline:
        pass
    gate.leave(flow, deadline)
    assert gate.waiting == 0
    with pytest.raises(DeadlineExceededError):
        await late
    assert gate.under_way == held - 1


async def test_nobody_waits_for_long_for_what_hangs() -> None:
    crowd, one = Crowd(patience=0.001), organization()
    await crowd.come(one, 3)
    (waits,) = await crowd.come(one)
    with pytest.raises(OverloadedError):
        await waits
    await crowd.end_all()


async def test_one_timer_ends_all_who_wait_each_in_time() -> None:
    """Also whoever comes while it runs, or when nobody has waited for a while."""
    crowd, one = Crowd(patience=10.0), organization()
    await crowd.come(one, 3)
    for _ in range(2):
        began = clock.monotonic()
        waiting = [(each, await crowd.come(one, deadline=began + each)) for each in (0.03, 0.06)]
        for seconds, (task,) in waiting:
            with pytest.raises(DeadlineExceededError):
                await asyncio.wait_for(task, 5.0)
            assert clock.monotonic() >= began + seconds
        # or an idle process would be woken again and again
        assert crowd.gate._ending is None
    await crowd.end_all()


async def test_who_comes_last_and_ends_first_is_not_late() -> None:
    crowd, one = Crowd(patience=10.0), organization()
    await crowd.come(one, 3)
    (patient,) = await crowd.come(one)
    (brief,) = await crowd.come(one, deadline=clock.monotonic() + 0.01)
    with pytest.raises(DeadlineExceededError):
        await asyncio.wait_for(brief, 5.0)
    assert not patient.done()
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


async def test_an_organization_of_which_nobody_waits_any_more_is_out_of_line() -> None:
    crowd, one = Crowd(), organization()
    await crowd.come(one, 3)
    (only,) = await crowd.come(one)
    line, bay = crowd.gate._line, crowd.gate.flow(one).bay
    assert line.rivals(bay)[0] == 1
    only.cancel()
    await asyncio.sleep(0)
    assert line.rivals(bay) == (0, 0.0)
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


@pytest.mark.parametrize(("seconds", "expected"), [(0.0, "ueueuuee"), (1.0, "ueueueue")])
async def test_a_place_that_was_given_back_was_held_for_as_long_as_it_was(
    monkeypatch: pytest.MonkeyPatch, seconds: float, expected: str
) -> None:
    monkeypatch.setattr(clock, "monotonic", lambda: 100.0)
    gate, loop = Gate(most=4, patience=100.0), asyncio.get_running_loop()
    unused, used, *others = [gate.flow(organization(name)) for name in ("unused", "used", "one", "other")]
    for flow in (others[0], others[0], others[0], others[1]):
        assert gate.enter(flow)
    gate._room = 16
    waiting = {name: [loop.create_future() for _ in range(4)] for name in ("unused", "used")}
    for name, flow in (("unused", unused), ("used", used)):
        flow.cost = 1.0
        for one in waiting[name]:
            gate.line_up(one, flow, Rank.INTERACTIVE, math.inf)
    gate.leave(others[1], 99.0)
    order = ""
    while len(order) < 8:
        (name,) = [name for name, ones in waiting.items() if ones and ones[0].done()]
        order += name[2] if name == "used" else name[0]
        waiting[name].pop(0)
        if name == "unused":
            gate.give_back(unused, 100.0 - seconds, was_in_line=True)
        else:
            used.cost = 1.0
            gate.leave(used, 99.0)
    assert order == expected
    assert (gate.under_way, gate.waiting) == (3, 0)


async def test_a_place_that_was_had_at_once_and_given_back_earns_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clock, "monotonic", lambda: 100.0)
    gate = Gate(most=4, patience=100.0)
    flow = gate.flow(organization())
    while gate.enter(flow):
        pass
    flow.cost = 1.0
    gate.line_up(asyncio.get_running_loop().create_future(), flow, Rank.INTERACTIVE, math.inf)
    gate._limit = 0
    gate.give_back(flow, 99.5, was_in_line=False)
    assert flow.debt == 0.5


async def test_who_was_told_or_gone_before_the_turn_had_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "monotonic", lambda: 100.0)
    gate, loop = Gate(most=4, patience=100.0), asyncio.get_running_loop()
    flow = gate.flow(organization())
    while gate.enter(flow):
        pass
    gate._room, flow.cost = 16, 1.0
    late, gone, next_, last = [loop.create_future() for _ in range(4)]
    for one, deadline in ((late, 100.0), (gone, 500.0), (next_, 500.0), (last, 500.0)):
        gate.line_up(one, flow, Rank.INTERACTIVE, deadline)
    gone.cancel()
    began = flow.clock
    gate.leave(flow, 99.0)
    assert (late.done(), next_.done(), last.done(), gate.waiting) == (True, True, False, 1)
    with pytest.raises(DeadlineExceededError):
        late.result()
    # two of three have not been let in
    assert flow.clock - began == pytest.approx(1.0 / flow.weight, rel=1e-5)


async def test_who_has_begun_finds_room_in_any_line_and_waits_until_the_deadline() -> None:
    crowd, one = Crowd(patience=0.01), organization()
    await crowd.come(one, 3)
    flow = crowd.gate.flow(one)
    brief = []
    while crowd.gate.has_room(flow, Rank.INTERACTIVE):
        brief += await crowd.come(one)
    begun = asyncio.create_task(crowd.gate.wait(flow, Rank.BULK, math.inf, begun=True))
    hurried = asyncio.create_task(crowd.gate.wait(flow, Rank.BULK, clock.monotonic() + 0.01, begun=True))
    await asyncio.sleep(0)
    # nobody who is new finds room by them, or in place of them
    with pytest.raises(OverloadedError):
        await crowd.gate.wait(flow, Rank.INTERACTIVE, math.inf)
    for each in brief:
        with pytest.raises(OverloadedError):
            await each
    with pytest.raises(DeadlineExceededError):
        await hurried
    assert (crowd.gate.waiting, begun.done()) == (1, False)
    await crowd.end()
    await begun
    crowd.gate.leave(flow, clock.monotonic())
    await crowd.end_all()


async def test_a_turn_is_waited_for_and_given_back() -> None:
    crowd, one = Crowd(patience=10.0), organization()
    await crowd.gate.take_turn(one, Rank.INTERACTIVE, math.inf)
    assert crowd.gate.under_way == 0
    await crowd.come(one, 3)
    turn = asyncio.create_task(crowd.gate.take_turn(one, Rank.INTERACTIVE, math.inf))
    await asyncio.sleep(0)
    assert (crowd.gate.waiting, turn.done()) == (1, False)
    await crowd.end()
    await turn
    assert (crowd.gate.under_way, crowd.gate.waiting) == (2, 0)
    # it says nothing of what requests take
    assert len(crowd.gate._concurrency._times) == 1
    await crowd.end_all()


@pytest.mark.parametrize("way", ["passing", "turn"])
async def test_what_waits_for_nothing_is_under_way_when_the_next_one_comes(way: str) -> None:
    gate, one, let_in = Gate(most=4, patience=10.0), organization(), list[int]()

    async def come() -> None:
        if way == "turn":
            await gate.take_turn(one, Rank.INTERACTIVE, math.inf)
        else:
            async with gate.passing(one, Rank.INTERACTIVE, math.inf):
                let_in.append(gate.under_way)

    tasks = [asyncio.create_task(come()) for _ in range(12)]
    await asyncio.sleep(0)
    # the first has been, three hold the places, four wait, and the others are refused
    assert (gate.under_way, gate.waiting) == (3, 4)
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each) for each in ended].count(OverloadedError) == 4
    assert (gate.under_way, gate.waiting) == (0, 0)
    assert gate._turn is None
    # who comes alone begins at once
    assert await asyncio.wait_for(come(), 1.0) is None
    assert max(let_in, default=3) == 3


async def test_a_place_is_held_from_when_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the loop does until then is part of what requests take: so they take longer the more there are."""
    now = 100.0
    monkeypatch.setattr(clock, "monotonic", lambda: now)
    gate = Gate(most=1, patience=100.0)
    flow = gate.flow(organization())
    assert gate.enter(flow)
    waits = asyncio.create_task(gate.wait(flow, Rank.INTERACTIVE, math.inf))
    await asyncio.sleep(0)
    now = 101.0
    gate.leave(flow, 100.0)
    now = 105.0
    assert await waits == 101.0
    gate.leave(flow, 101.0)
    assert flow.cost > 1.0


async def test_whoever_has_begun_comes_first_in_their_rank_and_in_nobodys_way_above() -> None:
    gate, loop = Gate(most=1, patience=10.0), asyncio.get_running_loop()
    flow, told = gate.flow(organization()), list[str]()
    assert gate.enter(flow)
    gate._room = 2
    ones = {name: loop.create_future() for name in ("new", "begun", "more", "person")}
    for name, rank in (("new", Rank.PARTNER), ("begun", Rank.PARTNER), ("more", Rank.PARTNER)):
        gate.line_up(ones[name], flow, rank, math.inf, begun=name != "new")
    with pytest.raises(OverloadedError):
        gate.line_up(loop.create_future(), flow, Rank.PARTNER, math.inf)
    # of their three only the one that is new counts for a person, who need push nobody out
    gate.line_up(ones["person"], flow, Rank.INTERACTIVE, math.inf)
    assert gate.waiting == flow.waiting == 4
    for _ in range(4):
        gate.leave(flow, clock.monotonic())
        told += [name for name, one in ones.items() if one.done() and name not in told]
    assert told == ["person", "begun", "more", "new"]
    assert (flow.begun, flow.waiting, gate.waiting) == (0, 0, 0)
    gate.leave(flow, clock.monotonic())


async def test_whoever_is_pushed_out_has_not_begun() -> None:
    gate, loop = Gate(most=1, patience=10.0), asyncio.get_running_loop()
    flow = gate.flow(organization())
    assert gate.enter(flow)
    gate._room = 2
    first, new, begun, *people = [loop.create_future() for _ in range(6)]
    gate.line_up(first, flow, Rank.BULK, math.inf)
    gate.line_up(new, flow, Rank.BULK, math.inf)
    gate.line_up(begun, flow, Rank.BULK, math.inf, begun=True)
    for one in people[:2]:
        gate.line_up(one, flow, Rank.INTERACTIVE, math.inf)
    with pytest.raises(OverloadedError):
        new.result()
    with pytest.raises(OverloadedError):
        gate.line_up(people[2], flow, Rank.INTERACTIVE, math.inf)
    gate.withdraw(begun)
    assert (first.done(), begun.done(), flow.begun, flow.waiting) == (False, False, 0, 3)


@pytest.mark.parametrize("ends", [False, True])
async def test_a_turn_costs_nothing_of_ones_share(monkeypatch: pytest.MonkeyPatch, *, ends: bool) -> None:
    """Also of the last of its organization in line, and where it comes when nobody waits for it any more."""
    monkeypatch.setattr(clock, "monotonic", lambda: 100.0)
    gate, loop = Gate(most=1, patience=10.0), asyncio.get_running_loop()
    flow = gate.flow(organization())
    assert gate.enter(flow)
    flow.cost, before, one = 1.0, flow.clock, loop.create_future()
    gate.line_up(one, flow, Rank.INTERACTIVE, 100.0 if ends else math.inf)
    gate.leave(flow, 99.0)
    assert one.done()
    if ends:
        with pytest.raises(DeadlineExceededError):
            one.result()
    else:
        assert flow.clock - before == pytest.approx(1.0 / flow.weight)
        gate.give_back(flow, 100.0, was_in_line=True)
    assert gate.under_way == 0
    assert flow.clock == pytest.approx(before, abs=1e-6)
    assert flow.left == pytest.approx(before, abs=1e-6)
