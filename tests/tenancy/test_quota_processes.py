"""What several processes make of one organization's limits, and what of them when something is away."""

import asyncio
from typing import Any

import msgspec
import pytest

from harka import clock
from harka.cache import pool_ledger
from harka.errors import QuotaExceededError, RateLimitedError, UnavailableError
from harka.repositories.organization import Granted, Organization
from harka.tenancy import allowance as allowances
from harka.tenancy import quota
from harka.tenancy.allowance import Allowance
from harka.tenancy.plan import Resource
from harka.tenancy.pools import CPU
from harka.tenancy.quota import Admission
from own_valkey import OwnValkey
from tenancy.quotas import Join, admit, admitted, at_work, charge, granted, leave
from waiting import until

MANY = 10**6
CROWD = {"concurrent_requests": 100, "burst": MANY, "cpu_millicores": MANY}


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is busy is not a Valkey that is away."""
    monkeypatch.setattr(pool_ledger, "TIMEOUT", 5.0)
    monkeypatch.setattr(pool_ledger, "_LATEST", 5.0)


async def test_what_lies_idle_in_one_process_is_there_for_another_at_once(
    join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(allowances, "_RECALL", 5.0)
    one, another, acme = join(), join(), granted(**CROWD)
    async with at_work(one), at_work(another):
        inside = [await admit(one, acme) for _ in range(80)]
        for each in inside:
            leave(each)
        assert await admitted(another, acme, 100, stay=True) == 100


async def test_nobody_below_the_limit_is_refused_wherever_they_ask(
    join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixty at once where a hundred may be, each time in another process."""
    monkeypatch.setattr(allowances, "_RECALL", 5.0)
    processes, acme = [join() for _ in range(4)], granted(**CROWD)
    async with at_work(processes[0]), at_work(processes[1]), at_work(processes[2]), at_work(processes[3]):
        for turn in range(20):
            process = processes[turn % 4]
            inside = await asyncio.gather(*(admit(process, acme) for _ in range(60)))
            for each in inside:
                leave(each)
    assert not any(each.refused for each in processes)


async def test_sockets_that_were_closed_are_there_for_another_process(
    join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(allowances, "_RECALL", 5.0)
    one, another, acme = join(), join(), granted(sockets=40)
    async with at_work(one), at_work(another):
        opened = [await one.open_socket(acme) for _ in range(40)]
        for each in opened:
            one.close_socket(each)
        for _ in range(40):
            await another.open_socket(acme)


async def test_of_a_process_that_does_not_answer_nobody_waits_for_long(join: Join) -> None:
    """What it holds idle cannot be had: one is told so after a moment, and the next at once."""
    silent, another, acme = join(), join(), granted(**CROWD)
    for each in [await admit(silent, acme) for _ in range(80)]:
        leave(each)
    assert await admitted(another, acme, 100, stay=True) < 100
    ledger = another._ledger
    assert ledger is not None
    draw, drawn = ledger.draw, 0

    async def counted(*arguments: Any, more: bool) -> Any:
        nonlocal drawn
        drawn += 1
        return await draw(*arguments, more=more)

    ledger.draw = counted  # type: ignore[method-assign]  # counted, and as it is
    assert await admitted(another, acme, 50) == 0
    assert drawn <= 2


async def test_a_drawing_of_something_else_is_no_reason_to_ask_again(join: Join) -> None:
    silent, another, acme = join(), join(), granted(**CROWD, points=MANY)
    for each in [await admit(silent, acme) for _ in range(80)]:
        leave(each)
    pubsub, asked = another._pubsub, 0
    assert pubsub is not None
    publish = pubsub.publish

    async def counted(*arguments: Any) -> bool:
        nonlocal asked
        asked += 1
        return await publish(*arguments)

    pubsub.publish = counted  # type: ignore[method-assign]  # counted, and as it is
    allowance = another.allowance(acme)
    for _ in range(5):
        assert await admitted(another, acme, 100, stay=True) < 100
        await charge(another, acme, 50_000.0)
        allowance._shut = [0.0] * len(allowance._shut)
    assert asked == 1


async def test_what_was_given_back_while_it_is_scarce_is_not_kept(join: Join) -> None:
    one, another, acme = join(), join(), granted(**CROWD)
    async with at_work(one):
        inside = [await admit(one, acme) for _ in range(80)]
        assert await admitted(another, acme, 30, stay=True) == 20
        for each in inside[:15]:
            leave(each)
        allowance = one._allowances[acme.id]

        async def is_given_back() -> bool:
            return allowance.running.tokens == 0.0

        # no more than is usual to keep, but somebody lacks it
        await until(is_given_back, within=0.9)
        assert await admitted(another, acme, 15, stay=True) == 15


async def test_who_is_alone_asks_nobody(join: Join) -> None:
    alone, acme = join(), granted(**CROWD)
    assert await admitted(alone, acme, 150, stay=True) == 100
    assert alone._allowances[acme.id]._recalls is None


async def test_the_figures_are_those_of_all_processes(join: Join) -> None:
    one, another, acme = join(), join(), granted(sockets=20, memory_bytes=10 * MANY, points=MANY)
    for _ in range(2):
        await one.open_socket(acme)
    await charge(one, acme, 5000.0)
    told = {each.resource: each.used for each in await another.levels(acme)}
    assert told[Resource.SOCKETS] == 2
    assert told[Resource.MEMORY] == pytest.approx(5000 * 1024, rel=0.01)
    assert told[Resource.POINTS_PER_SECOND] == pytest.approx(5000.0, rel=0.01)


async def is_renewed(allowance: Allowance) -> None:
    """Beyond the end of the lease under which it was drawn."""
    drawn_at = allowance._drawn_at

    async def is_later() -> bool:
        return allowance._drawn_at > drawn_at + 1.0

    await until(is_later)


async def test_a_download_of_a_process_that_is_gone_goes_back(join: Join) -> None:
    acme = granted(bandwidth_bytes=1000, grace=0.0)
    gone, there = join(lease=0.3), join()
    async with at_work(gone):
        await is_renewed(await gone.begin_download(acme, 900))

    async def is_back() -> bool:
        try:
            allowance = await there.begin_download(acme, 500)
        except QuotaExceededError:
            return False
        there.end_download(allowance, 500, 0)
        return True

    await until(is_back)
    with pytest.raises(QuotaExceededError):
        await there.begin_download(acme, 501)


async def test_a_download_that_lasts_keeps_what_it_took(join: Join, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (quota, allowances):
        monkeypatch.setattr(module, "IDLE", 0.0)
    acme = granted(bandwidth_bytes=1000, grace=0.0)
    one, another = join(lease=0.3), join()
    async with at_work(one):
        allowance = await one.begin_download(acme, 900)
        await is_renewed(allowance)
        with pytest.raises(QuotaExceededError):
            await another.begin_download(acme, 101)
        one.end_download(allowance, 900, 400)

        async def is_back() -> bool:
            try:
                await another.begin_download(acme, 450)
            except QuotaExceededError:
                return False
            return True

        await until(is_back)


@pytest.mark.parametrize("how", ["fails", "hangs"])
async def test_a_month_that_nobody_knows_shuts_nobody_out(join: Join, how: str) -> None:
    asked = 0

    async def away(_organization: Organization, _resource: Resource) -> float:
        nonlocal asked
        asked += 1
        if how == "hangs":
            await asyncio.Event().wait()
        raise UnavailableError

    admission, acme = join(seed=away), granted(requests_per_month=100, burst=MANY)
    assert await admitted(admission, acme, 50) == 50
    assert await admitted(admission, acme, 500) == 500
    assert asked == 1, "nobody waits for it again so soon"
    assert not admission.refused


async def test_what_goes_wrong_in_a_drawing_is_told_at_once(join: Join) -> None:
    asked = 0

    async def broken(_organization: Organization, _resource: Resource) -> float:
        nonlocal asked
        asked += 1
        raise ZeroDivisionError

    admission, acme = join(seed=broken), granted(requests_per_month=100)
    with pytest.raises(UnavailableError):
        await admit(admission, acme)
    assert asked == 1


@pytest.mark.parametrize(
    "limits",
    [
        {"points": 100, "points_per_second": 20.0},
        {"cpu_millicores": 100},
        {"concurrent_requests": 100},
        {"burst": 100, "requests_per_second": 5.0},
    ],
    ids=["points", "processor", "under way", "requests"],
)
async def test_on_trial_as_many_are_counted_as_would_be_refused(
    limits: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    much = dict.fromkeys(("points", "burst", "concurrent_requests", "cpu_millicores"), MANY)

    async def refused(*, shadow: bool) -> int:
        """Of those who ask ten times a second, for 80 points and 0.3 s of a processor, and cost 10 points."""
        now = 1000.0
        monkeypatch.setattr(clock, "monotonic", lambda: now)
        admission, acme = Admission(), granted(shadow=shadow, **(much | limits))
        for turn in range(400):
            now += 0.1
            try:
                allowance = await admit(admission, acme)
                paid = await charge(admission, acme, 80.0)
                admission.settle(paid, 80.0, 10.0, 0.3)
            except RateLimitedError:
                continue
            if turn % 2:
                leave(allowance)
        return admission.refused.total()

    enforced = await refused(shadow=False)
    assert enforced > 100
    # of processor time less than a toll may be left, of which nobody knows any more who asked for it
    assert abs(await refused(shadow=True) - enforced) <= ("cpu_millicores" in limits)


async def test_on_trial_nothing_is_given_back_that_was_not_taken() -> None:
    """Of the processor, by requests that pass for want of something else."""
    admission = Admission()
    acme = granted(shadow=True, burst=1, cpu_millicores=1)
    await admit(admission, acme)
    allowance = admission.allowance(acme)
    before = allowance.leases[CPU].tokens
    for _ in range(50):
        await admit(admission, acme)
        admission.settle(allowance, 0.0, 0.0, 0.0)
    assert admission.refused[Resource.REQUESTS_PER_SECOND, True] == 50
    assert allowance.leases[CPU].tokens <= before


async def test_who_asks_for_more_than_there_is_keeps_nobody_from_the_rest(join: Join) -> None:
    acme = granted(points=1000, bandwidth_bytes=1000, grace=0.0)
    one, another = join(), join()
    await charge(one, acme, 600.0)
    await one.begin_download(acme, 600)
    for each in (one, another):
        with pytest.raises(RateLimitedError):
            await charge(each, acme, 500.0)
        with pytest.raises(QuotaExceededError):
            await each.begin_download(acme, 500)
    await charge(another, acme, 200.0)
    await charge(one, acme, 190.0)
    await another.begin_download(acme, 200)
    await one.begin_download(acme, 190)


async def test_who_waits_keeps_nobody_from_what_is_too_little_for_them(
    join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two who waited like that each kept what the other lacked, until both were refused."""
    monkeypatch.setattr(allowances, "_RECALL", 1.0)
    acme = granted(points=MANY, memory_bytes=1000 * 1024)
    silent, one, another = join(), join(), join()
    silent.settle(await charge(silent, acme, 400.0), 400.0, 400.0, 0.0)
    async with at_work(one), at_work(another):
        waiting = asyncio.create_task(charge(one, acme, 700.0))

        async def is_recalling() -> bool:
            return one.allowance(acme)._recalls is not None

        await until(is_recalling)
        await charge(another, acme, 500.0)
        assert not waiting.done()
        with pytest.raises(RateLimitedError):
            await waiting


async def test_of_few_none_lies_idle(join: Join) -> None:
    acme = granted(burst=2, requests_per_month=2, grace=0.0)
    one, another = join(), join()
    leave(await admit(one, acme))
    leave(await admit(another, acme))


def with_limits(who: Organization, **limits: Any) -> Organization:
    """The same organization, from now on."""
    return msgspec.structs.replace(who, granted=Granted(limits, shadow=False, version=2))


async def test_whose_limit_goes_while_they_wait_is_let_in(join: Join) -> None:
    asked, known = asyncio.Event(), asyncio.Event()

    async def seed(_organization: Organization, _resource: Resource) -> float:
        asked.set()
        await known.wait()
        return 100.0

    acme, admission = granted(bandwidth_bytes=100, grace=0.0), join(seed=seed)
    waiting = asyncio.create_task(admission.begin_download(acme, 50))
    await asked.wait()
    admission.allowance(with_limits(acme, bandwidth_bytes=None))
    known.set()
    assert (await waiting).reserved == 50


async def test_a_refusal_names_what_was_lacking_though_the_limits_change_meanwhile(
    join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(allowances, "_RECALL", 0.0)
    one, another, acme = join(), join(), granted(**CROWD | {"concurrent_requests": 1})
    await admit(one, acme)
    pubsub = another._pubsub
    assert pubsub is not None

    async def changed(*_arguments: Any) -> bool:
        another.allowance(with_limits(acme, requests_per_month=None, concurrent_requests=1))
        return True

    pubsub.publish = changed  # type: ignore[method-assign]  # at that moment
    with pytest.raises(RateLimitedError) as refused:
        await admit(another, acme)
    assert refused.value.resource == Resource.CONCURRENT_REQUESTS


async def test_while_valkey_is_away_nobody_is_asked_for_what_they_hold(
    own_valkey: OwnValkey, join: Join
) -> None:
    own_valkey.stop()
    admission, acme = join(own_valkey.url), granted(sockets=4)
    pubsub, asked = admission._pubsub, 0
    assert pubsub is not None

    async def counted(*_arguments: Any) -> bool:
        nonlocal asked
        asked += 1
        return False

    pubsub.publish = counted  # type: ignore[method-assign]  # counted
    await admission.open_socket(acme)
    with pytest.raises(RateLimitedError):
        await admission.open_socket(acme)
    assert asked == 0
