"""Sessions through a transaction-pooling PgBouncer: a connection is somebody else's after every commit."""

import asyncio
import random
from collections.abc import Iterator
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from harka.config import Settings
from harka.errors import HarkaError
from harka.storage.catalog import Catalog
from harka.storage.databases import Databases
from harka.storage.location import Location, app_url
from harka.storage.session import open_session
from harka.storage.statement import CatalogStatement, Statement
from pgbouncer import needs_pgbouncer, pooled

pytestmark = needs_pgbouncer

ADD = Statement(
    "test.add",
    """INSERT INTO {schema}."user" (tenant_id, id, email, name)
    VALUES ($1, gen_random_uuid(), $2, 'Somebody')""",
)
# arrays, JSON, timestamps; and what row-level security alone lets through
SEEN = Statement(
    "test.seen",
    """SELECT current_setting('app.current_tenant'), ARRAY(SELECT DISTINCT tenant_id FROM {schema}."user"),
      $1::uuid, now(), '{}'::jsonb""",
)
SLEEP = Statement("test.sleep", """SELECT pg_sleep($2), count(*) FROM {schema}."user" WHERE tenant_id = $1""")


@pytest.fixture
def pooler(storage_settings: Settings, home: Location) -> Iterator[Settings]:
    with pooled(msgspec.structs.replace(storage_settings, pool_size=64)) as settings:
        yield settings


async def request(databases: Databases, home: Location, tenant: UUID, dice: random.Random) -> list[UUID]:
    """One request; now and then it misses its deadline. Answers the tenants whose rows it saw."""
    session = open_session(databases, home, tenant, read_only=dice.random() < 0.5, timeout=5)
    try:
        row = await session.fetch_row(SEEN)
        assert row is not None
        assert row[0] == str(tenant)
        seen = list(row[1])
        if dice.random() < 0.3:
            late = open_session(databases, home, tenant, read_only=True, timeout=0.02)
            with pytest.raises(HarkaError):
                await late.fetch(SLEEP, 1.0)
            await late.rollback()
        if not session.read_only:
            await session.execute(ADD, f"{uuid4()}@example.org")
            await session.fetch(SLEEP, dice.random() / 100)
    except BaseException:
        await session.rollback()
        raise
    await session.commit()
    return seen


async def test_storm_of_tenants_deadlines_and_aborts_never_mixes(pooler: Settings, home: Location) -> None:
    databases, dice = Databases(pooler), random.Random(7)  # noqa: S311 - dice, not secrets
    tenants = [uuid4(), uuid4()]

    async def client(number: int) -> None:
        tenant = tenants[number % 2]
        for _ in range(6):
            task = asyncio.ensure_future(request(databases, home, tenant, dice))
            if dice.random() < 0.3:
                await asyncio.sleep(dice.random() / 50)
                task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                assert set(task.result()) <= {tenant}

    await asyncio.gather(*(client(number) for number in range(64)))
    await databases.close()
    assert await leftovers(pooler, home) == set()


async def leftovers(settings: Settings, home: Location) -> set[str]:
    """What server connections show to a client that names no tenant."""
    clients = [await asyncpg.connect(app_url(settings, "app"), statement_cache_size=0) for _ in range(4)]
    text = f"""SELECT pg_sleep(0.05), current_setting('app.current_tenant', true),
      (SELECT count(*) FROM {home.schema}."user")"""  # noqa: S608 - a name of this file
    found = await asyncio.gather(*(client.fetch(text) for client in clients))
    for client in clients:
        await client.close()
    return {f"{row[1]}: {row[2]} rows" for rows in found for row in rows if row[1] or row[2]}


async def test_the_server_ends_a_statement_of_the_catalog_that_takes_too_long(
    pooler: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = Catalog(pooler)
    monkeypatch.setattr("harka.storage.catalog.TIMEOUT", 0.2)
    with pytest.raises(HarkaError) as late:
        await catalog.fetch(CatalogStatement("test.sleep", "SELECT pg_sleep(60), 'control.'"))
    assert isinstance(late.value.__cause__, asyncpg.QueryCanceledError)
    await catalog.close()


async def test_catalog_works_without_prepared_statements(pooler: Settings) -> None:
    catalog = Catalog(pooler)
    tables = CatalogStatement("test.count", "SELECT count(*), $1::uuid[], $2::text FROM control.organization")
    for _ in range(5):
        asked = [uuid4() for _ in range(20)]
        rows = await asyncio.gather(*(catalog.fetch_row(tables, [id_], "x") for id_ in asked))
        assert [row and row[1] for row in rows] == [[id_] for id_ in asked]
    await catalog.close()
