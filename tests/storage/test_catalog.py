from collections.abc import AsyncIterator
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import msgspec
import pytest

from harka.config import Settings
from harka.errors import DeadlineExceededError, InternalError, ValidationError
from harka.storage.catalog import Catalog
from harka.storage.failure import UniqueError
from harka.storage.location import CONTROL_ROLE, catalog_url
from harka.storage.statement import CatalogStatement
from storage.borrowing import borrowed
from storage.relay import Relay

ADD = CatalogStatement(
    "test.add",
    "INSERT INTO control.organization (id, name, slug, plan) VALUES (gen_random_uuid(), 'X', $1, $2)",
)
FIND = CatalogStatement("test.find", "SELECT slug FROM control.organization WHERE slug = $1")
SLEEP = CatalogStatement("test.sleep", "SELECT pg_sleep(60), 'control.'")
TENANT_ROWS = CatalogStatement("test.rows", "SELECT count(*), 'control.' FROM shard_small_7.course")


@pytest.fixture
async def catalog(storage_settings: Settings) -> AsyncIterator[Catalog]:
    opened = Catalog(storage_settings)
    yield opened
    await opened.close()


def slug() -> str:
    return f"s{uuid4().hex}"


async def test_statement_stands_for_itself(catalog: Catalog) -> None:
    name = slug()
    assert await catalog.execute(ADD, name, "STARTER") == 1
    assert [tuple(row) for row in await catalog.fetch(FIND, name)] == [(name,)]
    assert await catalog.fetch_row(FIND, "nobody") is None


async def test_failed_statement_leaves_the_connection_usable(catalog: Catalog) -> None:
    name = slug()
    await catalog.execute(ADD, name, "STARTER")
    with pytest.raises(UniqueError) as taken:
        await catalog.execute(ADD, name, "STARTER")
    assert taken.value.constraint == "organization_slug_key"
    with pytest.raises(ValidationError):
        await catalog.execute(ADD, slug(), "GRATIS")
    assert await catalog.fetch_value(FIND, name) == name


async def test_transaction_happens_together_or_not_at_all(catalog: Catalog) -> None:
    first, second = slug(), slug()

    async def add_twice() -> None:
        async with catalog.transaction() as transaction:
            await transaction.execute(ADD, first, "STARTER")
            await transaction.execute(ADD, first, "STARTER")

    with pytest.raises(UniqueError):
        await add_twice()
    assert await catalog.fetch_value(FIND, first) is None
    async with catalog.transaction() as transaction:
        await transaction.execute(ADD, first, "STARTER")
        await transaction.execute(ADD, second, "STARTER")
    assert await catalog.fetch_value(FIND, second) == second


@pytest.mark.parametrize("cached", [1024, 0])
async def test_the_server_ends_a_statement_that_takes_too_long(
    storage_settings: Settings, monkeypatch: pytest.MonkeyPatch, cached: int
) -> None:
    opened = Catalog(msgspec.structs.replace(storage_settings, statement_cache_size=cached))
    assert await opened.fetch(FIND, "nobody") == []
    with monkeypatch.context() as patch:
        patch.setattr("harka.storage.catalog.TIMEOUT", 0.2)
        with pytest.raises(DeadlineExceededError) as late:
            await opened.fetch(SLEEP)
    assert isinstance(late.value.__cause__, asyncpg.QueryCanceledError)
    # nobody after that is limited by it
    async with borrowed(opened._database.pool) as connection:
        assert await connection.fetchval("SHOW statement_timeout") == "0"
    await opened.close()


async def test_a_statement_costs_one_round_trip(relay: Relay, storage_settings: Settings) -> None:
    name = urlsplit(catalog_url(storage_settings)).path
    url = f"postgresql://{CONTROL_ROLE}@127.0.0.1:{relay.port}{name}?sslmode=disable"
    relayed = Catalog(msgspec.structs.replace(storage_settings, database_url=url))
    await relayed.fetch(FIND, "nobody")
    before = relay.trips
    for _ in range(3):
        await relayed.fetch(FIND, "nobody")
    assert relay.trips - before == 3
    await relayed.close()


async def test_catalog_role_cannot_read_tenants_rows(catalog: Catalog, home: object) -> None:
    with pytest.raises(InternalError):
        await catalog.fetch(TENANT_ROWS)
