from typing import Any

import pytest

from harka.cache.pool_ledger import Ask
from harka.tenancy.local_pools import LocalPools

MAY = "2026-05-01"


def ask(pool: str = "flows", **changes: Any) -> Ask:
    whole = {"rate": 10.0, "capacity": 100.0, "window": "", "seed": 0.0, "most": 1.0}
    rest = dict.fromkeys(("held", "idle", "back", "debt", "need", "want"), 0.0)
    return Ask(pool=pool, **(whole | rest | changes))


def granted(pools: LocalPools, asked: Ask, *, now: float = 0.0, share: float = 1.0) -> float:
    (told,) = pools.draw([asked], now, share)
    return told.granted


def test_a_share_of_what_flows_is_granted_and_comes_back_with_time() -> None:
    pools = LocalPools({"flows": 20.0}, 0.0)
    assert granted(pools, ask(need=100.0), share=0.5) == 30.0, "half of it, less what was taken"
    assert granted(pools, ask(need=100.0), now=2.0, share=0.5) == 10.0
    assert granted(pools, ask(need=3.0, back=5.0), now=2.0, share=0.5) == 3.0
    assert pools.spent == {"flows": 38.0}


def test_what_is_held_is_counted_as_it_is_held() -> None:
    pools = LocalPools({}, 0.0)
    assert granted(pools, ask(rate=0.0, held=30.0, need=100.0), share=0.5) == 20.0
    assert granted(pools, ask(rate=0.0, held=80.0, need=1.0), share=0.5) == 0.0
    assert pools.spent == {}, "it is told as it is, then"
    whole = granted(pools, ask(rate=0.0, need=1.0, want=1.0, most=1.0), share=0.25)
    assert whole == 1.0, "of a quarter more nobody has any use"


def test_a_month_is_asked_for_and_another_begins_anew() -> None:
    month = {"rate": 0.0, "window": MAY}
    pools = LocalPools({}, 0.0)
    (told,) = pools.draw([ask(**month, need=5.0, seed=-1.0)], 0.0, 1.0)
    assert told.unknown
    assert granted(pools, ask(**month, need=50.0, seed=60.0)) == 40.0
    assert granted(pools, ask(**month, need=1.0, seed=-1.0)) == 0.0
    (told,) = pools.draw([ask(rate=0.0, window="2026-06-01", need=5.0, seed=-1.0)], 0.0, 1.0)
    assert told.unknown
    known = LocalPools({"flows": 45.0}, 0.0)
    assert granted(known, ask(**month, need=50.0, seed=-1.0), share=0.5) == 5.0, "as the ledger said last"


@pytest.mark.parametrize(("idle", "expected"), [(0.0, 2.0), (2.0, 0.0)])
def test_there_is_some_for_the_next_within_bounds(idle: float, expected: float) -> None:
    assert granted(LocalPools({}, 0.0), ask(want=9.0, most=4.0, idle=idle), share=0.5) == expected


def test_what_is_held_is_one_at_least() -> None:
    """Of one that is shared by three a part would let nobody in."""
    pools = LocalPools({}, 0.0)
    assert granted(pools, ask(rate=0.0, capacity=1.0, need=2.0), share=1 / 3) == 1.0
    assert granted(pools, ask(rate=0.0, capacity=1.0, held=1.0, need=1.0), share=1 / 3) == 0.0
    assert granted(pools, ask(rate=0.0, capacity=0.0, need=1.0), share=1 / 3) == 0.0


def test_of_what_is_held_whole_ones_are_for_the_next() -> None:
    assert granted(LocalPools({}, 0.0), ask(rate=0.0, want=9.0, most=7.0), share=0.5) == 3.0


def test_nothing_is_granted_that_nobody_there_can_use() -> None:
    pools = LocalPools({}, 0.0)
    assert granted(pools, ask(need=150.0, sizes=[(150.0, 1)])) == 0.0
    assert granted(pools, ask(need=160.0, sizes=[(10.0, 1), (150.0, 1)])) == 10.0
    assert granted(pools, ask(need=155.0, sizes=[(150.0, 1)])) == 5.0, "a debt is paid all the same"
    assert granted(pools, ask(need=150.0)) == 85.0, "and bit by bit"
    some = ask(idle=30.0, need=250.0, sizes=[(30.0, 1), (100.0, 1), (150.0, 1)])
    assert granted(LocalPools({}, 0.0), some) == 100.0, "what there is is the first one's"
