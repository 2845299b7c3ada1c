"""Who is next: shares by weight, nobody starved, ranks within an organization."""

import asyncio
from collections import Counter, deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harka.tenancy.line import Bay, Flow, Line, Rank
from harka.tenancy.plan import LIMITS, Plan
from tenancy.samples import organization

Waiting = asyncio.Future[None]

ANY = 1_000_000


async def waiter() -> Waiting:
    return Waiting()


def flow(plan: str = "STARTER", bay: Bay | None = None, cost: float = 0.01) -> Flow:
    made = Flow(organization(plan=plan), bay or Bay())
    made.cost = cost
    return made


def wait(line: Line, who: Flow, count: int = 1, rank: Rank = Rank.INTERACTIVE) -> list[Waiting]:
    made = [Waiting() for _ in range(count)]
    for one in made:
        who.join(one, rank)
        line.enter(who)
    return made


def served(line: Line, count: int, most: int = ANY) -> list[Flow]:
    """Whose turn it was, so many times. `most`: places of a database."""
    found = [line.next(ANY, most, 0) for _ in range(count)]
    return [each[0] for each in found if each is not None]


def in_line(flows: list[Flow]) -> tuple[int, float]:
    mine = [each for each in flows if each.waiting]
    return len(mine), sum(each.weight for each in mine)


class Places:
    """Eight, of which an organization may hold seven; who is let in first ends first."""

    def __init__(self, line: Line, most_of_bay: int = 7) -> None:
        self._line = line
        self._most_of_bay = most_of_bay
        self._held = deque[Flow]()

    def turns(self, count: int) -> list[Flow]:
        """Whose turn it was."""
        taken: list[Flow] = []
        while len(taken) < count:
            if len(self._held) == 8:
                left = self._held.popleft()
                left.held -= 1
                left.bay.held -= 1
            before = self._line._clock
            found = self._line.next(7, self._most_of_bay, 0)
            assert found is not None
            assert self._line._clock >= before
            found[0].held += 1
            found[0].bay.held += 1
            self._held.append(found[0])
            taken.append(found[0])
        return taken

    def until(self, flow: Flow) -> None:
        """Its turn was the last."""
        while self.turns(1) != [flow]:
            pass


async def test_shares_are_as_the_plans_weights() -> None:
    line = Line()
    flows = {plan: flow(plan) for plan in Plan}
    for each in flows.values():
        wait(line, each, 500)
    turns = Counter(served(line, 520))
    for plan, each in flows.items():
        assert turns[each] == pytest.approx(LIMITS[plan].cpu_millicores / 2600 * 520, abs=1), plan


async def test_a_neighbour_with_a_thousand_waiting_costs_a_newcomer_one_turn() -> None:
    line, noisy, quiet = Line(), flow(), flow()
    wait(line, noisy, 1000)
    served(line, 100)
    wait(line, quiet)
    assert quiet in served(line, 2)


async def test_who_was_away_has_saved_up_nothing() -> None:
    line, early, late = Line(), flow(), flow()
    wait(line, early, 200)
    wait(line, late)
    served(line, 101)
    wait(line, late, 100)
    turns = Counter(served(line, 40))
    assert turns[late] == pytest.approx(20, abs=1)


@pytest.mark.parametrize("is_full", [True, False])
async def test_what_somebody_owed_is_forgotten_as_the_line_goes_on(
    is_full: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Also where their database was put forward meanwhile, for a neighbour."""
    line, bay = Line(), Bay()
    owing, neighbour, other = flow(bay=bay), flow(bay=bay), flow()
    wait(line, owing)
    owing.debt = 10.0
    assert served(line, 1) == [owing]
    wait(line, other, 3000)
    wait(line, neighbour)
    bay.held = 7 if is_full else 0
    served(line, 1200, most=7)
    if is_full:
        neighbour.waiting = 0
        line.leave(neighbour)
    bay.held = 0
    wait(line, owing)
    assert owing in served(line, 2)


async def test_who_takes_longer_gets_fewer_turns() -> None:
    line, slow, quick = Line(), flow(cost=0.04), flow(cost=0.01)
    wait(line, slow, 100)
    wait(line, quick, 100)
    assert Counter(served(line, 50))[slow] == pytest.approx(10, abs=1)


async def test_what_took_longer_than_expected_is_paid_for_afterwards() -> None:
    line, one, other = Line(), flow(), flow()
    wait(line, one, 20)
    wait(line, other, 20)
    assert served(line, 2) == [one, other]
    one.debt += 0.05
    turns = served(line, 7)
    assert turns[0] is one
    assert Counter(turns) == {one: 1, other: 6}


async def test_who_holds_enough_is_passed_over_and_keeps_the_turn() -> None:
    line, greedy, other = Line(), flow(), flow()
    wait(line, greedy, 2)
    wait(line, other, 2)
    greedy.held = 3
    assert [line.next(3, ANY, 0), line.next(3, ANY, 0)] != [None, None]
    assert line.next(3, ANY, 0) is None
    assert other.waiting == 0
    greedy.held = 2
    found = line.next(3, ANY, 0)
    assert found is not None
    assert found[0] is greedy


async def test_a_database_whose_organizations_hold_enough_is_passed_over() -> None:
    line, hung, fine = Line(), Bay(), Bay()
    stuck, others = [flow(bay=hung) for _ in range(3)], flow(bay=fine)
    hung.held = 6
    for each in (*stuck, others):
        wait(line, each)
    found = line.next(ANY, 6, 0)
    assert found is not None
    assert found[0] is others
    assert line.next(ANY, 6, 0) is None


async def test_where_a_shard_stood_in_line_is_forgotten() -> None:
    line, bay = Line(), Bay()
    first, second = flow(bay=bay), flow(bay=bay)
    wait(line, first, 2)
    served(line, 1)
    for _ in range(100):
        wait(line, second)
        second.waiting = 0
        line.leave(second)
    assert len(line._places) <= 4
    assert served(line, 2) == [first]


async def test_people_come_first_and_nobody_waits_for_ever() -> None:
    line, one = Line(), flow()
    ranks = {rank: wait(line, one, 100, rank) for rank in Rank}
    turns: Counter[Rank] = Counter()
    for _ in range(64):
        found = line.next(ANY, ANY, 0)
        assert found is not None
        turns[next(rank for rank, all_ in ranks.items() if found[1] in all_)] += 1
    assert turns == {Rank.INTERACTIVE: 48, Rank.PARTNER: 12, Rank.BULK: 4}


async def test_in_one_rank_who_came_first_is_first() -> None:
    line, one = Line(), flow()
    made = wait(line, one, 5)
    found = [line.next(ANY, ANY, 0) for _ in range(5)]
    assert [each[1] for each in found if each] == made


async def test_who_comes_to_a_database_that_holds_all_it_may_is_not_behind_its_neighbours() -> None:
    """The large one may hold fewer places than it bought; what is left goes to the small one elsewhere."""
    line, large, small = Line(), flow("ENTERPRISE"), flow("STARTER")
    places = Places(line)
    wait(line, large, 1000)
    wait(line, small, 1000)
    turns = Counter(places.turns(400))
    assert turns[large] == pytest.approx(350, abs=20)
    places.until(small)
    newcomer = flow("STARTER", bay=large.bay)
    wait(line, newcomer, 51)
    assert newcomer in places.turns(3)
    turns = Counter(places.turns(300))
    assert turns[newcomer] == pytest.approx(turns[large] / 20, abs=3)
    assert turns[newcomer] + turns[large] == pytest.approx(262, abs=20)
    for each in (large, newcomer):
        each.waiting = 0
        line.leave(each)
    last = flow("STARTER", bay=large.bay)
    wait(line, last)
    assert last in places.turns(2), "nor where nobody waits any more"


@pytest.mark.parametrize("is_together", [True, False])
async def test_who_holds_all_it_may_has_saved_up_nothing(
    is_together: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Beside two large ones a small one gets a fortieth, whether they share a database or not."""
    line, bay = Line(), Bay() if is_together else None
    first, second, small = flow("ENTERPRISE", bay), flow("ENTERPRISE", bay), flow("STARTER", bay)
    places = Places(line, most_of_bay=8 if is_together else 7)
    for each in (first, small):
        wait(line, each, 3000)
    places.turns(2000)
    places.until(small)
    wait(line, second, 1000)
    turns = Counter(places.turns(400))
    assert turns[second] == pytest.approx(turns[first], abs=25)
    assert turns[small] == pytest.approx(10, abs=2)


async def test_beside_a_database_that_hangs_nobody_keeps_others_of_another_one_out() -> None:
    line, hung, fine = Line(), Bay(), Bay()
    for _ in range(5):
        wait(line, flow(bay=hung), 10)
    hung.held = 7
    there = [flow(bay=fine) for _ in range(3)]
    for each in there:
        wait(line, each, 300)
    served(line, 30, most=7)
    newcomer = flow(bay=fine)
    wait(line, newcomer, 300)
    assert Counter(served(line, 40, most=7)) == dict.fromkeys([*there, newcomer], 10)


@pytest.mark.parametrize("is_together", [True, False])
async def test_a_turn_that_takes_long_is_not_saved_up_for_many_that_do_not(
    is_together: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Slow ones take the places that a quick one may not hold: it is behind them by seconds of its own."""
    line, bay = Line(), Bay() if is_together else None
    first, *others = [flow("ENTERPRISE", bay) for _ in range(3)]
    slow = [flow("STARTER", bay, cost=0.8) for _ in range(4)]
    wait(line, first, 500)
    for each in slow:
        wait(line, each, 10)
    first.held = first.bay.held = 7
    assert {found[0] for _ in range(8) if (found := line.next(7, 7 if bay is None else ANY, 0))} == {*slow}
    first.held = first.bay.held = 0
    for number, newcomer in enumerate(others, 1):
        wait(line, newcomer, 500)
        turns = Counter(served(line, 100))
        assert turns[newcomer] == pytest.approx(100 / (number + 1), abs=8)


@given(
    st.lists(st.tuples(st.sampled_from(Plan), st.sampled_from([0.01, 0.02, 0.2])), min_size=1, max_size=6),
    st.lists(st.integers(0, 7), max_size=120),
)
async def test_where_they_live_is_no_matter_while_no_database_holds_too_much(
    kinds: list[tuple[Plan, float]], events: list[int]
) -> None:
    """After some joined each event is that one more does, (6) one is let in, or (7) all of one leave."""

    def order(bays: list[Bay]) -> list[int]:
        line = Line()
        flows = [flow(plan, bay, cost) for (plan, cost), bay in zip(kinds, bays, strict=True)]
        found = []
        for event in [*range(len(flows))] * 5 + [6] * 10 + events:
            if event < len(flows):
                wait(line, flows[event])
            elif event == 7:
                for one in [each for each in flows if each.waiting][1:2]:
                    one.waiting = 0
                    line.leave(one)
            else:
                found += served(line, 1)
        return [flows.index(each) for each in found]

    together, apart = Bay(), [Bay() for _ in kinds]
    assert order([together] * len(kinds)) == order(apart)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["join", "leave", "next", "late"])), max_size=80)
)
async def test_whoever_joins_is_found_and_the_weight_is_of_those_in_line(
    events: list[tuple[int, str]],
) -> None:
    line, bay = Line(), Bay()
    flows = [flow("STARTER"), flow("GROWTH", bay), flow("ENTERPRISE", bay), flow("GROWTH")]
    waiting: list[tuple[Flow, Waiting]] = []
    for which, event in events:
        mine = [pair for pair in waiting if pair[0] is flows[which]]
        if event == "join":
            waiting += [(flows[which], wait(line, flows[which])[0])]
        elif event == "leave" and mine:
            flows[which].leave(mine[0][1], Rank.INTERACTIVE)
            if not flows[which].waiting:
                line.leave(flows[which])
            waiting.remove(mine[0])
        elif event == "next":
            found = line.next(ANY, ANY, ANY)
            assert (found is None) == (not waiting)
            if found is not None:
                waiting.remove(found)
        elif event == "late":
            flows[which].bay.is_late = not flows[which].bay.is_late
            line.look()
        assert line.rivals(Bay()) == in_line([each for each in flows if not each.bay.is_late])
        assert line.rivals(bay) == in_line(
            [each for each in flows if each.bay is bay or not each.bay.is_late]
        )
        assert {*line._bays} == {each.bay for each in flows if each.waiting}
    assert {pair[0] for pair in waiting} <= {each for each in flows if each.is_in_line}
    for _ in range(len(waiting)):
        found = line.next(ANY, ANY, ANY)
        assert found is not None
        waiting.remove(found)
    assert line.next(ANY, ANY, ANY) is None
    assert line.rivals(Bay()) == in_line(flows) == (0, 0)
