"""Shards of one database that do not answer, since their tables are locked: whose tenants feel it."""

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import asyncpg
import msgspec
import pytest

from harka.config import Settings
from harka.errors import HarkaError, OverloadedError
from harka.repositories.organization import Organization
from harka.storage import lane
from harka.storage.databases import Databases
from harka.storage.location import Location, admin_url
from harka.storage.provision import create_home
from harka.storage.session import open_session
from harka.storage.statement import Statement
from harka.tenancy.concurrency import INITIAL
from harka.tenancy.gate import Gate
from harka.tenancy.line import Rank
from storage.asking import ask, later
from tenancy.samples import organization
from waiting import until

LOCKED = [Location("app", f"shard_small_{number}") for number in (11, 12, 13)]
WAIT = Statement(
    "test.wait",
    """SELECT count(pg_advisory_xact_lock_shared($2::bigint)) FROM (VALUES ($1::uuid)) v
    WHERE NOT EXISTS (SELECT FROM {schema}."user" WHERE id <> id)""",
)
KEY = 78
EACH = 30
"""Requests to a shard that is locked."""
TIMEOUT = 2.0


@pytest.fixture
async def databases(storage_settings: Settings, home: Location) -> AsyncIterator[Databases]:
    """With pools as large as they are by default, and every statement known."""
    for location in LOCKED:
        await create_home(storage_settings, location)
    databases = Databases(msgspec.structs.replace(storage_settings, pool_size=Settings().pool_size))
    for location in (home, *LOCKED):
        for single in (True, True, False):
            await ask(databases, location, single=single)
    yield databases
    await databases.close()


@asynccontextmanager
async def locked(settings: Settings, locations: list[Location]) -> AsyncIterator[asyncpg.Connection]:
    """While the block runs nobody reads of anybody who lives there."""
    owner = await asyncpg.connect(admin_url(settings, "app"))
    try:
        async with owner.transaction():
            for location in locations:
                await owner.execute(f'LOCK TABLE {location.schema}."user" IN ACCESS EXCLUSIVE MODE')
            yield owner
    finally:
        await owner.close()


@pytest.mark.parametrize("single", [True, False])
@pytest.mark.parametrize("count", [1, 2])
async def test_the_tenants_of_other_shards_are_served(
    databases: Databases,
    storage_settings: Settings,
    home: Location,
    count: int,
    single: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """`single`: each read in line with others, otherwise on a connection to itself."""
    gate = Gate(most=64, patience=0.1, storage=databases)
    fine = organization("fine", schema=home.schema)
    hung = {location: organization(location.schema, schema=location.schema) for location in LOCKED[:count]}

    async def through_the_gate(who: Organization, location: Location) -> int:
        async with gate.passing(who, Rank.INTERACTIVE, math.inf):
            return await ask(databases, location, within=30, single=single)

    gate.flow(fine)
    bays = {location: gate.flow(who).bay for location, who in hung.items()}
    asked: list[asyncio.Task[int]] = []

    async def all_are_late() -> bool:
        # those that found no place are refused in the end, and others come
        for location, who in hung.items():
            if not (bays[location].is_late or gate.flow(who).waiting):
                asked.extend(asyncio.create_task(through_the_gate(who, location)) for _ in range(EACH))
        return all(bay.is_late for bay in bays.values())

    try:
        async with locked(storage_settings, LOCKED[:count]):
            await until(all_are_late)
            limit = gate.limit
            async with asyncio.timeout(10):
                answers = [await through_the_gate(fine, home) for _ in range(40)]
            assert answers == [0] * 40
            assert not any(task.done() and task.exception() is None for task in asked)
            assert gate.limit == limit == INITIAL
    finally:
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} <= {int, OverloadedError}
    assert (gate.under_way, gate.waiting, gate.state()["late"]) == (0, 0, 0)


async def test_a_third_shard_that_hangs_is_felt_until_the_first_statement_times_out(
    databases: Databases, storage_settings: Settings, home: Location
) -> None:
    """It takes the last connection. Once one comes back, whoever holds the others leave one again."""
    pool = databases.pool("app")
    loop = asyncio.get_running_loop()
    is_over = asyncio.Event()

    async def come_again(where: Location) -> None:
        while not is_over.is_set():
            with contextlib.suppress(HarkaError):
                await ask(databases, where, within=TIMEOUT)
            await asyncio.sleep(0)

    async def hold(count: int) -> bool:
        return len(pool.used) == count

    async with asyncio.TaskGroup() as stuck, locked(storage_settings, LOCKED):
        for where, held in zip(LOCKED, (7, 9, 10), strict=True):
            for _ in range(EACH):
                stuck.create_task(come_again(where))
            await until(lambda held=held: hold(held))
        begun = loop.time()
        assert await ask(databases, home) == 0
        assert loop.time() - begun < 1.5 * TIMEOUT
        while loop.time() - begun < 3 * TIMEOUT:
            async with asyncio.timeout(TIMEOUT / 2):
                assert await ask(databases, home) == 0
        is_over.set()


async def test_who_is_late_is_told_by_shards(
    databases: Databases, storage_settings: Settings, home: Location
) -> None:
    """Also those who wait for a connection, where only their own shard's stand in their way."""

    async def all_are_late() -> bool:
        return databases.late("app", 0.05) == {location.schema: EACH for location in LOCKED[:2]}

    async with locked(storage_settings, LOCKED[:2]):
        # one is at work: otherwise all wait for what is late
        pool = databases.pool("app")
        wire = await pool.acquire(later(), b"", home.schema)
        asked = [asyncio.create_task(ask(databases, where, within=30)) for where in LOCKED[:2] * EACH]
        await until(all_are_late)
        pool.release(wire)
        assert await ask(databases, home) == 0
        assert not any(databases.late("app", 30.0).values())
    assert await asyncio.gather(*asked) == [0] * 2 * EACH


@pytest.mark.compiled
async def test_a_line_counts_to_the_shard_whose_turn_it_is(
    databases: Databases, storage_settings: Settings, home: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who began it has been answered, and otherwise counted as holding what others wait on."""
    # however slow this machine is, all stand in line and nobody gives way
    monkeypatch.setattr(lane, "_BRIEF", 0.9)
    monkeypatch.setattr(lane, "_PATIENCE", math.inf)
    pool = databases.pool("app")

    async def wait(key: int) -> None:
        session = open_session(databases, home, uuid4(), read_only=True, timeout=30, single=True)
        await session.fetch_value(WAIT, key)
        await session.commit()

    async def is_held(by: Location) -> bool:
        return [shard for shard, held in pool._of_shard.items() if held] == [by.schema]

    await wait(KEY + 1)
    async with locked(storage_settings, LOCKED[:1]) as owner:
        await owner.execute("SELECT pg_advisory_lock($1)", KEY)
        first = asyncio.create_task(wait(KEY))
        behind = asyncio.create_task(ask(databases, LOCKED[0], within=30, single=True))
        await asyncio.sleep(0)
        await until(lambda: is_held(home))
        (wire,) = pool.used
        assert wire.outstanding == 2
        await owner.execute("SELECT pg_advisory_unlock($1)", KEY)
        await first
        await until(lambda: is_held(LOCKED[0]))
        assert pool.used == {wire}
    assert await behind == 0
    assert not any(pool._of_shard.values())
