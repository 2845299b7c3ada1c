"""What a request costs in an organization of 50 and of 50,000 people: `pytest benchmarks/test_people.py`.

Through the whole application, PostgreSQL with it. Both organizations lie in one database, whose statistics
are current.
"""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack

import msgspec
import pytest
from nowhere import logged_nowhere
from population import Population, fill, found, make_key, settle
from pytest_benchmark.fixture import BenchmarkFixture
from servers import Ground
from stage import Stage, stage
from test_request import asking, served

from harka.codec import from_json
from harka.ids import NodeKind
from harka.opening import open_runtime
from harka.tenancy.permission import Permission
from harka.tenancy.placement import Mode
from harka.tenancy.plan import Plan

SIZES = [50, 50_000]
QUESTIONS = {
    "one person": '{{ user(id: "{user}") {{ id name email role }} }}',
    "a page of people": "{{ users(first: 20) {{ nodes {{ id name email }} }} }}",
}

Laid = dict[int, tuple[Ground, str]]
"""By size: the organization, and a person of it."""


async def lay(servers: Stage) -> Laid:
    laid = {}
    async with open_runtime(servers.settings) as runtime:
        for size in SIZES:
            made = await found(runtime, f"of-{size}", plan=Plan.ENTERPRISE, users=size, mode=Mode.POOL)
            filled = await fill(runtime, made, Population(users=size, courses=1, enrollments=1))
            key = await make_key(runtime, made, tuple(Permission))
            person = runtime.node_ids.seal(made.id, NodeKind.USER, filled.users[size // 2])
            settings = msgspec.structs.replace(servers.settings, cache_answers=False)
            laid[size] = Ground(settings, made, key), person
    await settle(servers.admin_url)
    return laid


@pytest.fixture(scope="module")
def laid(loop: asyncio.AbstractEventLoop) -> Iterator[Laid]:
    with stage() as servers:
        yield loop.run_until_complete(lay(servers))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", QUESTIONS)
def test_request(
    benchmark: BenchmarkFixture, loop: asyncio.AbstractEventLoop, laid: Laid, name: str, size: int
) -> None:
    benchmark.group = f"among how many people: {name}"
    ground, person = laid[size]
    with logged_nowhere():
        stack = AsyncExitStack()
        app = loop.run_until_complete(stack.enter_async_context(served(ground, "compiled")))
        ask = asking(app, ground, QUESTIONS[name].format(user=person))
        assert from_json(loop.run_until_complete(ask()))["data"]
        benchmark(lambda: loop.run_until_complete(ask()))
        loop.run_until_complete(stack.aclose())
