from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from harka.config import Settings
from harka.errors import InternalError, ValidationError
from harka.storage.catalog import Catalog
from harka.storage.failure import UniqueError
from harka.storage.statement import CatalogStatement

ADD = CatalogStatement(
    "test.add",
    "INSERT INTO control.organization (id, name, slug, plan) VALUES (gen_random_uuid(), 'X', $1, $2)",
)
FIND = CatalogStatement("test.find", "SELECT slug FROM control.organization WHERE slug = $1")
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


async def test_catalog_role_cannot_read_tenants_rows(catalog: Catalog, home: object) -> None:
    with pytest.raises(InternalError):
        await catalog.fetch(TENANT_ROWS)
