"""Reads in line whose table is locked in a real server: who else feels it."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from asyncpg import connect_utils

from harka.config import Settings
from harka.storage import lane
from harka.storage.databases import Databases
from harka.storage.location import Location, app_url
from harka.storage.migrate import connected
from harka.storage.provision import create_home
from harka.storage.session import open_session
from harka.storage.statement import Statement
from storage.asking import COUNT, later
from waiting import until

pytestmark = pytest.mark.compiled

LONG = 60.0
"""Seconds until a statement's own timeout: longer than a test."""
SOON = 3.0
FIRST, SECOND = 91, 92
WAIT = Statement(
    "test.wait_for",
    """SELECT count(pg_advisory_xact_lock_shared($2::bigint)) FROM (VALUES ($1::uuid)) v
    WHERE NOT EXISTS (SELECT FROM {schema}."user" WHERE id <> id)""",
)
WAIT_TOO = Statement("test.wait_too", WAIT.text.replace("$2", "1 + $2 - 1"))


class Line:
    """A database with four connections, of which one tenant may hold three. Whatever it is asked is brief."""

    def __init__(self, databases: Databases, locks: asyncpg.Connection) -> None:
        self._databases = databases
        self._locks = locks
        self.pool = databases.pool("app")
        self.lanes = databases.database("app").lanes

    def ask(
        self, where: Location, *args: object, statement: Statement = COUNT, tenant: UUID | None = None
    ) -> asyncio.Task[int]:
        async def asked() -> Any:
            session = open_session(
                self._databases, where, tenant or uuid4(), read_only=True, timeout=LONG, single=True
            )
            try:
                return await session.fetch_value(statement, *args)
            finally:
                await session.rollback()

        return asyncio.create_task(asked())

    async def blocked(self, count: int) -> None:
        """Until so many wait in PostgreSQL for a lock."""
        query = """SELECT count(*) FROM pg_locks WHERE NOT granted
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""

        async def are() -> bool:
            found: int = await self._locks.fetchval(query)
            return found == count

        await until(are, within=SOON)


@pytest.fixture(scope="module")
async def elsewhere(storage_settings: Settings) -> Location:
    """Another shard of the same database."""
    location = Location("app", "shard_small_8")
    await create_home(storage_settings, location)
    return location


@pytest.fixture
async def locks(storage_settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    """Holds `FIRST` and `SECOND`; and looks on."""
    connection = await asyncpg.connect(app_url(storage_settings, "app"))
    await connection.execute(f"SELECT pg_advisory_lock({FIRST}), pg_advisory_lock({SECOND})")
    yield connection
    await connection.close()


@pytest.fixture
async def line(
    wide: Settings,
    home: Location,
    elsewhere: Location,
    locks: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Line]:
    monkeypatch.setattr(lane, "_BRIEF", 0.9)
    databases = Databases(wide)
    line = Line(databases, locks)
    await asyncio.gather(*(line.ask(where) for where in (home, home, elsewhere, elsewhere)))
    for where in (home, elsewhere):
        for statement in (WAIT, WAIT_TOO):
            assert await line.ask(where, 5, statement=statement) == 1
        assert await line.ask(where) == 0
    yield line
    await databases.close()


@pytest.fixture
async def table(
    line: Line, storage_settings: Settings, home: Location
) -> AsyncIterator[asyncpg.transaction.Transaction]:
    """A transaction that keeps everybody from `home` until it is rolled back."""
    owner = await asyncpg.connect(storage_settings.admin_database_url)
    lock = owner.transaction()
    await lock.start()
    await owner.execute(f'LOCK TABLE {home.schema}."user" IN ACCESS EXCLUSIVE MODE')
    yield lock
    await owner.close()


@pytest.fixture
async def may_cancel(line: Line, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """What is cancelled is told to the server when this is set."""
    told = asyncio.Event()
    cancel = connect_utils._cancel

    async def late(**options: Any) -> None:
        await told.wait()
        await cancel(**options)

    monkeypatch.setattr(connect_utils, "_cancel", late)
    return told


@pytest.mark.usefixtures("table")
async def test_who_leaves_a_locked_table_leaves_the_connection(
    line: Line, home: Location, elsewhere: Location
) -> None:
    tenant = uuid4()
    for _ in range(3):
        asked = [line.ask(home, tenant=tenant) for _ in range(4)]
        await line.blocked(1)
        for each in asked:
            each.cancel()
        await line.blocked(0)
        assert await line.ask(elsewhere) == 0

    await until_true(lambda: not line.pool.used)
    for wire in line.pool._idle:
        assert len(wire.connection._cancellations) <= 1, "asyncpg keeps what it told for ever"


async def test_who_is_stuck_behind_a_migration_is_answered_by_what_it_made(
    line: Line, home: Location, storage_settings: Settings
) -> None:
    counted = Statement("test.counted", "SELECT n FROM {schema}.counted, (VALUES ($1::uuid)) v WHERE n > 0")
    table = f"{home.schema}.counted"
    async with connected(storage_settings.admin_database_url) as owner:
        await owner.execute(f"CREATE TABLE {table} AS SELECT 1::int4 AS n; GRANT SELECT ON {table} TO PUBLIC")
        try:
            for _ in range(3):
                assert await line.ask(home, statement=counted) == 1
            async with owner.transaction():
                await owner.execute(f"ALTER TABLE {table} ALTER n TYPE int8")
                stuck = [line.ask(home, statement=counted) for _ in range(3)]
                await line.blocked(1)
                # given way, and asked again
                await line.blocked(3)
            assert await asyncio.gather(*stuck) == [1] * 3
        finally:
            await owner.execute(f"DROP TABLE {table}")


async def test_a_line_counts_to_the_tenant_who_began_it(
    line: Line,
    home: Location,
    elsewhere: Location,
    table: asyncpg.transaction.Transaction,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One after the other, each when the line of the one before is not joined any more."""
    monkeypatch.setattr(lane, "_LONGEST_LINE", 1)
    tenant = uuid4()
    stuck = []
    for count in (1, 2, 3):
        stuck.append(line.ask(home, tenant=tenant))
        await line.blocked(count)
    stuck.append(line.ask(home, tenant=tenant))
    async with asyncio.timeout(SOON):
        assert await line.ask(elsewhere) == 0
    assert len(line.pool.used) == len(line.lanes._lanes) == 3
    await table.rollback()
    assert await asyncio.gather(*stuck) == [0] * 4


async def test_readers_of_another_shard_get_past_a_locked_table(
    line: Line, home: Location, elsewhere: Location, table: asyncpg.transaction.Transaction
) -> None:
    stuck = line.ask(home)
    others = [line.ask(elsewhere) for _ in range(5)]
    async with asyncio.timeout(SOON):
        assert await asyncio.gather(*others) == [0] * 5
    await line.blocked(1)
    # the line ends once nothing on its connection can be cancelled any more
    await until_true(lambda: line.lanes.askers() == {})
    assert len(line.pool.used) == 1
    await table.rollback()
    assert await stuck == 0


async def test_however_many_of_one_tenant_are_stuck_in_a_line_others_get_past(
    line: Line, home: Location, elsewhere: Location, table: asyncpg.transaction.Transaction
) -> None:
    tenant = uuid4()
    pairs = [(line.ask(home, tenant=tenant), line.ask(elsewhere)) for _ in range(6)]
    async with asyncio.timeout(SOON):
        assert await asyncio.gather(*(other for _, other in pairs)) == [0] * 6
    # of four connections
    await line.blocked(3)
    async with asyncio.timeout(SOON):
        assert await line.ask(elsewhere) == 0
    assert not any(stuck.done() for stuck, _ in pairs)
    await table.rollback()
    assert await asyncio.gather(*(stuck for stuck, _ in pairs)) == [0] * 6


@pytest.mark.usefixtures("table", "may_cancel")
async def test_who_asked_the_same_of_a_locked_table_goes_at_once(
    line: Line, home: Location, elsewhere: Location
) -> None:
    asked = [*(line.ask(home) for _ in range(6)), line.ask(elsewhere)]
    await until_true(lambda: [each.total() for each in line.lanes.askers().values()] == [1])
    assert line.lanes._lanes[0].wire.outstanding == 7
    for each in asked:
        each.cancel()


async def test_who_is_stuck_in_the_line_of_another_tenant_counts_to_its_own(
    line: Line, home: Location, elsewhere: Location, table: asyncpg.transaction.Transaction
) -> None:
    tenant = uuid4()
    first, stuck = line.ask(elsewhere), line.ask(home, tenant=tenant)
    assert await first == 0
    await until_true(lambda: [holder for holder, _ in line.pool._used.values()] == [str(tenant).encode()])
    await table.rollback()
    assert await stuck == 0


async def test_who_keeps_nobody_waiting_stays_in_line(
    line: Line, home: Location, table: asyncpg.transaction.Transaction
) -> None:
    """It would only be asked again."""
    stuck = line.ask(home)
    await line.blocked(1)
    (lent,) = line.lanes._lanes
    await until_true(lambda: lent._patience < 0)
    assert line.lanes._lanes == [lent]
    await table.rollback()
    assert await stuck == 0


async def test_a_connection_is_lent_to_nobody_until_nothing_on_it_can_be_cancelled(
    line: Line, home: Location, locks: asyncpg.Connection, may_cancel: asyncio.Event
) -> None:
    left = line.ask(home, FIRST, statement=WAIT)
    await line.blocked(1)
    left.cancel()
    (wire,) = line.pool.used
    (lent,) = line.lanes._lanes
    await until_true(lambda: lent._cancelling is not None)
    await locks.execute(f"SELECT pg_advisory_unlock({FIRST})")
    await until_true(lambda: not wire.outstanding)
    assert line.pool.used == {wire}
    assert not lent.is_joinable(lambda: False)
    may_cancel.set()
    await until_true(lambda: not line.pool.used)
    assert not wire.connection.is_closed()


async def test_who_is_cancelled_in_place_of_another_is_asked_again(
    line: Line, home: Location, locks: asyncpg.Connection, may_cancel: asyncio.Event
) -> None:
    left = line.ask(home, FIRST, statement=WAIT)
    behind = line.ask(home, SECOND, statement=WAIT_TOO)
    await line.blocked(1)
    left.cancel()
    (lent,) = line.lanes._lanes
    await until_true(lambda: lent._cancelling is not None)
    await locks.execute(f"SELECT pg_advisory_unlock({FIRST})")
    await until_true(lambda: lent.wire.outstanding == 1)
    await line.blocked(1)
    may_cancel.set()
    await until_true(lambda: not line.lanes._lanes)
    await locks.execute(f"SELECT pg_advisory_unlock({SECOND})")
    assert await behind == 1


@pytest.mark.usefixtures("may_cancel", "table")
async def test_a_connection_on_which_cancelling_does_nothing_is_cut(
    line: Line, home: Location, elsewhere: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane, "_CANCELLING", 0.1)
    stuck, other = line.ask(home), line.ask(elsewhere)
    async with asyncio.timeout(SOON):
        assert await other == 0
    await until_true(lambda: line.lanes.askers() == {})
    stuck.cancel()


async def test_a_line_whose_connection_is_lost_as_the_server_is_told_ends_once(
    line: Line, home: Location, may_cancel: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = line.ask(home, FIRST, statement=WAIT)
    await line.blocked(1)
    (lent,) = line.lanes._lanes
    ended: list[object] = []
    end = lent._ended
    monkeypatch.setattr(lent, "_ended", lambda lane: (ended.append(lane), end(lane)))
    left.cancel()
    await until_true(lambda: lent._cancelling is not None)
    told = lent._cancelling
    assert told is not None
    # both are told in the next turn of the loop, in this order
    lent.wire.connection._transport.abort()
    told.set_result(None)
    await until_true(lambda: lent._cancelling is None)
    assert ended == [lent]
    assert (line.lanes._lanes, line.pool.used) == ([], frozenset())
    assert not may_cancel.is_set()


async def test_who_is_stuck_beyond_the_share_of_its_shard_gives_way(
    line: Line,
    home: Location,
    elsewhere: Location,
    locks: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of a tenant who began the line, of which somebody else had a turn meanwhile."""
    # until all stand in line nobody gives way
    monkeypatch.setattr(lane, "_PATIENCE", math.inf)
    tenant = uuid4()
    first = line.ask(home, FIRST, statement=WAIT, tenant=tenant)
    between = line.ask(elsewhere)
    stuck = line.ask(home, SECOND, statement=WAIT_TOO, tenant=tenant)
    await line.blocked(1)
    (lent,) = line.lanes._lanes
    assert lent.wire.outstanding == 3
    held = [await line.pool.acquire(later(), b"", shard) for shard in (home.schema, home.schema, "third")]
    monkeypatch.setattr(lane, "_PATIENCE", 3)
    await locks.execute(f"SELECT pg_advisory_unlock({FIRST})")
    assert (await first, await between) == (1, 0)
    # who writes stands in no line, and would wait for it
    other = await line.pool.acquire(later(), b"", elsewhere.schema)
    assert not stuck.done()
    for wire in (other, *held):
        line.pool.release(wire)
    await locks.execute(f"SELECT pg_advisory_unlock({SECOND})")
    assert await stuck == 1


async def until_true(holds: Callable[[], bool]) -> None:
    async def is_so() -> bool:
        return holds()

    await until(is_so, within=SOON)
