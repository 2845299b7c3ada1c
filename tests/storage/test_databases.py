import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import msgspec
import pytest

from harka.cli.embedded import postgres
from harka.config import ConfigurationError, Settings
from harka.errors import UnavailableError
from harka.storage.databases import CONNECT_TIMEOUT, REFUSAL_PERIOD, Databases, _require_idle
from harka.storage.location import Location
from harka.storage.session import open_session
from harka.storage.statement import Statement

COUNT = Statement("test.count", """SELECT count(*) FROM {schema}."user" WHERE tenant_id = $1""")


async def ask(databases: Databases, home: Location, *, within: float = 5.0) -> int:
    session = open_session(databases, home, uuid4(), read_only=True, timeout=within)
    try:
        count: int = await session.fetch_value(COUNT)
    finally:
        await session.rollback()
    return count


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
    pools = {id(await databases.pool(name)) for name in ("app", "shard_medium_1", "shard_medium_2")}
    assert len(pools) == 1
    await databases.close()


async def test_unknown_database_is_a_configuration_error(databases: Databases) -> None:
    with pytest.raises(ConfigurationError):
        databases.database("elsewhere")


async def test_first_users_at_once_get_one_pool(databases: Databases, home: Location) -> None:
    assert await asyncio.gather(*(ask(databases, home) for _ in range(10))) == [0] * 10
    assert (await databases.pool("app")).get_size() == 1


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


async def test_restarted_server_is_found_again(
    storage_settings: Settings, home: Location, servers: Any, tmp_path: Path
) -> None:
    """PostgreSQL itself is not stopped (others use it): a relay before it is."""
    socket = f"{servers.embedded.sockets}/pg/.s.PGSQL.{postgres.PORT}"
    relay, connections = await _relay(socket)
    port = relay.sockets[0].getsockname()[1]
    name = (storage_settings.app_database_url or "").partition("@/")[2].partition("?")[0]
    settings = msgspec.structs.replace(
        storage_settings, app_database_url=f"postgresql://harka_app@127.0.0.1:{port}/{name}?sslmode=disable"
    )
    databases = Databases(settings)
    assert await ask(databases, home) == 0
    relay.close()
    for writer in connections:
        writer.transport.abort()
    with pytest.raises(UnavailableError):
        await ask(databases, home)
    relay, _ = await _relay(socket, port)
    async with asyncio.timeout(5):
        while True:
            try:
                assert await ask(databases, home) == 0
                break
            except UnavailableError:
                await asyncio.sleep(0.02)
    await databases.close()
    relay.close()


@pytest.fixture
async def busy(databases: Databases) -> asyncpg.Connection:
    """A connection inside a transaction, which it should have left before it is given back."""
    connection = await databases.database("app").acquire(asyncio.get_running_loop().time() + 5)
    await connection.execute(f"BEGIN; SET LOCAL app.current_tenant = '{uuid4()}'")
    return connection


async def test_nobody_meets_the_transaction_of_who_had_the_connection_before(
    databases: Databases, busy: asyncpg.Connection
) -> None:
    database = databases.database("app")
    # asyncpg itself is the first to notice, and complains to the loop
    with contextlib.suppress(asyncpg.InterfaceError):
        await database.release(busy)
    connection = await database.acquire(asyncio.get_running_loop().time() + 5)
    assert not connection.is_in_transaction()
    assert not await connection.fetchval("SELECT current_setting('app.current_tenant', true)")
    await database.release(connection)


async def test_pool_is_told_to_refuse_a_connection_inside_a_transaction(
    databases: Databases, busy: asyncpg.Connection
) -> None:
    """The second lock: asyncpg rolls back before it asks, until a version does not."""
    with pytest.raises(asyncpg.InterfaceError):
        await _require_idle(busy)
    await busy.execute("ROLLBACK")
    await _require_idle(busy)
    await databases.database("app").release(busy)


async def test_closing_waits_for_a_connection_that_is_being_cleaned(
    databases: Databases, home: Location
) -> None:
    session = open_session(databases, home, uuid4(), read_only=True, timeout=5)
    await session.fetch(COUNT)
    session._transaction._abandon()
    await databases.close()
    assert (await databases.pool("app")).get_size() == 0


async def test_closing_does_not_wait_for_ever_for_a_leaked_connection(
    databases: Databases, home: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harka.storage.databases._CLOSE_TIMEOUT", 0.05)
    session = open_session(databases, home, uuid4(), read_only=True, timeout=5)
    await session.fetch(COUNT)
    await databases.close()
    await session.rollback()


async def _relay(socket: str, port: int = 0) -> tuple[asyncio.Server, list[asyncio.StreamWriter]]:
    connections: list[asyncio.StreamWriter] = []

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
        except OSError:
            pass
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_unix_connection(socket)
        connections.extend((writer, forth))
        await asyncio.gather(pump(reader, forth), pump(back, writer))

    return await asyncio.start_server(serve, "127.0.0.1", port), connections
