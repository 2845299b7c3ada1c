"""Processes that share one ledger, and organizations that ask them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest

from harka.cache.pool_ledger import LEASE, SharedLedger
from harka.errors import RateLimitedError
from harka.opening import background
from harka.pubsub import PubSub
from harka.repositories.organization import Granted, Organization
from harka.tenancy.allowance import Allowance
from harka.tenancy.quota import Admission
from own_valkey import OwnValkey
from tenancy.samples import organization
from waiting import until

SLOW = 1e-6
"""A rate at which nothing comes back while a test runs."""

Join = Callable[..., Admission]


@pytest.fixture
async def join(shared_valkey: OwnValkey) -> AsyncIterator[Join]:
    """Call it for the admission of one more process."""
    async with AsyncExitStack() as stack:

        def make(
            url: str = shared_valkey.url, *, processes: int = 4, lease: float = LEASE, **options: Any
        ) -> Admission:
            ledger = SharedLedger(url, uuid4().hex, processes=processes, lease=lease)
            stack.push_async_callback(ledger.close)
            pubsub = PubSub(url)
            stack.push_async_callback(pubsub.close)
            return Admission(ledger, pubsub=pubsub, **options)

        yield make


def granted(*, shadow: bool = False, **limits: Any) -> Organization:
    """An organization with these limits, of which nothing comes back."""
    slow = {"requests_per_second": SLOW, "points_per_second": SLOW}
    return organization(granted=Granted(slow | limits, shadow=shadow, version=1))


async def admit(admission: Admission, who: Organization) -> Allowance:
    return admission.enter(who) or await admission.wait_in(who)


async def charge(admission: Admission, who: Organization, points: float) -> Allowance:
    return admission.charge(who, points) or await admission.wait_to_charge(who, points)


def leave(allowance: Allowance) -> None:
    allowance.running.put(1.0)


async def admitted(admission: Admission, who: Organization, tries: int, *, stay: bool = False) -> int:
    """How many of so many at once."""

    async def one() -> bool:
        try:
            allowance = await admit(admission, who)
        except RateLimitedError:
            return False
        if not stay:
            leave(allowance)
        return True

    return sum(await asyncio.gather(*(one() for _ in range(tries))))


@asynccontextmanager
async def at_work(admission: Admission) -> AsyncIterator[None]:
    """As a server has it: it renews, and hears of what others lack."""
    async with background("quota", admission.run):
        pubsub = admission._pubsub
        assert pubsub is not None

        async def hears() -> bool:
            return any(each.confirmed.is_set() for each in pubsub._channels.values())

        await until(hears)
        yield
