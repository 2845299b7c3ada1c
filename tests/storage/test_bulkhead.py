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
from harka.repositories.organization import Organization
from harka.storage.databases import Databases
from harka.storage.location import Location
from harka.storage.provision import create_home
from harka.storage.session import open_session
from harka.storage.statement import Statement
from harka.tenancy.gate import Gate
from harka.tenancy.line import Rank
from storage.asking import ask, later
from tenancy.samples import organization
from waiting import until

SHARD = Location("shard_medium_1", "shard_medium_1")
OTHERS = Location("shard_medium_2", SHARD.schema), Location("shard_medium_3", SHARD.schema)

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


def resident(name: str, location: Location) -> Organization:
    """Who lives there."""
    return organization(name, database=location.database, schema=location.schema)


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
    """`home` in the session's server, `SHARD` and `OTHERS` in the other, a pool each."""
    url = elsewhere.settings.app_database_url
    assert url is not None
    and_ = "&" if "?" in url else "?"
    placed = [f"{each.database}={url}{and_}application_name={each.database}" for each in (SHARD, *OTHERS)]
    databases = Databases(
        msgspec.structs.replace(storage_settings, shard_databases=",".join(placed), pool_size=4)
    )
    yield databases
    await databases.close()


async def test_a_shard_that_hangs_hurts_only_its_own_tenants(
    both: Databases, home: Location, elsewhere: Elsewhere
) -> None:
    gate = Gate(most=8, patience=1.0)
    fine = resident("fine", home)

    async def through_the_gate(location: Location, who: str) -> int:
        asker = fine if location is home else resident(who, location)
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


async def test_however_many_databases_hang_the_tenants_of_another_one_are_served(
    both: Databases, home: Location, elsewhere: Elsewhere
) -> None:
    gate = Gate(most=8, patience=0.1, storage=both)
    fine = resident("fine", home)
    hung = [
        (location, resident(f"hung-{number}-{location.database}", location))
        for location in (SHARD, *OTHERS)
        for number in range(4)
    ]

    async def through_the_gate(location: Location, asker: Organization) -> int:
        async with gate.passing(asker, Rank.INTERACTIVE, math.inf):
            return await ask(both, location, within=20)

    for location in (home, SHARD, OTHERS[0]):
        await ask(both, location)
    bays = {gate.flow(asker).bay for _, asker in hung}
    gate.flow(fine)
    tasks: list[asyncio.Task[int]] = []
    with elsewhere.frozen():
        async with asyncio.timeout(10):
            while sum(bay.is_late for bay in bays) < len(bays):
                tasks += [asyncio.create_task(through_the_gate(*each)) for each in hung]
                await asyncio.sleep(0.01)
        for _ in range(30):
            tasks += [asyncio.create_task(through_the_gate(*each)) for each in hung]
            assert await through_the_gate(home, fine) == 0
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert (gate.under_way, gate.waiting, gate.state()["late"]) == (0, 0, 0)


async def test_who_waits_for_an_answer_in_whatever_way_is_counted(
    both: Databases, elsewhere: Elsewhere
) -> None:
    (cold, _) = OTHERS
    async with asyncio.TaskGroup() as group:
        for single in (True, False):
            group.create_task(ask(both, SHARD, single=single))
    await ask(both, SHARD, single=True)

    def late(location: Location) -> int:
        return sum(both.late(location.database, 0.02).values())

    async def all_are_late() -> bool:
        return (late(SHARD), late(cold)) == (11, 6)

    assert (late(SHARD), late(cold)) == (0, 0)
    with elsewhere.frozen():
        # 5 in line on one connection, 3 with one each, 3 that wait for one; 4 that open one, 2 behind them
        kinds = [(SHARD, True)] * 5 + [(SHARD, False)] * 6 + [(cold, False)] * 6
        asked = [asyncio.create_task(ask(both, where, within=20, single=single)) for where, single in kinds]
        await until(all_are_late)
        assert not any(both.late(SHARD.database, 20.0).values())
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)


async def test_who_waits_for_another_tenants_turn_waits_for_no_answer(
    both: Databases, home: Location
) -> None:
    """As where processors are short: a connection is held, and nothing is asked on it."""
    pool = both.pool(home.database)
    held = [await pool.acquire(later()) for _ in range(4)]
    waits = asyncio.create_task(ask(both, home))
    while not pool.is_crowded:  # noqa: ASYNC110 - the pool tells nobody
        await asyncio.sleep(0)
    # that it is not late shows only once it has waited for longer than that
    await asyncio.sleep(0.01)
    assert not any(both.late(home.database, 0.001).values())
    for wire in held:
        pool.release(wire)
    assert await waits == 0


async def test_a_tenant_that_is_slow_leaves_connections_to_others(both: Databases, home: Location) -> None:
    tenant = uuid4()
    sleepers = [asyncio.create_task(slow(both, home, tenant)) for _ in range(8)]
    pool = both.pool(home.database)
    while len(pool.used) < 3 or not pool.is_crowded:  # noqa: ASYNC110 - the pool tells nobody
        await asyncio.sleep(0.001)
    assert await ask(both, home) == 0
    assert not any(task.done() for task in sleepers)
    # of the other 5 it is its own share that they wait for, of another tenant that somebody has had enough
    held, waits = await pool.acquire(later()), asyncio.create_task(ask(both, home))

    async def all_are_late() -> bool:
        return both.late(home.database, 0.02) == {home.schema: 8}

    await until(all_are_late)
    pool.release(held)
    assert await waits == 0
    for task in sleepers:
        task.cancel()
    await asyncio.gather(*sleepers, return_exceptions=True)


async def slow(databases: Databases, home: Location, tenant: UUID) -> None:
    session = open_session(databases, home, tenant, read_only=True, timeout=20)
    try:
        await session.fetch(SLOW)
    finally:
        await session.rollback()
