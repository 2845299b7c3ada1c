import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import pytest

from harka.config import Settings
from harka.errors import ValidationError
from harka.storage.databases import Databases
from harka.storage.location import Location, app_url
from harka.storage.session import open_session
from harka.storage.statement import Statement
from harka.storage.wire import Wire
from storage.asking import SETTING, ask, later, quiet, warm
from storage.writes import SYNC, Writes

NUMBER = Statement("test.number", """SELECT $2::int, count(*) FROM {schema}."user" WHERE tenant_id = $1""")
STATE = """SELECT current_setting('app.current_tenant', true) AS tenant,
  current_setting('transaction_read_only') AS read_only,
  current_setting('transaction_isolation') AS isolation,
  (SELECT setting::int FROM pg_settings WHERE name = 'statement_timeout') AS milliseconds"""


@pytest.fixture
async def wire(databases: Databases) -> AsyncIterator[Wire]:
    """A connection that nobody else has."""
    made = await databases.database("app")._connect()
    yield made
    await made.connection.close()


@pytest.fixture
async def seen(databases: Databases, home: Location) -> Writes:
    """What is written to the only connection of the pool, on which everything is prepared."""
    await warm(databases, home, uuid4())
    wire = await databases.pool("app").acquire(later())
    databases.pool("app").release(wire)
    return Writes.of(wire)


@pytest.mark.parametrize(
    ("read_only", "single", "ends"), [(True, True, 0), (True, False, 1), (False, False, 1)]
)
async def test_a_statement_is_one_write_with_all_that_leads_it_in(
    databases: Databases, home: Location, seen: Writes, *, read_only: bool, single: bool, ends: int
) -> None:
    tenant = uuid4()
    session = open_session(databases, home, tenant, read_only=read_only, timeout=5, single=single)
    for count in (1, 2, 3):
        assert await session.fetch_value(SETTING) == str(tenant)
        assert len(seen.found) == count
    await session.commit()
    await quiet(databases)
    assert len(seen.found) == 3 + ends
    named = [str(tenant).encode() in text for text in seen.found[:3]]
    assert named == [True, single, single]
    assert all(text.endswith(SYNC) and text.count(SYNC) == 1 for text in seen.found[:3])


async def test_a_last_statement_is_one_write_with_the_commit(
    databases: Databases, home: Location, seen: Writes
) -> None:
    session = open_session(databases, home, uuid4(), read_only=True, timeout=5)
    await session.fetch_value(SETTING)
    session.end_with_next()
    assert await session.fetch_value(SETTING) == str(session.tenant)
    await session.commit()
    await quiet(databases)
    assert len(seen.found) == 2
    assert seen.found[1].endswith(SYNC)
    assert seen.found[1].count(SYNC) == 1


@pytest.mark.parametrize("single", [True, False])
async def test_an_argument_that_cannot_be_written_takes_its_lead_in_with_it(
    databases: Databases, home: Location, seen: Writes, *, single: bool
) -> None:
    tenant, other = uuid4(), uuid4()
    session = open_session(databases, home, tenant, read_only=True, timeout=5, single=single)
    assert list(await session.fetch(NUMBER, 1)) == [(1, 0)]
    await session.rollback()
    await quiet(databases)
    seen.found.clear()
    session = open_session(databases, home, tenant, read_only=True, timeout=5, single=single)
    with pytest.raises(ValidationError):
        await session.fetch(NUMBER, "no number")
    await session.rollback()
    await quiet(databases)
    assert not any(str(tenant).encode() in text for text in seen.found)
    seen.found.clear()
    session = open_session(databases, home, other, read_only=True, timeout=5, single=single)
    assert await session.fetch_value(SETTING) == str(other)
    await session.rollback()
    # on the same connection
    assert str(other).encode() in seen.found[0]
    assert await ask(databases, home) == 0


async def test_a_connection_whose_lead_in_was_dropped_is_as_it_was(wire: Wire) -> None:
    prepared = await wire.prepare("SELECT $1::int, current_setting('app.current_tenant', true)")
    seen = Writes.of(wire)
    wire.lead_in(wire.led_in(str(uuid4()).encode(), 1000, read_only=True, alone=False))
    with pytest.raises(asyncpg.DataError):
        await wire.send_prepared("fetch", prepared, ("no number",), timeout=5)
    assert seen.found == []
    assert wire.drop_lead()
    assert not wire.drop_lead()
    assert list(await wire.send_prepared("fetchrow", prepared, (1,), timeout=5)) == [1, None]
    assert not wire.connection.is_in_transaction()
    other = str(uuid4())
    wire.lead_in(wire.led_in(other.encode(), 1000, read_only=True, alone=True))
    assert list(await wire.send_prepared("fetchrow", prepared, (2,), timeout=5)) == [2, other]
    assert not wire.drop_lead()


@pytest.mark.parametrize("milliseconds", [999, 60_000, 2**31 - 1])
@pytest.mark.parametrize("read_only", [True, False])
@pytest.mark.parametrize("alone", [True, False])
async def test_a_lead_in_sets_what_it_says_for_one_transaction(
    wire: Wire, *, milliseconds: int, read_only: bool, alone: bool
) -> None:
    prepared = await wire.prepare(STATE)
    before = await wire.connection.fetchrow(STATE)
    tenant = uuid4()
    wire.lead_in(wire.led_in(str(tenant).encode(), milliseconds, read_only=read_only, alone=alone))
    state = await wire.send_prepared("fetchrow", prepared, (), timeout=5)
    assert UUID(state["tenant"]) == tenant
    assert state["milliseconds"] == milliseconds
    assert state["read_only"] == ("on" if read_only else "off")
    assert state["isolation"] == ("repeatable read" if read_only and not alone else "read committed")
    assert wire.connection.is_in_transaction() is not alone
    if not alone:
        await wire.connection.execute("COMMIT")
    after = await wire.connection.fetchrow(STATE)
    # once set, PostgreSQL answers '' ever after, not NULL
    assert after["tenant"] in {None, ""}
    assert dict(after) | {"tenant": None} == dict(before) | {"tenant": None}


async def test_preparing_leaves_no_transaction_open(wire: Wire, storage_settings: Settings) -> None:
    onlooker = await asyncpg.connect(app_url(storage_settings, "app"))
    activity = "SELECT state, xact_start FROM pg_stat_activity WHERE pid = $1"

    async def state() -> list[object]:
        return list(await onlooker.fetchrow(activity, wire.connection.get_server_pid()))

    try:
        assert await state() == ["idle", None]
        await wire.prepare("SELECT 1")
        assert await state() == ["idle", None]
    finally:
        await onlooker.close()


async def test_the_statements_used_last_stay_prepared(databases: Databases) -> None:
    wire = Wire(await databases.database("app")._dial(), keeps=2)
    await wire.prepare_leads()
    texts = ["SELECT 1", "SELECT 2", "SELECT 3"]
    first = await wire.prepare(texts[0])
    await wire.prepare(texts[1])
    assert await wire.prepare(texts[0]) is first
    assert await wire.send("fetchval", texts[2], (), timeout=5) == 3
    assert [wire.known(text) is not None for text in texts] == [True, False, True]
    prepared = "SELECT count(*) FROM pg_prepared_statements WHERE statement = 'SELECT 2'"
    async with asyncio.timeout(5):
        # asyncpg closes it with one of the next statements
        while await wire.connection.fetchval(prepared):
            pass
    await wire.connection.close()


async def test_every_method_answers_as_asyncpg_does(wire: Wire, databases: Databases) -> None:
    pooled = Wire(await databases.database("app")._dial(), keeps=0)
    await pooled.prepare_leads()
    # behind a pooler nothing is prepared, and nothing can be led in
    assert (wire.leads, pooled.leads) == (True, False)
    text = "SELECT number FROM generate_series(1, $1) AS number"
    for each in (wire, pooled):
        assert [row[0] for row in await each.send("fetch", text, (3,), timeout=5)] == [1, 2, 3]
        assert list(await each.send("fetchrow", text, (3,), timeout=5)) == [1]
        assert await each.send("fetchval", text, (3,), timeout=5) == 1
        assert await each.send("execute", text, (3,), timeout=5) == "SELECT 3"
    assert pooled.known(text) is None
    await pooled.connection.close()
