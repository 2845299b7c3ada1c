"""What a request costs at the door of 10 and of 10,000 organizations: `pytest benchmarks/test_tenants.py`.

One round is 1,000 requests of ten organizations, or ("spread") of as many as there are, each of which has an
allowance, an API key and a domain. A time shown in µs is ns a request. All names are of one length: a longer
one takes longer to hash, and is not what is compared.
"""

import asyncio
import itertools
from collections.abc import Callable
from functools import cache
from typing import Final
from uuid import UUID

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harka.repositories.organization import Organization
from harka.tenancy.pools import ONE
from harka.tenancy.quota import Admission
from harka.tenancy.resolution import signals
from harka.tenancy.snapshot import Snapshot, TenantRecord
from tenancy.samples import PLATFORM, api_key, key_text, organization, snapshot

CALLS: Final = 1000
FEW: Final = 10
SIZES: Final = [10, 10_000]

Step = Callable[[], object]


@cache
def directory(tenants: int) -> Snapshot:
    return snapshot(
        *(
            TenantRecord(
                organization=organization(f"tenant-{number:05}", plan="ENTERPRISE"),
                domains=(f"learn.tenant-{number:05}.com",),
                api_keys=(api_key(UUID(int=number), key_text(number)),),
            )
            for number in range(tenants)
        )
    )


def asking(tenants: int, active: int) -> list[int]:
    """Whose each request is: spread over all there are."""
    stride = tenants // min(active, tenants)
    return [number * stride for number in range(min(active, tenants))]


@pytest.mark.parametrize("active", [FEW, CALLS], ids=["few", "spread"])
@pytest.mark.parametrize("tenants", SIZES)
def test_resolution(benchmark: BenchmarkFixture, tenants: int, active: int) -> None:
    benchmark.group = f"resolve, {_asking(active)}"
    seen = directory(tenants)
    requests = [
        [(b"host", f"tenant-{number:05}.{PLATFORM}".encode()), (b"accept", b"application/json")]
        for number in asking(tenants, active)
    ]
    assert signals(seen, requests[-1], trusted=False).host is not None

    def run() -> None:
        for headers in itertools.islice(itertools.cycle(requests), CALLS):
            signals(seen, headers, trusted=False)

    benchmark(run)


@pytest.mark.parametrize("active", [FEW, CALLS], ids=["few", "spread"])
@pytest.mark.parametrize("tenants", SIZES)
def test_quota(
    benchmark: BenchmarkFixture, loop: asyncio.AbstractEventLoop, tenants: int, active: int
) -> None:
    benchmark.group = f"quota, {_asking(active)}"
    seen, admission = directory(tenants), Admission()
    loop.run_until_complete(_all_have_asked(admission, seen.organizations))
    callers = [seen.organizations[number] for number in asking(tenants, active)]

    def run() -> None:
        for who in itertools.islice(itertools.cycle(callers), CALLS):
            allowance = admission.enter(who)
            assert allowance is not None
            allowance.running.put(ONE)

    benchmark(run)


async def _all_have_asked(admission: Admission, organizations: list[Organization]) -> None:
    """And each was granted more than it will ever need: what is drawn is drawn in the background."""
    for who in organizations:
        allowance = await admission.wait_in(who)
        for lease in allowance.leases:
            lease.grant(1e15, 1e12, 0.0)


def _asking(active: int) -> str:
    return "of ten organizations" if active == FEW else "of all organizations"
