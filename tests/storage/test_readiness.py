import secrets
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from harka.config import Settings
from harka.errors import UnavailableError
from harka.storage.catalog import Catalog
from harka.storage.databases import Databases
from harka.storage.location import CONTROL_ROLE, with_database, with_role
from harka.storage.migrate import connected
from harka.storage.migration import stream_migrations
from harka.storage.provision import prepare_server
from harka.storage.readiness import pending_control_migrations, ping

NOWHERE = "postgresql://harka_control@127.0.0.1:1/harka"


@pytest.fixture
async def unmigrated(servers: Any) -> AsyncIterator[Settings]:
    name = f"bare_{secrets.token_hex(4)}"
    await prepare_server(servers.admin_url, database=name)
    yield Settings(database_url=with_role(with_database(servers.admin_url, name), CONTROL_ROLE))
    async with connected(servers.admin_url) as connection:
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


async def test_migrated_catalog_misses_nothing(storage_settings: Settings) -> None:
    catalog = Catalog(storage_settings)
    assert await pending_control_migrations(catalog) == []
    await catalog.close()


async def test_bare_database_misses_everything(unmigrated: Settings) -> None:
    catalog = Catalog(unmigrated)
    expected = [migration.name for migration in stream_migrations("control")]
    assert await pending_control_migrations(catalog) == expected
    await catalog.close()


async def test_server_that_is_down_is_not_mistaken_for_a_bare_one() -> None:
    catalog = Catalog(Settings(database_url=NOWHERE))
    with pytest.raises(UnavailableError):
        await pending_control_migrations(catalog)
    await catalog.close()


async def test_ping_tells_an_answering_server_from_a_dead_one(
    databases: Databases, storage_settings: Settings
) -> None:
    await ping(databases, "app", seconds=5)
    assert (await databases.pool("app")).get_idle_size() == 1
    dead = Databases(msgspec.structs.replace(storage_settings, app_database_url=NOWHERE))
    with pytest.raises(UnavailableError):
        await ping(dead, "app", seconds=5)
    await dead.close()
