"""A database server that has stopped answering, beside one that has not: whose tenants feel it."""

import asyncio
import math
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import psutil
import pytest

from harka import config
from harka.cli.embedded.prepare import prepare
from harka.cli.embedded.servers import Embedded
from harka.config import Settings
from harka.storage.databases import Databases
from harka.storage.location import Location
from harka.storage.provision import create_home
from harka.storage.session import open_session
from harka.storage.statement import Statement
from harka.tenancy.gate import Gate
from harka.tenancy.line import Rank
from storage.asking import ask
from tenancy.samples import organization

SHARD = Location("shard_medium_1", "shard_medium_1")

SLOW = Statement("test.slow", """SELECT pg_sleep(20), count(*) FROM {schema}."user" WHERE tenant_id = $1""")


class Elsewhere:
    """A PostgreSQL of a test's own."""

    def __init__(self, embedded: Embedded) -> None:
        self.settings = embedded.settings
        self.admin_url = embedded.admin_url
        (self._server,) = embedded._children

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It keeps its connections, and answers nothing."""
        server = psutil.Process(self._server.process.pid)
        stopped = [server, *server.children(recursive=True)]
        for process in stopped:
            process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for process in stopped:
                process.send_signal(signal.SIGCONT)


@pytest.fixture(scope="module")
async def elsewhere() -> AsyncIterator[Elsewhere]:
    directory = Path(tempfile.mkdtemp(prefix="harka-elsewhere-", dir="/var/tmp"))
    directory.chmod(0o755)  # noqa: ASYNC240 - before anything else runs
    # what has a URL is not started
    programs = Settings(pg_bin=config.load().pg_bin, redis_url="redis://localhost:1")
    try:
        with Embedded(programs, directory, durable=False) as embedded:
            embedded.wait()
            made = Elsewhere(embedded)
            await prepare(made.settings, made.admin_url)
            await create_home(made.settings, Location("app", SHARD.schema))
            yield made
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
async def both(storage_settings: Settings, elsewhere: Elsewhere) -> AsyncIterator[Databases]:
    """`home` in the session's server, `SHARD` in the other."""
    placed = f"{SHARD.database}={elsewhere.settings.app_database_url}"
    databases = Databases(msgspec.structs.replace(storage_settings, shard_databases=placed, pool_size=4))
    yield databases
    await databases.close()


async def test_a_shard_that_hangs_hurts_only_its_own_tenants(
    both: Databases, home: Location, elsewhere: Elsewhere
) -> None:
    gate = Gate(most=8, patience=1.0)
    fine = organization("fine", database=home.database)

    async def through_the_gate(location: Location, who: str) -> int:
        asker = fine if location is home else organization(who, database=location.database)
        async with gate.passing(asker, Rank.INTERACTIVE, math.inf):
            return await ask(both, location, within=20)

    assert await through_the_gate(home, "fine") == await through_the_gate(SHARD, "stuck") == 0
    with elsewhere.frozen():
        stuck = [asyncio.create_task(through_the_gate(SHARD, f"stuck-{number}")) for number in range(12)]
        await asyncio.sleep(0)
        for _ in range(30):
            assert await through_the_gate(home, "fine") == 0
        assert not any(task.done() for task in stuck), "they hold all that they may, and the others pass"
        for task in stuck:
            task.cancel()
        await asyncio.gather(*stuck, return_exceptions=True)
    assert (gate.under_way, gate.waiting) == (0, 0)


async def test_a_tenant_that_is_slow_leaves_connections_to_others(both: Databases, home: Location) -> None:
    tenant = uuid4()
    sleepers = [asyncio.create_task(slow(both, home, tenant)) for _ in range(8)]
    pool = both.pool(home.database)
    while len(pool.used) < 3 or not pool.is_crowded:  # noqa: ASYNC110 - the pool tells nobody
        await asyncio.sleep(0.001)
    assert await ask(both, home) == 0
    assert not any(task.done() for task in sleepers)
    for task in sleepers:
        task.cancel()
    await asyncio.gather(*sleepers, return_exceptions=True)


async def slow(databases: Databases, home: Location, tenant: UUID) -> None:
    session = open_session(databases, home, tenant, read_only=True, timeout=20)
    try:
        await session.fetch(SLOW)
    finally:
        await session.rollback()
