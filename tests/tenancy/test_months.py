"""What the ledger holds of a month is what was used of it, whatever happened meanwhile."""

import asyncio
import random
from contextlib import suppress
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from harka import clock
from harka.cache.pool_ledger import LEASE
from harka.errors import QuotaExceededError
from harka.repositories.organization import Organization
from harka.tenancy import quota
from harka.tenancy.month import next_month
from harka.tenancy.pools import BANDWIDTH
from harka.tenancy.quota import Admission
from own_valkey import OwnValkey
from tenancy.months import (
    TURN,
    Months,
    be_brisk,
    begin_turn,
    heard,
    lose_next_answer,
    passed,
    restarted,
    settled,
    turned,
)
from tenancy.quotas import Join, admit, admitted, at_work, granted, leave
from waiting import until

RUNS = 6
"""Of the random ones; a few hundred were tried once."""
STEPS = 14


async def require_exact(months: Months, *admissions: Admission) -> None:
    for each in admissions:
        await settled(each, months.who)
    assert await months.counted() == months.used[months.month]


async def test_what_is_used_around_a_valkey_that_lost_everything_is_counted_once(
    own_valkey: OwnValkey, join: Join
) -> None:
    months = Months(own_valkey.url)
    one, another = (join(own_valkey.url, processes=2, seed=months.seed) for _ in range(2))
    await months.download(one, 1_000)
    await months.download(another, 1_000)
    await months.download(another, 50_000)
    await months.begin(another, 3_000)
    await asyncio.to_thread(own_valkey.stop)
    await months.download(one, 20_000)
    await months.download(another, 20_000)
    await asyncio.to_thread(own_valkey.start)
    for each in (one, another):
        await heard(each, months.who)
    await months.download(one, 10)
    await months.download(another, 20)
    months.end(left=500)
    await require_exact(months, one, another)


async def test_who_first_asks_in_an_outage_is_counted_too(own_valkey: OwnValkey, join: Join) -> None:
    months = Months(own_valkey.url)
    one, another = (join(own_valkey.url, processes=2, seed=months.seed) for _ in range(2))
    await months.download(one, 1_000)
    own_valkey.freeze()
    await months.download(another, 20_000)
    own_valkey.thaw()
    await require_exact(months, one, another)


@pytest.mark.parametrize("how", ["turn", "loss"])
async def test_who_is_away_once_another_began_anew_is_counted(
    own_valkey: OwnValkey, join: Join, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    months = Months(own_valkey.url)
    one, another = (join(own_valkey.url, processes=2, seed=months.seed) for _ in range(2))
    begin_turn(monkeypatch, 60.0)
    await months.download(one, 1_000)
    await months.download(another, 2_000)
    if how == "turn":
        begin_turn(monkeypatch, 0.0)
    else:
        for each in (one, another):
            await settled(each, months.who)
        await restarted(own_valkey)
    await months.download(one, 300)
    await heard(one, months.who)
    own_valkey.freeze()
    await months.download(another, 20_000)
    own_valkey.thaw()
    await require_exact(months, one, another)


async def test_what_goes_back_in_an_outage_goes_back_when_it_is_over(
    own_valkey: OwnValkey, join: Join
) -> None:
    months = Months(own_valkey.url)
    one = join(own_valkey.url, processes=2, seed=months.seed)
    await months.download(one, 900)
    await heard(one, months.who)
    allowance, ledger = one.allowance(months.who), one._ledger
    assert ledger is not None
    allowance.last_use -= 10.0
    assert allowance.leases[BANDWIDTH].tokens
    own_valkey.freeze()
    assert not await allowance.tell(ledger, months.seed)
    assert not allowance.leases[BANDWIDTH].tokens
    own_valkey.thaw()
    await require_exact(months, one)


async def test_of_what_has_no_limit_any_more_nothing_is_owed(own_valkey: OwnValkey, join: Join) -> None:
    months = Months(own_valkey.url)
    one = join(own_valkey.url, processes=2, seed=months.seed)
    await months.download(one, 900)
    allowance, ledger = one.allowance(months.who), one._ledger
    assert ledger is not None
    assert allowance.owes
    allowance.change(granted(bandwidth_bytes=None))
    assert await allowance.tell(ledger, months.seed)


async def test_of_who_only_has_to_tell_nobody_asks_the_catalog(own_valkey: OwnValkey, join: Join) -> None:
    months = Months(own_valkey.url)
    one = join(own_valkey.url, processes=2, seed=months.seed)
    await months.download(one, 900)
    await restarted(own_valkey)
    before = months.asked
    await settled(one, months.who)
    assert months.asked == before
    await months.download(one, 5)
    await require_exact(months, one)


@pytest.mark.parametrize("lost", [False, True], ids=["forgets at the turn", "is away at the turn"])
async def test_nothing_of_a_month_is_counted_to_the_next(
    own_valkey: OwnValkey, join: Join, monkeypatch: pytest.MonkeyPatch, *, lost: bool
) -> None:
    months = Months(own_valkey.url)
    one, another = (join(own_valkey.url, processes=2, seed=months.seed) for _ in range(2))
    begin_turn(monkeypatch, 60.0)
    for each in (one, another):
        await months.download(each, 7)
    begin_turn(monkeypatch, 1.5)
    for each in (one, another):
        await months.download(each, 100)
    if lost:
        own_valkey.freeze()
    await months.download(one, 9_000)
    await months.download(another, 5_000)
    allowance = one.allowance(months.who)
    assert months.month == "2026-11-01"
    await turned()
    if lost:
        await months.download(another, 1)
        own_valkey.thaw()
    assert not allowance.leases[BANDWIDTH].take(clock.monotonic(), 1.0), "of a month that is over"
    await months.download(another, 1)
    await require_exact(months, another, one)
    assert months.used["2026-12-01"] == 1 + lost


async def test_what_is_kept_over_the_turn_is_counted(
    own_valkey: OwnValkey, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock that is set on: what is idle, and what is under way."""
    months = Months(own_valkey.url)
    one, another = (join(own_valkey.url, processes=2, seed=months.seed) for _ in range(2))
    begin_turn(monkeypatch, 60.0)
    await months.download(one, 900)
    await months.begin(one, 400)
    assert one.allowance(months.who).leases[BANDWIDTH].tokens
    begin_turn(monkeypatch, 0.0)
    await months.download(another, 1)
    await heard(one, months.who)
    await months.download(one, 5)
    months.end(left=150)
    await require_exact(months, one, another)
    assert months.used[months.month] == 1 + 5 + 250


async def test_requests_of_a_month_are_none_of_the_next(
    own_valkey: OwnValkey, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme = granted(requests_per_month=100, burst=10**6, concurrent_requests=10**6, grace=0.0)
    admissions = [join(own_valkey.url) for _ in range(4)]
    begin_turn(monkeypatch, 1.0)
    for each in admissions:
        leave(await admit(each, acme))
        while (allowance := each.enter(acme)) is not None:
            leave(allowance)
    await turned()
    leave(await admit(admissions[0], acme))
    for each in admissions:
        await settled(each, acme)
    assert await admitted(join(own_valkey.url), acme, 200) == 99


@pytest.mark.parametrize("under_way", [True, False])
async def test_a_drawing_whose_answer_is_lost_is_counted_once(
    own_valkey: OwnValkey, join: Join, *, under_way: bool
) -> None:
    months = Months(own_valkey.url)
    one, another = (join(own_valkey.url, processes=2, seed=months.seed) for _ in range(2))
    await months.download(one, 50)
    await months.download(another, 1)
    lose_next_answer(one)
    if under_way:
        await months.begin(one, 30_000)
        await heard(one, months.who)
        assert await months.counted() >= 30_051
        months.end(left=29_900)
    else:
        await one.allowance(months.who).tell(one._ledger, months.seed)  # type: ignore[arg-type]  # it is there
    await require_exact(months, one, another)


@pytest.mark.parametrize("lost_at", range(4))
async def test_whichever_answer_is_lost_a_process_that_was_silent_is_counted_once(
    own_valkey: OwnValkey, join: Join, lost_at: int
) -> None:
    months = Months(own_valkey.url)
    one, another = (join(own_valkey.url, processes=2, seed=months.seed, lease=0.05) for _ in range(2))
    for number in range(4):
        if number == lost_at:
            lose_next_answer(one)
        await months.download(one, 20_000, left=number)
    over = clock.monotonic() + 0.06

    async def is_over() -> bool:
        return clock.monotonic() > over

    await until(is_over)
    await months.download(another, 1)
    await require_exact(months, one, another)


async def test_who_stops_has_told_all_that_was_used(own_valkey: OwnValkey, join: Join) -> None:
    months = Months(own_valkey.url)
    one = join(own_valkey.url, processes=1, lease=0.3, seed=months.seed)
    await months.download(one, 7)
    await months.begin(one, 300_000)
    await heard(one, months.who)
    months.end(left=100_000)
    await one.stop()
    # with its lease goes back what a process that died kept
    await passed(0.3)
    assert await months.counted() == months.used[months.month] == 200_007


async def test_who_is_quiet_in_an_outage_is_not_looked_at(
    own_valkey: OwnValkey, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the ledger hears of them once it is back: of each, one after the other."""
    be_brisk(monkeypatch)
    monkeypatch.setattr(quota, "_refill", lambda _allowance: 0.0)
    limits = {"requests_per_month": 1000, "burst": 10**6, "concurrent_requests": 10**6, "grace": 0.0}
    many = [granted(**limits) for _ in range(60)]
    # of rates alone nothing is left to be told after a while
    monthless = granted(requests_per_month=None, bandwidth_bytes=None)
    one, drawn = join(own_valkey.url, processes=2), 0
    ledger = one._ledger
    assert ledger is not None
    draw = ledger.draw

    async def counted(*arguments: Any, more: bool) -> Any:
        nonlocal drawn
        drawn += 1
        return await draw(*arguments, more=more)

    ledger.draw = counted  # type: ignore[method-assign]  # counted, and as it is
    async with at_work(one):
        for each in many:
            # so that the month is known
            await admitted(one, each, 1)
        own_valkey.freeze()
        for each in (*many, monthless):
            assert await admitted(one, each, 50) == 50

        async def are_quiet() -> bool:
            return not one._drawn

        await until(are_quiet)
        assert len(one._owing) >= len(many) - 1, "one is being told"
        before, began = drawn, clock.monotonic()

        async def are_some_tried() -> bool:
            return drawn >= before + 10

        await until(are_some_tried)
        assert drawn - before <= (clock.monotonic() - began) / quota.PERIOD + 1, "one at a look"

        async def is_forgotten() -> bool:
            return monthless.id not in one._allowances

        await until(is_forgotten)
        assert {each.id for each in many} == one._allowances.keys()
        own_valkey.thaw()

        async def are_told() -> bool:
            return not one._owing

        await until(are_told)
    for each in many[::20]:
        assert await admitted(join(own_valkey.url), each, 1200) == 949


async def disturbed(seed: int, valkey: OwnValkey, join: Join, patch: pytest.MonkeyPatch) -> None:
    """Random steps; in the end the ledger holds what was used."""
    chance, months = random.Random(seed), Months(valkey.url)  # noqa: S311 - a test
    begin_turn(patch, chance.choice([0.2, 0.4, 3600.0, 3600.0]))
    lease = chance.choice([0.1, LEASE])
    both = [join(valkey.url, processes=2, seed=months.seed, lease=lease) for _ in range(2)]
    async with at_work(both[0]), at_work(both[1]):
        for _ in range(STEPS):
            month = months.month
            await _step(chance, months, both, valkey)
            if months.month != month:
                for each in both:
                    await heard(each, months.who)
        while months.lasting:
            months.end(chance.choice([0, 3]))
        if timedelta(0) < TURN - clock.now() < timedelta(seconds=10):
            await turned()
        await require_exact(months, *both)


async def _step(chance: random.Random, months: Months, both: list[Admission], valkey: OwnValkey) -> None:
    which, size = chance.choice(both), chance.choice([1, 10, 500, 12_000])
    match chance.choice(["use"] * 6 + ["begin"] * 3 + ["end"] * 3 + ["wait", "lose", "away", "kill", "turn"]):
        case "use":
            await months.download(which, size, left=chance.choice([0, 0, size // 2]))
        case "begin":
            await months.begin(which, size)
        case "end":
            months.end(chance.choice([0, 100]))
        case "wait":
            # longer than the shorter lease
            await passed(0.15)
        case "lose":
            lose_next_answer(which)
        case "turn":
            # a download over the turn is of the month that it began in, or of the other
            while months.lasting:
                months.end()
            if months.month == "2026-11-01" and clock.now().minute == 59:
                await turned()
        case "away" | "kill" as how:
            await _outage(chance, months, both, valkey, lost=how == "kill")


async def _outage(
    chance: random.Random, months: Months, both: list[Admission], valkey: OwnValkey, *, lost: bool
) -> None:
    if lost:
        await asyncio.to_thread(valkey.stop)
    else:
        valkey.freeze()
    try:
        for _ in range(chance.randrange(4)):
            await months.download(chance.choice(both), chance.choice([1, 300, 9_000]))
        months.end(chance.choice([0, 50]))
    finally:
        await asyncio.to_thread(valkey.start) if lost else valkey.thaw()
    # what is used between the seeding of a month and a process's first drawing of it is in neither
    for each in both:
        await heard(each, months.who)


@pytest.mark.parametrize("seed", range(RUNS))
async def test_whatever_happens_the_ledger_holds_what_was_used(
    own_valkey: OwnValkey, join: Join, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    be_brisk(monkeypatch)
    await disturbed(seed, own_valkey, join, monkeypatch)


@pytest.mark.parametrize("alone", [False, True])
async def test_what_was_used_while_there_was_no_limit_is_not_forgotten_when_there_is_one_again(
    join: Join, *, alone: bool
) -> None:
    used = 0

    async def seed(*_: Any) -> float:
        return float(used)

    async def passing(admission: Admission, who: Organization, most: int) -> int:
        nonlocal used
        before = used
        with suppress(QuotaExceededError):
            for _ in range(most):
                leave(await admit(admission, who))
                used += 1
        return used - before

    others = {"requests_per_second": 1e6, "burst": 10**6, "cpu_millicores": 10**6, "grace": 0.0}
    acme = granted(requests_per_month=1000, **others)
    free = msgspec.structs.replace(acme, granted=granted(requests_per_month=None, **others).granted)
    one = Admission(seed=seed) if alone else join(seed=seed)
    another = one if alone else join(seed=seed)
    assert await passing(one, acme, 100) == 100
    assert await passing(another, acme, 100) == 100
    assert await passing(one, free, 5000) == 5000
    assert [await passing(each, acme, 5000) for each in (one, another)] == [0, 0]
    months_end = next_month(clock.now(), acme.timezone)
    with pytest.raises(QuotaExceededError) as refused:
        await admit(another, acme)
    assert (refused.value.limit, refused.value.resets_at) == (1000, months_end)
