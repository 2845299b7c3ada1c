import asyncio
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harka import clock
from harka.errors import DocumentLimitError, QuotaExceededError, RateLimitedError
from harka.repositories.organization import Granted, Organization
from harka.tenancy.allowance import Allowance
from harka.tenancy.plan import LIMITS, Plan, Resource
from harka.tenancy.pools import CPU, MEMORY, POINTS, REQUESTS, RUNNING
from harka.tenancy.quota import PERIOD, Admission
from own_valkey import OwnValkey
from tenancy.quotas import Join, admit, admitted, charge, granted, leave
from tenancy.samples import organization
from waiting import until

STARTER = LIMITS[Plan.STARTER]
MANY = 10**6


class Time:
    """Monotonic seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    made = Time()
    monkeypatch.setattr(clock, "monotonic", made)
    return made


async def renewed(admission: Admission, who: Organization) -> None:
    """The ledger is there, and knows all that was taken."""
    allowance = admission._allowances[who.id]

    async def is_told() -> bool:
        if allowance._task is None:
            allowance.renew(admission._ledger, admission._seed)
        assert allowance._task is not None
        await allowance._task
        return allowance._local is None

    await until(is_told)


async def refusal(admission: Admission, who: Organization) -> RateLimitedError:
    with pytest.raises(RateLimitedError) as caught:
        await admit(admission, who)
    return caught.value


@pytest.mark.parametrize("charged", [False, True], ids=["a request", "an operation"])
async def test_whoever_waits_gets_in_though_others_are_faster(join: Join, *, charged: bool) -> None:
    admission, acme = (
        join(),
        granted(concurrent_requests=1000, requests_per_second=1e6, points_per_second=1e6),
    )
    taken: list[Allowance] = []

    def take() -> Allowance | None:
        if not charged:
            return admission.enter(acme)
        allowance = admission._allowances[acme.id]
        return allowance if allowance.leases[MEMORY].take(clock.monotonic(), 1000.0) else None

    async def be_faster() -> None:
        """Take all that is drawn before whoever it was drawn for can."""
        while len(taken) < 100 and not entering.done():
            await asyncio.sleep(0)
            while (allowance := take()) is not None:
                taken.append(allowance)

    async with asyncio.TaskGroup() as group:
        entering = group.create_task(charge(admission, acme, 1.0) if charged else admit(admission, acme))
        group.create_task(be_faster())
    assert len(taken) >= 100
    assert entering.result() is admission._allowances[acme.id]


async def test_a_plan_admits_its_burst_and_then_its_rate(time: Time) -> None:
    admission, acme = Admission(), organization()
    assert await admitted(admission, acme, STARTER.burst + 50) == STARTER.burst
    time.now += 0.5
    assert await admitted(admission, acme, STARTER.burst) == STARTER.requests_per_second * 0.5


async def test_a_refusal_says_of_what_and_when_to_come_back(time: Time) -> None:
    admission, acme = Admission(), organization()
    await admitted(admission, acme, STARTER.burst)
    told = await refusal(admission, acme)
    assert told.retry_after == pytest.approx(1 / STARTER.requests_per_second)
    extensions = told.extensions()
    assert (extensions["code"], extensions["resource"]) == ("RATE_LIMITED", "REQUESTS_PER_SECOND")
    assert extensions["limit"] == STARTER.burst
    assert told.resets_at is not None
    assert (told.resets_at - clock.now()).total_seconds() == pytest.approx(2.0, abs=0.1)
    time.now += told.retry_after + 0.01
    await admit(admission, acme)


async def test_what_is_kept_for_the_next_is_missing_to_nobody(join: Join, time: Time) -> None:
    """Half an operation was kept, and of ten at once nine let in."""
    admission, acme = join(), granted(concurrent_requests=10, burst=MANY)
    leave(await admit(admission, acme))
    for _ in range(3):
        time.now += 0.5
        await renewed(admission, acme)
    assert admission._allowances[acme.id].leases[RUNNING].tokens in {0.0, 1.0}
    assert await admitted(admission, acme, 11, stay=True) == 10


@pytest.mark.parametrize("resource", ["requests", "points"])
async def test_of_next_to_no_rate_a_refusal_says_when_all_the_same(time: Time, resource: str) -> None:
    rates = {f"{resource}_per_second": 1e-300, "burst" if resource == "requests" else "points": 2}
    admission, acme = Admission(), granted(**rates)
    take = admit if resource == "requests" else partial(charge, points=1.0)
    time.now += 1.0
    for _ in range(2):
        await take(admission, acme)
    with pytest.raises(RateLimitedError) as refused:
        await take(admission, acme)
    assert refused.value.resets_at is not None
    assert 0 < refused.value.retry_after <= 366 * 86_400
    flowing = {Resource.REQUESTS_PER_SECOND, Resource.POINTS_PER_SECOND, Resource.CPU}
    told = await admission.levels(acme)
    assert {each.resource for each in told if each.resets_at is not None} == flowing


@pytest.mark.parametrize("processes", [1, 4])
@pytest.mark.parametrize("resource", ["burst", "concurrent_requests", "requests_per_month"])
async def test_of_a_thousand_at_once_exactly_the_limit_passes(
    join: Join, processes: int, resource: str
) -> None:
    acme = granted(**{"burst": 5000, "concurrent_requests": 5000, resource: 100}, grace=0.0)
    admissions = [join() for _ in range(processes)]
    counts = await asyncio.gather(
        *(admitted(each, acme, 1000 // processes, stay=True) for each in admissions)
    )
    assert sum(counts) == 100


async def test_what_leaves_makes_room(join: Join) -> None:
    one, another, acme = join(), join(), granted(concurrent_requests=2)
    inside = [await admit(one, acme), await admit(another, acme)]
    told = await refusal(one, acme)
    assert told.extensions()["resource"] == "CONCURRENT_REQUESTS"
    leave(inside[0])
    await admit(one, acme)


async def test_several_processes_grant_a_rate_once(join: Join) -> None:
    """Within a hundredth, over a second at eight times the rate, however uneven the processes are."""
    rate, burst = 2000.0, 1000
    acme = organization(
        granted=Granted(
            {
                "requests_per_second": rate,
                "burst": burst,
                "concurrent_requests": 10**6,
                "cpu_millicores": 10**6,
            },
            shadow=False,
            version=1,
        )
    )
    admissions = [join() for _ in range(4)]
    began = clock.monotonic()
    end = began + 1.0

    async def flood(admission: Admission, at_once: int) -> int:
        count = 0
        while clock.monotonic() < end:
            count += await admitted(admission, acme, at_once)
            await asyncio.sleep(0)
        return count

    counts = await asyncio.gather(
        *(flood(each, n) for each, n in zip(admissions, (1, 5, 20, 60), strict=True))
    )
    most = burst + rate * (clock.monotonic() - began)
    idle = sum(each._allowances[acme.id].leases[REQUESTS].tokens for each in admissions)
    assert sum(counts) <= most * 1.01
    assert idle <= (burst + 10.0 * rate) / 100.0
    assert sum(counts) + idle >= most * 0.95


async def test_a_month_is_counted_on_from_what_is_written_down(join: Join) -> None:
    async def written(_organization: Organization, _resource: Resource) -> float:
        return 90.0

    acme = granted(requests_per_month=100, grace=0.1)
    one, another = join(seed=written), join(seed=written)
    counts = await asyncio.gather(admitted(one, acme, 50), admitted(another, acme, 50))
    assert sum(counts) == 20, "the grace passes, too"
    told = await refusal(one, acme)
    assert isinstance(told, QuotaExceededError)
    assert told.extensions()["code"] == "QUOTA_EXCEEDED"
    assert told.resets_at is not None
    assert told.retry_after == pytest.approx((told.resets_at - clock.now()).total_seconds(), abs=1.0)


async def test_one_organization_does_not_spend_anothers_budget() -> None:
    admission, acme, globex = Admission(), granted(burst=5), granted(burst=5)
    assert await admitted(admission, acme, 10) == 5
    assert await admitted(admission, globex, 1) == 1


async def test_limits_that_change_hold_at_once_and_what_was_taken_stays_taken(time: Time) -> None:
    admission, acme = Admission(), organization(plan="ENTERPRISE")
    await admit(admission, acme)
    smaller = organization(id=acme.id, granted=Granted({"burst": 7}, shadow=False, version=1))
    time.now += 100.0
    assert await admitted(admission, smaller, 50) == 7
    larger = organization(id=acme.id, granted=Granted({"burst": 10}, shadow=False, version=2))
    assert await admitted(admission, larger, 50) == 3


async def test_in_shadow_mode_everything_passes_and_is_counted() -> None:
    admission, acme = Admission(), granted(shadow=True, burst=5, concurrent_requests=3, points=10)
    assert await admitted(admission, acme, 20) == 20
    assert admission.refused[Resource.REQUESTS_PER_SECOND, True] > 0
    allowance = await charge(admission, acme, 1000.0)
    admission.settle(allowance, 1000.0, 1000.0, 0.0)
    assert admission.refused[Resource.POINTS_PER_SECOND, True] == 1
    assert not any(count for (_, passed), count in admission.refused.items() if not passed)


async def test_points_are_charged_and_settled() -> None:
    admission, acme = Admission(), granted(points=100)
    first = await charge(admission, acme, 80.0)
    with pytest.raises(RateLimitedError, match="of which 20 are available"):
        await charge(admission, acme, 30.0)
    admission.settle(first, 80.0, 10.0, 0.0)
    assert admission.budget(admission.allowance(acme))[0] == pytest.approx(90.0)
    await charge(admission, acme, 85.0)
    with pytest.raises(DocumentLimitError, match="budget is 100"):
        await charge(admission, acme, 101.0)


async def test_what_is_paid_without_waiting_is_owed(join: Join) -> None:
    admission, acme = join(), granted(points=100)
    admission.pay(acme, 60.0)
    await renewed(admission, acme)
    with pytest.raises(RateLimitedError, match="of which 40 are available"):
        admission.pay(acme, 50.0)
    with pytest.raises(RateLimitedError):
        await charge(join(), acme, 50.0)
    admission.pay(acme, 40.0)


async def test_who_takes_too_much_processor_time_waits(time: Time) -> None:
    """A tenth of a processor, ten seconds saved up: a second."""
    admission, acme = Admission(), organization()
    allowance = await charge(admission, acme, 1.0)
    admission.settle(allowance, 1.0, 1.0, 1.5)
    told = await refusal(admission, acme)
    assert told.extensions()["resource"] == "CPU"
    time.now += 5.1
    await admit(admission, acme)


@pytest.mark.parametrize(("place", "seconds"), [(POINTS, 0.0), (CPU, 600.0)])
async def test_what_was_taken_without_asking_is_owed_but_not_for_ever(
    time: Time, place: int, seconds: float
) -> None:
    admission, acme = Admission(), organization()
    allowance = admission.allowance(acme)
    pool = allowance.pools[place]
    assert pool is not None
    for _ in range(3):
        admission.owe(allowance, 1e9 if place == POINTS else 0.0, seconds)
    assert allowance.leases[place].tokens == -pool.capacity

    async def ask() -> None:
        await charge(admission, acme, 1.0)
        await admit(admission, acme)

    with pytest.raises(RateLimitedError) as caught:
        await ask()
    assert caught.value.resource == pool.resource
    # as if it had been empty
    time.now += pool.capacity / pool.rate + 0.2
    await ask()


async def test_who_has_enough_pays_without_being_refused(time: Time) -> None:
    admission, acme = Admission(), organization()
    allowance = await charge(admission, acme, 1.0)
    before = admission.budget(admission.allowance(acme))[0]
    admission.owe(allowance, 100.0, 0.01)
    assert admission.budget(admission.allowance(acme))[0] == before - 100
    await admit(admission, acme)


async def test_on_trial_nothing_is_owed() -> None:
    admission = Admission()
    allowance = admission.allowance(granted(shadow=True))
    admission.owe(allowance, 1e9, 600.0)
    assert [allowance.leases[place].tokens for place in (POINTS, CPU)] == [0.0, 0.0]


async def test_what_operations_may_come_to_is_bounded() -> None:
    admission, acme = Admission(), granted(memory_bytes=10_240)
    first = await charge(admission, acme, 8.0)
    with pytest.raises(RateLimitedError) as caught:
        await charge(admission, acme, 3.0)
    assert caught.value.resource == Resource.MEMORY
    before = admission.budget(admission.allowance(acme))[0]
    admission.settle(first, 8.0, 8.0, 0.0)
    assert admission.budget(admission.allowance(acme))[0] == pytest.approx(before), (
        "what was refused cost nothing"
    )
    await charge(admission, acme, 3.0)


async def test_sockets_are_counted_over_all_processes(join: Join) -> None:
    one, another, acme = join(), join(), granted(sockets=2)
    first = await one.open_socket(acme)
    await another.open_socket(acme)
    with pytest.raises(RateLimitedError) as caught:
        await another.open_socket(acme)
    assert caught.value.resource == Resource.SOCKETS
    one.close_socket(first)
    await one.open_socket(acme)


async def test_what_is_not_used_goes_back(join: Join, monkeypatch: pytest.MonkeyPatch) -> None:
    one, another, acme = join(), join(), granted(burst=1000)
    assert await admitted(one, acme, 100) == 100
    assert await admitted(one, acme, 20) == 20
    later = clock.monotonic() + 4.0
    monkeypatch.setattr(clock, "monotonic", lambda: later)

    async def is_idle() -> bool:
        one.look()
        return not one._drawn

    await until(is_idle)
    assert await admitted(another, acme, 1000) == 880


@pytest.mark.parametrize("how", ["freeze", "stop"])
async def test_without_valkey_each_process_grants_its_part(
    own_valkey: OwnValkey, join: Join, how: str
) -> None:
    """And what was granted before is not granted again: of 400, 100 are taken already."""
    acme = granted(burst=400, concurrent_requests=10**6)
    admissions = [join(own_valkey.url, processes=1) for _ in range(4)]
    for each in [*admissions, *admissions]:
        assert each._ledger is not None
        await each._ledger.beat()
    assert [await admitted(each, acme, 25) for each in admissions] == [25] * 4
    for each in admissions:
        await renewed(each, acme)
    getattr(own_valkey, how)()
    counts = await asyncio.gather(*(admitted(each, acme, 400) for each in admissions))
    # what is idle in the processes is at most a hundredth; a share is rounded down
    assert 300 - 4 * 4 - 4 <= sum(counts) <= 300 + 4


async def test_nothing_is_there_for_who_asks_for_nothing(time: Time) -> None:
    """The result of an export without a line was refused until the next month."""
    admission, acme = Admission(), granted(bandwidth_bytes=10, grace=0.0)
    allowance = await admission.begin_download(acme, 0)
    admission.end_download(allowance, 0, 0)
    await admission.begin_download(acme, 10)
    await admission.begin_download(acme, 0)
    with pytest.raises(QuotaExceededError):
        await admission.begin_download(acme, 1)


async def test_nobody_waits_for_long_to_ask_others_for_what_they_hold(
    own_valkey: OwnValkey, join: Join
) -> None:
    """Where Valkey stands still once it has said that there is nothing left."""
    one, another, acme = join(own_valkey.url), join(own_valkey.url), granted(sockets=4)
    for _ in range(4):
        await one.open_socket(acme)
    ledger = another._ledger
    assert ledger is not None
    draw = ledger.draw

    async def drawn(*arguments: Any, more: bool) -> Any:
        told = await draw(*arguments, more=more)
        own_valkey.freeze()
        return told

    ledger.draw = drawn  # type: ignore[method-assign]  # as it is, and then nothing
    began = clock.monotonic()
    # what is granted without Valkey is its part, or it is refused
    with suppress(RateLimitedError):
        await another.open_socket(acme)
    assert clock.monotonic() < began + 0.4


async def test_what_was_granted_without_valkey_is_told_when_it_is_back(
    own_valkey: OwnValkey, join: Join
) -> None:
    acme = granted(burst=400)
    one, another = join(own_valkey.url, processes=2), join(own_valkey.url, processes=2)
    assert await admitted(one, acme, 100) == 100
    own_valkey.freeze()
    assert await admitted(one, acme, 400) in range(140, 160), "half of what was left"
    own_valkey.thaw()
    await renewed(one, acme)
    assert await admitted(another, acme, 400) in range(140, 160), "the other half"


async def test_a_valkey_that_lost_everything_still_counts_what_is_under_way(
    own_valkey: OwnValkey, join: Join
) -> None:
    acme = granted(concurrent_requests=9, burst=1000)
    one, another = join(own_valkey.url, processes=2), join(own_valkey.url, processes=2)
    inside = [await admit(one, acme) for _ in range(8)]
    own_valkey.stop()
    own_valkey.start()
    await renewed(one, acme)
    assert await admitted(another, acme, 10, stay=True) == 1
    for each in inside:
        leave(each)


async def test_the_usual_request_waits_for_nothing(join: Join) -> None:
    """Beyond the first few it is answered from what is there: no task, no round trip."""
    admission, acme = join(), organization(plan="ENTERPRISE")
    drawn = 0
    ledger = admission._ledger
    assert ledger is not None
    draw = ledger.draw

    async def counted(*arguments: Any, more: bool) -> Any:
        nonlocal drawn
        drawn += 1
        return await draw(*arguments, more=more)

    ledger.draw = counted  # type: ignore[method-assign]  # counted, and as it is
    for _ in range(2000):
        leave(await admit(admission, acme))
        if drawn:
            await asyncio.sleep(0)
    assert drawn < 40


async def test_idle_organizations_are_forgotten_though_nobody_asks(time: Time) -> None:
    admission, busy = Admission(), organization("busy")
    for number in range(300):
        leave(await admit(admission, organization(f"t{number}")))
    assert len(admission) == 300
    for _ in range(200):
        time.now += PERIOD
        leave(await admit(admission, busy))
        admission.look()
        await asyncio.sleep(0)
    assert len(admission) == 1


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.floats(0.0, 3.0)), max_size=20))
def test_forgetting_gives_nobody_a_larger_budget(steps: list[tuple[int, float]]) -> None:
    """Whatever others do, a tenant gets no more than its burst and its rate over the time."""
    limits = {"burst": 20, "requests_per_second": 10.0, "points": 20, "points_per_second": 10.0}
    everyone = [organization(f"t{n}", granted=Granted(limits, shadow=False, version=1)) for n in range(3)]
    time, taken = Time(), dict.fromkeys(range(3), 0)

    async def follow() -> None:
        admission = Admission()
        for who, pause in steps:
            time.now += pause
            taken[who] += await admitted(admission, everyone[who], 15)
            admission.look()
            await asyncio.sleep(0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "monotonic", time)
        asyncio.run(follow())
    assert all(count <= 20 + 10.0 * (time.now - 1000.0) + 1 for count in taken.values())
