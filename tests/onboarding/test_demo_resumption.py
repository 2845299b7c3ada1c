"""Loads of one region, interrupted."""

import asyncio
import signal
import sys
from pathlib import Path

import msgspec
import pytest

from harka import config
from harka.auth import api_key
from harka.errors import ConflictError
from harka.onboarding import demo, figures
from harka.onboarding.dataset import Dataset, read
from harka.onboarding.demo import DemoSummary, Loaded
from harka.onboarding.figures import Figures
from harka.tenancy.plan import Plan
from harka.tenancy.provisioning import create_tenant
from onboarding.opened import Opened

TESTS = Path(__file__).parents[1]

# ends itself as a power cut would when the second tenant is ready and others are half-way
KILLED = """
import asyncio, os, signal
from onboarding.opened import opened
from onboarding.test_demo_resumption import region
from harka import config
from harka.onboarding import demo

def report(loaded):
    if loaded.slug != "ireland-ggg":
        os.kill(os.getpid(), signal.SIGKILL)

async def main():
    async with opened(config.load()) as services:
        await demo.load(services, report, region("Ireland"))

asyncio.run(main())
"""


def region(name: str) -> Dataset:
    whole = read()
    rows = tuple(row for row in whole.registrations if row.region == name)
    people = {row.learner for row in rows}
    results = tuple(row for row in whole.results if row.learner in people)
    return msgspec.structs.replace(whole, registrations=rows, results=results)


def grown(before: DemoSummary, after: DemoSummary) -> Figures:
    """What came between the two."""
    names = Figures.__struct_fields__
    return Figures(**{name: getattr(after.total, name) - getattr(before.total, name) for name in names})


async def test_a_killed_load_goes_on_to_the_exact_figures(empty: Opened) -> None:
    ireland = region("Ireland")
    before = await demo.summary(empty)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", KILLED), env=config.environment(empty.settings) | {"PYTHONPATH": str(TESTS)}
    )
    assert await process.wait() == -signal.SIGKILL
    broken_off = grown(before, await demo.summary(empty))
    assert 9 <= broken_off.enrollments < len(ireland.registrations)

    resumed = await demo.load(empty, lambda _: None, ireland)

    assert grown(before, resumed) == figures.planned(ireland)
    assert 0 < resumed.loaded < 7


async def test_a_stopped_load_goes_on_to_the_exact_figures(empty: Opened) -> None:
    wales = region("Wales")
    before = await demo.summary(empty)

    def report(loaded: Loaded) -> None:
        if loaded.done > len(wales.registrations) / 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        await demo.load(empty, report, wales)
    broken_off = grown(before, await demo.summary(empty))
    assert 0 < broken_off.enrollments < len(wales.registrations)
    resumed = await demo.load(empty, lambda _: None, wales)

    assert grown(before, resumed) == figures.planned(wales)


async def test_two_loaders_at_once_load_once(empty: Opened) -> None:
    yorkshire = region("Yorkshire Region")
    before = await demo.summary(empty)

    first, second = await asyncio.gather(
        demo.load(empty, lambda _: None, yorkshire), demo.load(empty, lambda _: None, yorkshire)
    )

    assert first.loaded + second.loaded == figures.planned(yorkshire).tenants
    assert grown(before, await demo.summary(empty)) == figures.planned(yorkshire)


async def test_a_revoked_key_stays_revoked(empty: Opened) -> None:
    north = region("North Region")
    loaded = await demo.load(empty, lambda _: None, north)
    tenant = next(each for each in await empty.organizations() if each.slug == "north-aaa")
    key = next(each.key for each in loaded.tenants if each.slug == "north-aaa")
    assert key is not None
    await api_key.revoke(empty.catalog, tenant.id, api_key.prefix_of(key))

    again = await demo.load(empty, lambda _: None, north)

    assert next(each.key for each in again.tenants if each.slug == "north-aaa") is None


async def test_an_organization_of_somebody_else_is_left_alone(empty: Opened) -> None:
    await create_tenant(
        empty.catalog, empty.settings, name="Ours", slug="london", plan=Plan.STARTER, users_expected=10
    )
    with pytest.raises(ConflictError):
        await demo.load(empty, lambda _: None, region("London Region"))
    assert "london" not in {each.slug for each in (await demo.summary(empty)).tenants}
