"""Valkey killed, paused and failing over while four processes grant a rate together: how far it is passed."""

import asyncio
import functools
from collections.abc import Awaitable, Callable

import pytest

from harka import clock
from harka.repositories.organization import Granted, Organization
from harka.tenancy.quota import Admission
from own_pair import OwnPair
from own_valkey import OwnValkey
from tenancy.quotas import Join, admitted
from tenancy.samples import organization

RATE = 2000.0
BURST = 1000
BEFORE, AFTER = 0.4, 0.6
"""Seconds under load."""
LONGEST = 10.0
"""Seconds that anybody waits to be admitted or refused."""
AT_ONCE = (1, 5, 20, 60)
"""Requests of each process, which are as uneven as that."""

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
