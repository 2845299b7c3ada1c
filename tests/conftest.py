"""Real servers for every test: one PostgreSQL and one Valkey a session, a catalog, a runtime, clients on top.

They are embedded like those of `harka up`, only that nothing is forced to disk.
"""

import asyncio
import contextlib
import gc
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from harka import config
from harka.auth import api_key
from harka.cli.embedded.prepare import prepare
from harka.cli.embedded.servers import Embedded
from harka.config import Settings
from harka.executor import COMPILED
from harka.metrics import Left
from harka.repositories.organization import Organization
from harka.runtime import Runtime
from harka.tenancy.permission import Permission
from harka.tenancy.placement import Mode
from harka.tenancy.plan import Plan
from harka.tenancy.provisioning import create_tenant

pytest_plugins = ["hanging"]

# the program is started a hundred times: each would compile itself anew, for seconds
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# what is collected stays, all of it: until then the collector would look through it in vain
gc.disable()
# for each request httpx2 looks whether there is a sniffio, in all of the path: there is none
sys.modules.setdefault("sniffio", None)  # type: ignore[arg-type] # this is how its absence is remembered


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Processes for `-n auto`, each with servers of its own: for a whole run, not for a file of it."""
    whole = config.args == config.getini("testpaths")
    return min(os.cpu_count() or 1, _MOST_WORKERS) if whole else 0


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without the extensions, what is about them is left out.

    Each process is given a part of the list: what shares something dear stands together at its beginning, so
    that only one process has to make it. Otherwise the order is random.
    """
    absent = [] if COMPILED else [item for item in items if item.get_closest_marker("compiled")]
    if absent:
        config.hook.pytest_deselected(items=absent)
        items[:] = [item for item in items if item not in set(absent)]
    items.sort(key=lambda item: _DEAR.isdisjoint(getattr(item, "fixturenames", ())))


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    """Thousands of tests and all they import stay: to look through them took the collector minutes in all.

    Not when what is collected is complete: that is never told to the process that gives xdist's others work.
    """
    gc.collect()
    gc.freeze()
    gc.enable()


_DEAR = frozenset({"worlds", "packages", "crowd", "demo_run"})
"""Fixtures that take a process half a minute.

Tenants with something of everything, npm's packages, thousands of rows of each kind, the demo's learners.
"""

_MOST_WORKERS = 4
"""Beyond that PostgreSQL, Valkey and the tests stand in each other's way."""

MakeTenant = Callable[..., Awaitable[Organization]]
OpenClient = Callable[..., Awaitable["Client"]]


@pytest.fixture(autouse=True)
def plans_do_not_fail(request: pytest.FixtureRequest) -> Iterator[None]:
    """graphql-core answers where a plan fails, so that nobody else would notice."""
    if "runtime" not in request.fixturenames or request.node.get_closest_marker("fails_plans"):
        yield
        return
    runtime = request.getfixturevalue("runtime")
    before = _plans_failed(runtime)
    yield
    assert _plans_failed(runtime) == before


def _plans_failed(runtime: Runtime) -> float:
    """Read alone: all there is to scrape, of hundreds of tenants, took longer than many a test."""
    (counter,) = runtime.metrics.registry.restricted_registry(["harka_plans_left_total"]).collect()
    (failed,) = [each.value for each in counter.samples if each.labels == {"reason": Left.UNEXPECTED}]
    return failed


@dataclass(frozen=True)
class Servers:
    """`admin_url`: as superuser, for `prepare_server(admin_url, database=…)`: a database of one's own."""

    admin_url: str
    redis_url: str
    embedded: Embedded


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    # not pytest's directory: PostgreSQL runs as another user when the tests run as root
    directory = Path(tempfile.mkdtemp(prefix="harka-test-", dir="/var/tmp"))
    directory.chmod(0o755)
    given = config.load()
    # as the caller's environment has it: the same suite over both executors
    programs = Settings(
        pg_bin=given.pg_bin, valkey_bin=given.valkey_bin, executor=given.executor, xmlsec1=given.xmlsec1
    )
    try:
        with Embedded(programs, directory, durable=False) as embedded:
            embedded.wait()
            url, redis_url = embedded.admin_url, embedded.settings.redis_url
            assert url is not None
            assert redis_url is not None
            yield Servers(url, redis_url, embedded)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
async def settings(servers: Servers) -> Settings:
    """A catalog and a shard database of the session, migrated and empty."""
    # more time for Valkey than in earnest: a busy machine must not look like a slow one
    settings = msgspec.structs.replace(
        servers.embedded.settings,
        metrics_port=0,
        port=0,
        graphiql=False,
        cache_timeout=1.0,
        # providers of the tests answer on loopback
        outbound_private=True,
    )
    await prepare(settings, servers.admin_url)
    return settings


@pytest.fixture(scope="session")
async def runtime(settings: Settings) -> AsyncIterator[Runtime]:
    from harka.opening import open_runtime  # noqa: PLC0415 - the lower floors' tests need not wait for it

    async with open_runtime(settings) as runtime:
        yield runtime


@pytest.fixture(scope="session")
def make_tenant(runtime: Runtime) -> MakeTenant:
    """Call it with mode, plan, slug, or none: a new organization with its home, served at once."""

    async def make(
        *, mode: Mode = Mode.POOL, plan: Plan = Plan.ENTERPRISE, slug: str | None = None
    ) -> Organization:
        slug = slug or f"t{secrets.token_hex(6)}"
        made = await create_tenant(
            runtime.catalog, runtime.settings, name=slug, slug=slug, plan=plan, users_expected=200, mode=mode
        )
        await runtime.directory.reread(made.id)
        return made

    return make


class Client(httpx2.AsyncClient):
    """Speaks HTTP as one caller of one organization."""

    async def graphql(self, document: str, variables: dict[str, Any] | None = None) -> Any:
        """The answer's JSON, errors included."""
        response = await self.post("/graphql", json={"query": document, "variables": variables or {}})
        return response.json()


@pytest.fixture
async def api(runtime: Runtime) -> AsyncIterator[OpenClient]:
    """Call it with a tenant: a client at its address, in this process, with an API key of these scopes.

    No scopes, no key: an anonymous caller.
    """
    from harka.web.middleware.draining import Draining  # noqa: PLC0415 - see runtime
    from harka.web.routes import build  # noqa: PLC0415 - see runtime

    async with contextlib.AsyncExitStack() as stack:

        async def open_client(tenant: Organization, scopes: Sequence[str] = tuple(Permission)) -> Client:
            headers = {}
            if scopes:
                made = await api_key.create(runtime.catalog, tenant.id, name="test", scopes=list(scopes))
                await runtime.directory.reread(tenant.id)
                headers["x-api-key"] = made.text
            transport = httpx2.ASGITransport(build(runtime, Draining()))
            address = f"http://{tenant.slug}.{runtime.settings.platform_domain}"
            return await stack.enter_async_context(
                Client(transport=transport, base_url=address, headers=headers)
            )

        yield open_client


@dataclass(frozen=True)
class LiveServer:
    """A real server on a port of its own, with a runtime of its own that follows the same catalog."""

    settings: Settings
    server: Any

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.settings.port}"

    def host(self, tenant: Organization) -> str:
        """The `Host` header that leads to `tenant`."""
        return f"{tenant.slug}.{self.settings.platform_domain}"


@pytest.fixture(scope="session")
async def live_server(settings: Settings) -> AsyncIterator[LiveServer]:
    from harka.cli.serving import OwnedServer, listen, port_of  # noqa: PLC0415 - see runtime

    listener = listen("127.0.0.1", 0)
    settings = msgspec.structs.replace(settings, port=port_of(listener), graphiql=True)
    server = OwnedServer(settings)
    serving = asyncio.create_task(server.serve([listener]))
    await server.serving.wait()
    yield LiveServer(settings, server)
    server.stop()
    await serving
