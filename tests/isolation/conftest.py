"""Six tenants, two in each placement mode, that look alike."""

import gc
import itertools
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any

import httpx2
import pytest
from attack import accepted
from speaker import QUERIES, LogLines, Speaker, overheard
from state import States
from worlds import World, populate

from harka import logs
from harka.repositories.organization import Organization
from harka.runtime import Runtime
from harka.tenancy.placement import Mode
from harka.tenancy.plan import Plan
from harka.tenancy.provisioning import create_tenant
from provider import serving


@pytest.fixture(scope="session")
def issuer() -> Iterator[str]:
    with serving() as provider:
        yield provider.issuer


@pytest.fixture(scope="session")
async def worlds(runtime: Runtime, issuer: str) -> dict[str, World]:
    made: dict[str, World] = {}
    for mode, side in itertools.product(Mode, "ab"):
        organization = await _alike(runtime, mode, side)
        # two tenants of a pool prove something only in the same tables
        while mode is Mode.POOL and made and organization.schema != made["pool-a"].organization.schema:
            organization = await _alike(runtime, mode, side)
        made[f"{mode.lower()}-{side}"] = await populate(runtime, organization, issuer)
    return made


async def _alike(runtime: Runtime, mode: Mode, side: str) -> Organization:
    return await create_tenant(
        runtime.catalog,
        runtime.settings,
        name=f"Alike {mode} {side}",
        slug=f"alike-{mode.lower()}-{side}-{secrets.token_hex(4)}",
        plan=Plan.ENTERPRISE,
        users_expected=200,
        mode=mode,
    )


@pytest.fixture(scope="session")
async def speaker(runtime: Runtime, worlds: dict[str, World]) -> AsyncIterator[Speaker]:
    """Also lets every world learn its own ids and cursors, by asking everything as its owner."""
    log = LogLines()
    with logs.writing(runtime.settings, log):
        app = overheard(runtime)
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://harka.localhost") as http:
            made = Speaker(http, app, log, runtime.settings.platform_domain)
            for world in worlds.values():
                for field in QUERIES:
                    for variables in accepted(field, world):
                        world.learn((await made.ask(world, field, variables)).body)
            # read documents with all there is in them, for all the tests to come: nothing for the collector
            gc.freeze()
            yield made


@pytest.fixture(scope="session")
async def states(runtime: Runtime, servers: Any) -> AsyncIterator[States]:
    async with AsyncExitStack() as stack:
        yield States(runtime, servers.admin_url, stack)
