import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from harka.config import Settings
from harka.errors import UnavailableError
from harka.storage import listen as module
from harka.storage.catalog import Catalog
from harka.storage.listen import listen
from harka.storage.location import catalog_url, database_name, listen_url, with_database
from harka.storage.statement import CatalogStatement

ADD = CatalogStatement(
    "test.add", "INSERT INTO control.organization (id, name, slug, plan) VALUES ($1, 'X', $2, 'STARTER')"
)
RENAME = CatalogStatement("test.rename", "UPDATE control.organization SET name = 'Y' WHERE id = $1")
REMOVE = CatalogStatement("test.remove", "DELETE FROM control.organization WHERE id = $1")
ADD_KEY = CatalogStatement(
    "test.add_key",
    """INSERT INTO control.api_key (id, tenant_id, prefix, hash, name)
    VALUES ($1, $2, $3, sha256(''::bytea), 'key')""",
)
USE_KEY = CatalogStatement("test.use_key", "UPDATE control.api_key SET last_used_at = now() WHERE id = $1")
REVOKE_KEY = CatalogStatement(
    "test.revoke_key", "UPDATE control.api_key SET revoked_at = now() WHERE id = $1"
)


async def ignore(*_: Any) -> None: ...


@asynccontextmanager
async def listening(
    url: str, on_connect: Callable[[], Awaitable[None]] = ignore
) -> AsyncIterator["asyncio.Queue[str]"]:
    heard: asyncio.Queue[str] = asyncio.Queue()
    ready = asyncio.Event()

    async def connected() -> None:
        await on_connect()
        ready.set()

    async def hear(payload: str) -> None:
        heard.put_nowait(payload)

    task = asyncio.create_task(listen(url, "harka_directory", hear, connected))
    async with asyncio.timeout(10):
        await ready.wait()
        yield heard
    task.cancel()
    await asyncio.wait([task])


async def kill_listeners(superuser: str, settings: Settings) -> None:
    connection = await asyncpg.connect(with_database(superuser, database_name(catalog_url(settings))))
    killed = await connection.fetch(
        """SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
        WHERE datname = current_database() AND query LIKE 'LISTEN%'"""
    )
    assert killed
    await connection.close()


@pytest.fixture
async def catalog(storage_settings: Settings) -> AsyncIterator[Catalog]:
    opened = Catalog(storage_settings)
    yield opened
    await opened.close()


async def added(catalog: Catalog) -> UUID:
    tenant = uuid4()
    await catalog.execute(ADD, tenant, f"s{tenant.hex}")
    return tenant


async def test_every_change_of_the_catalog_names_its_tenant(
    catalog: Catalog, storage_settings: Settings
) -> None:
    async with listening(listen_url(storage_settings)) as heard:
        tenant, key = await added(catalog), uuid4()
        await catalog.execute(RENAME, tenant)
        await catalog.execute(ADD_KEY, key, tenant, key.hex[:12])
        await catalog.execute(REVOKE_KEY, key)
        assert [UUID(await heard.get()) for _ in range(4)] == [tenant] * 4
        await catalog.execute(REMOVE, tenant)
        assert UUID(await heard.get()) == tenant


async def test_use_of_a_key_wakes_nobody(catalog: Catalog, storage_settings: Settings) -> None:
    tenant, key = await added(catalog), uuid4()
    await catalog.execute(ADD_KEY, key, tenant, key.hex[:12])
    async with listening(listen_url(storage_settings)) as heard:
        await catalog.execute(USE_KEY, key)
        marker = await added(catalog)
        assert UUID(await heard.get()) == marker


async def test_undone_change_wakes_nobody(catalog: Catalog, storage_settings: Settings) -> None:
    async with listening(listen_url(storage_settings)) as heard:
        with suppress(KeyError):
            async with catalog.transaction() as transaction:
                await transaction.execute(ADD, uuid4(), "undone")
                raise KeyError
        marker = await added(catalog)
        assert UUID(await heard.get()) == marker


async def test_lost_connection_is_made_again_and_says_so(
    catalog: Catalog, storage_settings: Settings, servers: Any
) -> None:
    connections: asyncio.Queue[None] = asyncio.Queue()

    async def connected() -> None:
        connections.put_nowait(None)

    async with listening(listen_url(storage_settings), connected) as heard:
        await connections.get()
        await kill_listeners(servers.admin_url, storage_settings)
        await connections.get()
        tenant = await added(catalog)
        assert UUID(await heard.get()) == tenant


async def test_reader_that_is_not_ready_is_asked_again(storage_settings: Settings) -> None:
    failures = iter([UnavailableError(), UnavailableError()])

    async def connected() -> None:
        for failure in failures:
            raise failure

    async with listening(listen_url(storage_settings), connected):
        assert next(failures, None) is None


async def test_silent_server_is_noticed(storage_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """No notification for a while: the listener asks whether anybody is there."""
    monkeypatch.setattr(module, "_HEARTBEAT", 0.05)
    asked = asyncio.Event()
    execute = asyncpg.Connection.execute

    async def watched(connection: asyncpg.Connection, query: str, **options: Any) -> Any:
        answer = await execute(connection, query, **options)
        asked.set()
        return answer

    monkeypatch.setattr(asyncpg.Connection, "execute", watched)
    async with listening(catalog_url(storage_settings)):
        await asked.wait()
