import time

import msgspec
import pytest

from harka.config import Settings
from harka.errors import UnavailableError
from harka.storage import readiness
from harka.storage.catalog import Catalog
from harka.storage.databases import Databases
from harka.storage.location import with_database
from harka.storage.migrate import connected
from harka.storage.migration import stream_migrations


async def pending(settings: Settings) -> list[str]:
    catalog = Catalog(settings)
    try:
        return await readiness.pending_control_migrations(catalog)
    finally:
        await catalog.close()


async def test_after_migration_nothing_is_pending(storage_settings: Settings) -> None:
    assert await pending(storage_settings) == []


async def test_in_a_database_without_a_catalog_everything_is_pending(storage_settings: Settings) -> None:
    assert storage_settings.database_url is not None
    empty = with_database(storage_settings.database_url, "postgres")
    settings = msgspec.structs.replace(storage_settings, database_url=empty)
    assert await pending(settings) == [migration.name for migration in stream_migrations("control")]


async def test_the_control_role_cannot_change_what_is_applied(storage_settings: Settings) -> None:
    assert storage_settings.database_url is not None
    async with connected(storage_settings.database_url) as connection:
        with pytest.raises(Exception, match="permission denied"):
            await connection.execute("DELETE FROM control.schema_migrations")


async def test_a_database_that_answers_is_reachable(databases: Databases) -> None:
    await readiness.ping(databases, "app", seconds=1.0)
    assert databases.connections() == {"idle": 1, "used": 0}


async def test_one_that_does_not_is_unavailable_at_once(storage_settings: Settings) -> None:
    away = msgspec.structs.replace(storage_settings, app_database_url="postgresql://harka_app@127.0.0.1:1/x")
    databases = Databases(away)
    start = time.perf_counter()
    with pytest.raises(UnavailableError):
        await readiness.ping(databases, "app", seconds=1.0)
    assert time.perf_counter() - start < 1.0
    await databases.close()
