"""Who is next: shares by weight, nobody starved, ranks within an organization."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harka.tenancy.line import Bay, Flow, Line, Rank, Waiting
from harka.tenancy.plan import LIMITS, Plan
from tenancy.samples import organization

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


def served(line: Line, count: int) -> list[Flow]:
    """Whose turn it was, so many times."""
    found = [line.next(ANY, ANY) for _ in range(count)]
    return [each[0] for each in found if each is not None]


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
    assert [line.next(3, ANY), line.next(3, ANY)] != [None, None]
    assert line.next(3, ANY) is None
    assert other.waiting == 0
    greedy.held = 2
    found = line.next(3, ANY)
    assert found is not None
    assert found[0] is greedy


async def test_a_database_whose_organizations_hold_enough_is_passed_over() -> None:
    line, hung, fine = Line(), Bay(), Bay()
    stuck, others = [flow(bay=hung) for _ in range(3)], flow(bay=fine)
    hung.held = 6
    for each in (*stuck, others):
        wait(line, each)
    found = line.next(ANY, 6)
    assert found is not None
    assert found[0] is others
    assert line.next(ANY, 6) is None


async def test_people_come_first_and_nobody_waits_for_ever() -> None:
    line, one = Line(), flow()
    ranks = {rank: wait(line, one, 100, rank) for rank in Rank}
    turns: Counter[Rank] = Counter()
    for _ in range(64):
        found = line.next(ANY, ANY)
        assert found is not None
        turns[next(rank for rank, all_ in ranks.items() if found[1] in all_)] += 1
    assert turns == {Rank.INTERACTIVE: 48, Rank.PARTNER: 12, Rank.BULK: 4}


async def test_in_one_rank_who_came_first_is_first() -> None:
    line, one = Line(), flow()
    made = wait(line, one, 5)
    found = [line.next(ANY, ANY) for _ in range(5)]
    assert [each[1] for each in found if each] == made


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["join", "leave", "next"])), max_size=80))
async def test_whoever_joins_is_found_and_the_weight_is_of_those_in_line(
    events: list[tuple[int, str]],
) -> None:
    line, flows = Line(), [flow(plan) for plan in ("STARTER", "GROWTH", "ENTERPRISE", "GROWTH")]
    waiting: list[tuple[Flow, Waiting]] = []
    for which, event in events:
        mine = [pair for pair in waiting if pair[0] is flows[which]]
        if event == "join":
            waiting += [(flows[which], wait(line, flows[which])[0])]
        elif event == "leave" and mine:
            flows[which].leave(mine[0][1], Rank.INTERACTIVE)
            waiting.remove(mine[0])
        elif event == "next":
            found = line.next(ANY, ANY)
            assert (found is None) == (not waiting)
            if found is not None:
                waiting.remove(found)
        assert line.weight == sum(each.weight for each in flows if each.is_in_line)
    assert {pair[0] for pair in waiting} <= {each for each in flows if each.is_in_line}
    for _ in range(len(waiting)):
        found = line.next(ANY, ANY)
        assert found is not None
        waiting.remove(found)
    assert line.next(ANY, ANY) is None
    assert line.weight == 0
