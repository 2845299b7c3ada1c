import asyncio
import time
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from harka.config import ConfigurationError, Settings
from harka.errors import UnavailableError, ValidationError
from harka.storage import arrays
from harka.storage.databases import CONNECT_TIMEOUT, REFUSAL_PERIOD, Databases, _share, size_with
from harka.storage.location import Location, admin_url
from harka.storage.session import open_session
from harka.storage.statement import Statement
from harka.storage.wire import Wire
from storage.asking import COUNT, SETTING, ask, quiet, until_answered, warm
from storage.borrowing import borrowed
from storage.relay import Relay
from storage.writes import SYNC, Writes
from waiting import until


def replaced(settings: Settings, host: str) -> Settings:
    return msgspec.structs.replace(settings, app_database_url=f"postgresql://harka_app@{host}/harka")


@pytest.fixture
async def silent_server() -> AsyncIterator[str]:
    """Accepts connections and says nothing, as a machine does that hangs."""

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()


async def test_names_that_lead_to_one_url_share_a_pool(storage_settings: Settings) -> None:
    url = storage_settings.app_database_url
    settings = msgspec.structs.replace(storage_settings, shard_databases=f"shard_medium_*={url}")
    databases = Databases(settings)
    pools = {id(databases.pool(name)) for name in ("app", "shard_medium_1", "shard_medium_2")}
    assert len(pools) == 1
    assert {databases.same(name) for name in ("shard_medium_2", "app", "shard_medium_1")} == {"app"}
    await databases.close()


async def test_unknown_database_is_a_configuration_error(databases: Databases) -> None:
    with pytest.raises(ConfigurationError):
        databases.database("elsewhere")
    assert databases.same("elsewhere") == "elsewhere"
    assert databases.late("elsewhere", 0.0) == {}


async def test_first_users_at_once_get_one_pool(databases: Databases, home: Location) -> None:
    assert await asyncio.gather(*(ask(databases, home) for _ in range(10))) == [0] * 10
    assert databases.pool("app").get_size() == 1


async def test_refused_connection_is_unavailable_and_then_refused_without_trying(
    storage_settings: Settings, home: Location
) -> None:
    databases = Databases(replaced(storage_settings, "127.0.0.1:1"))
    with pytest.raises(UnavailableError):
        await ask(databases, home)
    began = time.perf_counter()
    for _ in range(100):
        with pytest.raises(UnavailableError):
            await ask(databases, home)
    assert time.perf_counter() - began < REFUSAL_PERIOD
    await databases.close()


async def test_silent_server_costs_no_more_than_the_deadline(
    storage_settings: Settings, home: Location, silent_server: str
) -> None:
    databases = Databases(replaced(storage_settings, silent_server))
    began = time.perf_counter()
    with pytest.raises(UnavailableError):
        await ask(databases, home, within=0.2)
    assert time.perf_counter() - began < CONNECT_TIMEOUT
    await databases.close()


async def test_database_that_does_not_exist_is_unavailable(
    storage_settings: Settings, databases: Databases
) -> None:
    nobody = f"harka_{uuid4().hex}"
    with pytest.raises(UnavailableError):
        await ask(databases, Location(nobody, "tenant_x"))


async def test_a_server_that_falls_silent_before_a_connection_is_ready_takes_no_place(
    relay: Relay, relayed: Databases, home: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    introduce = arrays.introduce

    def introduced(connection: asyncpg.Connection) -> None:
        introduce(connection)
        relay.fall_silent()

    monkeypatch.setattr(arrays, "introduce", introduced)
    monkeypatch.setattr("harka.storage.databases.CONNECT_TIMEOUT", 0.5)
    with pytest.raises(UnavailableError):
        async with asyncio.timeout(5):
            await ask(relayed, home, within=60)
    assert not relayed.pool("app")._opening


async def test_restarted_server_is_found_again(relay: Relay, relayed: Databases, home: Location) -> None:
    """PostgreSQL itself is not stopped (others use it): a relay before it is."""
    assert await ask(relayed, home) == 0
    relay.go_away()
    with pytest.raises(UnavailableError):
        await ask(relayed, home)
    await relay.come_back()
    await until_answered(relayed, home)


@pytest.mark.parametrize(
    ("read_only", "single", "waited_for", "in_all"),
    [(True, True, 3, 3), (True, False, 3, 4), (False, True, 3, 3), (False, False, 4, 4)],
)
async def test_statements_cost_a_round_trip_each_with_the_tenant_and_begin_in_the_first(
    relay: Relay,
    relayed: Databases,
    home: Location,
    *,
    read_only: bool,
    single: bool,
    waited_for: int,
    in_all: int,
) -> None:
    tenant = uuid4()
    await warm(relayed, home, tenant)
    before = relay.trips
    session = open_session(relayed, home, tenant, read_only=read_only, timeout=5, single=single)
    for _ in range(2):
        await session.fetch_value(COUNT)
    assert await session.fetch_value(SETTING) == str(tenant)
    await session.commit()
    # a read is not waited for to its end
    assert relay.trips - before == waited_for
    await quiet(relayed)
    assert relay.trips - before == in_all
    wire = await relayed.pool("app").acquire(asyncio.get_running_loop().time() + 5)
    assert not wire.connection.is_in_transaction()
    assert await wire.connection.fetchval("SELECT current_setting('app.current_tenant', true)") in {None, ""}
    assert await wire.connection.fetchval("SHOW statement_timeout") == "0"
    assert await wire.connection.fetchval("SHOW transaction_read_only") == "off"
    relayed.database("app").release(wire)


async def test_the_last_statement_ends_the_transaction_in_its_own_round_trip(
    relay: Relay, relayed: Databases, home: Location
) -> None:
    tenant = uuid4()
    await warm(relayed, home, tenant)
    before = relay.trips
    session = open_session(relayed, home, tenant, read_only=True, timeout=5)
    await session.fetch_value(COUNT)
    session.end_with_next()
    assert await session.fetch_value(SETTING) == str(tenant)
    # back at once, and idle
    pool = relayed.pool("app")
    assert pool.get_idle_size() == pool.get_size() == 1
    assert relay.trips - before == 2
    # one more begins another transaction, of the same tenant
    assert await session.fetch_value(SETTING) == str(tenant)
    await session.commit()
    await quiet(relayed)
    assert relay.trips - before == 4
    async with borrowed(pool) as connection:
        assert not connection.is_in_transaction()
        assert await connection.fetchval("SELECT current_setting('app.current_tenant', true)") in {None, ""}


async def test_a_last_statement_that_fails_leaves_the_connection_clean(
    databases: Databases, home: Location
) -> None:
    broken = Statement("test.broken", """SELECT 1 / count(*) FROM {schema}."user" WHERE tenant_id = $1""")
    tenant = uuid4()
    session = open_session(databases, home, tenant, read_only=True, timeout=5)
    await session.fetch_value(COUNT)
    session.end_with_next()
    with pytest.raises(ValidationError):
        await session.fetch_value(broken)
    await session.rollback()
    assert await ask(databases, home) == 0


async def test_connection_that_has_lost_its_statements_is_given_up(
    databases: Databases, home: Location
) -> None:
    await ask(databases, home)
    async with borrowed(databases.pool("app")) as connection:
        await connection.execute("DISCARD ALL")
    session = open_session(databases, home, uuid4(), read_only=True, timeout=5)
    with pytest.raises(UnavailableError):
        await session.fetch_value(COUNT)
    await session.rollback()
    assert await ask(databases, home) == 0


async def test_read_alone_on_such_a_connection_is_asked_again(databases: Databases, home: Location) -> None:
    for _ in range(2):
        await ask(databases, home, single=True)
    async with borrowed(databases.pool("app")) as connection:
        await connection.execute("DISCARD ALL")
        lost = connection.get_server_pid()
    assert await ask(databases, home, single=True) == 0
    async with borrowed(databases.pool("app")) as connection:
        assert connection.get_server_pid() != lost


async def test_tenants_that_take_turns_on_one_connection_see_their_own(
    storage_settings: Settings, home: Location
) -> None:
    databases = Databases(msgspec.structs.replace(storage_settings, pool_size=1))

    async def look(tenant: UUID, *, single: bool) -> None:
        for _ in range(20):
            session = open_session(databases, home, tenant, read_only=True, timeout=10, single=single)
            assert await session.fetch_value(SETTING) == str(tenant)
            await session.commit()

    await asyncio.gather(*(look(uuid4(), single=number % 2 == 0) for number in range(8)))
    await databases.close()


async def test_statement_prepared_before_a_migration_is_prepared_anew(
    databases: Databases, home: Location, storage_settings: Settings
) -> None:
    whole = Statement("test.whole", """SELECT u.* FROM {schema}."user" u WHERE tenant_id = $1""")

    async def look() -> None:
        session = open_session(databases, home, uuid4(), read_only=True, timeout=5, single=True)
        assert await session.fetch(whole) == []
        await session.commit()

    await look()
    owner = await asyncpg.connect(admin_url(storage_settings, "app"))
    try:
        await owner.execute(f'ALTER TABLE {home.schema}."user" ADD COLUMN test_added int')
        await look()
    finally:
        await owner.execute(f'ALTER TABLE {home.schema}."user" DROP COLUMN test_added')
        await owner.close()
    await look()


@pytest.fixture
async def busy(databases: Databases) -> Wire:
    """A connection inside a transaction, which it should have left before it is given back."""
    wire = await databases.database("app").acquire(asyncio.get_running_loop().time() + 5)
    await wire.connection.execute(f"BEGIN; SET LOCAL app.current_tenant = '{uuid4()}'")
    return wire


async def test_nobody_meets_the_transaction_of_who_had_the_connection_before(
    databases: Databases, busy: Wire
) -> None:
    databases.database("app").release(busy)
    wire = await databases.pool("app").acquire(asyncio.get_running_loop().time() + 5)
    assert not wire.connection.is_in_transaction()
    assert not await wire.connection.fetchval("SELECT current_setting('app.current_tenant', true)")
    databases.database("app").release(wire)


async def test_connection_in_a_transaction_is_not_lent_out_even_if_the_pool_has_it(
    databases: Databases, busy: Wire, home: Location
) -> None:
    databases.pool("app").release(busy)
    with pytest.raises(UnavailableError):
        await ask(databases, home)
    await quiet(databases)
    assert await ask(databases, home) == 0


@pytest.mark.compiled
async def test_a_reader_does_not_wait_for_the_end_of_what_it_read(
    databases: Databases, home: Location
) -> None:
    await warm(databases, home, uuid4())
    session = open_session(databases, home, uuid4(), read_only=True, timeout=5)
    await session.fetch_value(COUNT)
    (wire,) = databases.pool("app").used
    writes = Writes.of(wire)
    commit = asyncio.create_task(session.commit())
    await asyncio.sleep(0)
    assert commit.done()
    assert databases.pool("app").used == {wire}
    await quiet(databases)
    assert writes.found == [wire.led_out + SYNC]


@pytest.mark.compiled
async def test_a_connection_lost_before_the_end_is_given_up(databases: Databases, home: Location) -> None:
    session = open_session(databases, home, uuid4(), read_only=True, timeout=5)
    await session.fetch_value(COUNT)
    (wire,) = databases.pool("app").used
    wire.connection.terminate()
    await session.commit()

    async def is_given_up() -> bool:
        return databases.pool("app").get_size() == 0

    await until(is_given_up)
    assert await ask(databases, home) == 0


@pytest.mark.compiled
async def test_an_end_is_watched_while_it_lasts(databases: Databases, home: Location) -> None:
    session = open_session(databases, home, uuid4(), read_only=True, timeout=5)
    await session.fetch_value(COUNT)
    (wire,) = databases.pool("app").used
    await session.commit()
    assert wire.sent_at > 0
    await quiet(databases)
    assert wire.sent_at == 0


async def test_an_end_that_nobody_hears_of_costs_its_connection_alone(
    relay: Relay, relayed: Databases, home: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harka.storage.databases._RECYCLE_TIMEOUT", 0.05)
    await ask(relayed, home)
    await quiet(relayed)
    session = open_session(relayed, home, uuid4(), read_only=True, timeout=5)
    await session.fetch_value(COUNT)
    silent = relay.fall_silent_to_those_here()
    await session.commit()

    async def is_cut() -> bool:
        return relayed.pool("app").get_size() == 0

    await until(is_cut)
    assert await ask(relayed, home) == 0
    silent.set()


async def test_closing_waits_for_a_connection_that_is_being_cleaned(
    databases: Databases, home: Location
) -> None:
    session = open_session(databases, home, uuid4(), read_only=True, timeout=5)
    await session.fetch(COUNT)
    session._transaction._abandon()
    await databases.close()
    assert databases.pool("app").get_size() == 0


async def test_closing_does_not_wait_for_ever_for_a_leaked_connection(
    databases: Databases, home: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harka.storage.databases._CLOSE_TIMEOUT", 0.05)
    session = open_session(databases, home, uuid4(), read_only=True, timeout=5)
    await session.fetch(COUNT)
    await databases.close()
    await session.rollback()


def test_a_pool_is_as_large_as_its_share_needs() -> None:
    for share in range(1, 100):
        size = size_with(share)
        assert _share(size) == share
        assert share == 1 or _share(size - 1) < share
