"""Valkey killed, paused and failing over while four processes grant a rate together: how far it is passed."""

import asyncio
import functools
from collections.abc import Awaitable, Callable

import pytest

from harka import clock
from harka.cache.pool_ledger import LEASE
from harka.errors import QuotaExceededError
from harka.repositories.organization import Granted, Organization
from harka.tenancy import allowance as allowances
from harka.tenancy import quota
from harka.tenancy.allowance import Allowance
from harka.tenancy.pools import BANDWIDTH
from harka.tenancy.quota import Admission
from own_pair import OwnPair
from own_valkey import OwnValkey
from tenancy.quotas import Join, admitted, at_work, granted
from tenancy.samples import organization
from waiting import until

RATE = 2000.0
BURST = 1000
BEFORE, AFTER = 0.4, 0.6
"""Seconds under load."""
LONGEST = 10.0
"""Seconds that anybody waits to be admitted or refused."""
AT_ONCE = (1, 5, 20, 60)
"""Requests of each process, which are as uneven as that."""

MONTH = 20_000
"""Bytes that may be downloaded."""

Disturb = Callable[[], Awaitable[None]]


async def _killed(valkey: OwnValkey) -> None:
    await asyncio.to_thread(valkey.stop)
    await asyncio.sleep(0.2)
    # in a thread: requests go on being asked while it starts, however long that takes
    await asyncio.to_thread(valkey.start)


async def _paused(valkey: OwnValkey) -> None:
    valkey.freeze()
    await asyncio.sleep(0.4)
    valkey.thaw()


async def _fail_over(pair: OwnPair) -> None:
    await asyncio.to_thread(pair.part)
    await asyncio.sleep(0.05)
    await asyncio.to_thread(pair.fail_over)


async def granted_under_load(admissions: list[Admission], disturb: Disturb) -> tuple[int, int]:
    """How many were admitted, and how many a rate and a burst come to in that time."""
    acme = _unlimited_but_for_the_rate()
    began, end = clock.monotonic(), asyncio.Event()

    async def flood(admission: Admission, at_once: int) -> int:
        count = 0
        while not end.is_set():
            async with asyncio.timeout(LONGEST):
                count += await admitted(admission, acme, at_once)
            await asyncio.sleep(0)
        return count

    async with asyncio.TaskGroup() as group:
        floods = [
            group.create_task(flood(admission, at_once))
            for admission, at_once in zip(admissions, AT_ONCE, strict=True)
        ]
        await asyncio.sleep(BEFORE)
        await disturb()
        await asyncio.sleep(AFTER)
        end.set()
    return sum(each.result() for each in floods), BURST + int(RATE * (clock.monotonic() - began))


def _unlimited_but_for_the_rate() -> Organization:
    limits = {
        "requests_per_second": RATE,
        "burst": BURST,
        "concurrent_requests": 10**6,
        "cpu_millicores": 10**6,
        "requests_per_month": None,
    }
    return organization(granted=Granted(limits, shadow=False, version=1))


def require_bound(count: int, most: int) -> None:
    """Of an outage: processes begin no fuller than the pool, so all together pass it by one burst."""
    assert most * 0.7 <= count <= most * 1.01 + BURST


@pytest.mark.parametrize("disturb", [_killed, _paused])
async def test_while_valkey_is_away_and_back(
    own_valkey: OwnValkey, join: Join, disturb: Callable[[OwnValkey], Awaitable[None]]
) -> None:
    admissions = [join(own_valkey.url) for _ in range(4)]
    require_bound(*await granted_under_load(admissions, functools.partial(disturb, own_valkey)))


async def test_while_valkey_fails_over(own_pair: OwnPair, join: Join) -> None:
    admissions = [join(own_pair.url) for _ in range(4)]
    require_bound(*await granted_under_load(admissions, functools.partial(_fail_over, own_pair)))


async def require_counted(admission: Admission, who: Organization, size: int) -> None:
    """Of a month all processes have downloaded exactly so much."""
    with pytest.raises(QuotaExceededError):
        await admission.begin_download(who, MONTH - size + 1)
    await admission.begin_download(who, MONTH - size)


async def until_told(*allowances_: Allowance) -> None:
    """Return when the ledger has heard of everything."""

    async def is_told() -> bool:
        return all(each.is_idle and not each.owes and each._local is None for each in allowances_)

    await until(is_told)


@pytest.fixture
def idle_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allowances, "_IDLE_OUTAGE", 0.5)
    for module in (quota, allowances):
        monkeypatch.setattr(module, "IDLE", 0.0)


@pytest.mark.usefixtures("idle_at_once")
@pytest.mark.parametrize("lease", [0.3, LEASE], ids=["forgotten", "known"])
async def test_downloads_while_valkey_is_away_are_counted_to_the_byte(
    own_valkey: OwnValkey, join: Join, lease: float
) -> None:
    """What a process had drawn before, what it grants itself, and what was not sent in the end."""
    acme, quiet = (granted(bandwidth_bytes=MONTH, grace=0.0) for _ in range(2))
    one, another = (join(own_valkey.url, processes=2, lease=lease) for _ in range(2))
    async with at_work(one):
        before = await one.begin_download(quiet, 50)
        one.end_download(before, 50, 0)
        await until_told(before)
        allowance = await one.begin_download(acme, 100)
        one.end_download(allowance, 100, 0)
        lasting = await one.begin_download(acme, 400)
        own_valkey.freeze()
        try:
            forgotten_at = clock.monotonic() + min(lease, 1.0)
            one.end_download(lasting, 400, 150)

            async def is_given_back() -> bool:
                return lasting._local is not None and not lasting.leases[BANDWIDTH].tokens

            await until(is_given_back)
            for size, left in ((700, 0), (301, 0), (500, 399), (1, 0)):
                allowance = await one.begin_download(acme, size)
                one.end_download(allowance, size, left)
            one.end_download(await one.begin_download(quiet, 7), 7, 0)

            async def is_forgotten() -> bool:
                return clock.monotonic() > forgotten_at

            await until(is_forgotten)
        finally:
            own_valkey.thaw()
        await until_told(allowance, before)
    await require_counted(another, acme, 100 + 250 + 700 + 301 + 101 + 1)
    await require_counted(another, quiet, 50 + 7)


async def test_what_is_used_of_a_lease_that_ended_unheard_is_counted(
    join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme = granted(bandwidth_bytes=MONTH, grace=0.0)
    one, another = join(lease=0.3), join()
    allowance = await one.begin_download(acme, 100)
    one.end_download(allowance, 100, 0)
    idle = int(allowance.leases[BANDWIDTH].tokens)
    assert idle
    one.end_download(await one.begin_download(acme, idle), idle, 0)
    assert not allowance.leases[BANDWIDTH].tokens
    over = clock.monotonic() + 0.4

    async def is_over() -> bool:
        return clock.monotonic() > over

    await until(is_over)
    # another draws: what the first held, and did not say that it used, goes back
    another.end_download(await another.begin_download(acme, 1), 1, 0)
    for module in (quota, allowances):
        monkeypatch.setattr(module, "IDLE", 0.0)
    async with at_work(one):
        await until_told(allowance)
    await require_counted(another, acme, 100 + idle + 1)
