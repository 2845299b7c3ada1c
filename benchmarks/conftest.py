"""What benchmarks share, and the table after them that compares what was measured with `budgets.toml`."""

import asyncio
from collections.abc import Iterator

import msgspec
import pytest
import uvloop
from budgets import Measured, show, show_percentiles
from servers import Ground, lay
from stage import stage

from harka.tenancy import plan


@pytest.fixture(scope="session")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    yield loop
    loop.close()


@pytest.fixture(scope="session")
def ground(loop: asyncio.AbstractEventLoop) -> Iterator[Ground]:
    with stage() as servers:
        yield loop.run_until_complete(lay(servers))


@pytest.fixture(autouse=True)
def endless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Quotas are checked as ever, and never reached."""
    limits = msgspec.structs.replace(
        plan.limits_of("ENTERPRISE"),
        requests_per_second=1e9,
        burst=10**9,
        points_per_second=1e9,
        points=10**9,
        requests_per_month=None,
        concurrent_requests=10**9,
        cpu_millicores=10**9,
        memory_bytes=2**53,
    )
    monkeypatch.setattr(plan, "LIMITS", dict.fromkeys(plan.LIMITS, limits))


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(config: pytest.Config) -> None:
    session = getattr(config, "_benchmarksession", None)
    if session is not None:
        measured = [
            Measured(each.group or "", each.name, each.stats.min, each.stats.data)
            for each in session.benchmarks
            if each.stats.data  # one that failed has none
        ]
        show(measured)
        show_percentiles(measured)
