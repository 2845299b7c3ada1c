"""Cancels a request at every await of the storage path, then lets another tenant have the same pool.

A storm of client aborts hits few of these points; here each is hit, in three ways:

pending   the task is cancelled while it waits
done      the task is cancelled when what it waits for has just arrived, before it runs again
twice     as pending, and once more while it cleans up
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from harka.config import Settings
from harka.errors import HarkaError, UnavailableError, ValidationError
from harka.storage.catalog import Catalog
from harka.storage.databases import Databases
from harka.storage.location import Location
from harka.storage.session import ShardSession, open_session
from harka.storage.statement import CatalogStatement, Statement
from harka.storage.transaction import Opening
from storage.borrowing import borrowed

# more awaits than any path here has; the test fails when it ends before the path does
MANY = 200

ADD = Statement(
    "test.add",
    """INSERT INTO {schema}."user" (tenant_id, id, email, name)
    VALUES ($1, gen_random_uuid(), $2, 'Somebody')""",
)
# without a condition on the tenant: what this connection would show to whoever has it
STATE = Statement(
    "test.state",
    """SELECT current_setting('app.current_tenant'), pg_current_xact_id_if_assigned() IS NULL,
      (SELECT count(*) FROM {schema}."user"), $1::uuid""",
)
OTHERS_BUSY = """SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()
      AND state <> 'idle'"""
COUNT = Statement("test.count", """SELECT count(*) FROM {schema}."user" WHERE tenant_id = $1""")
SLOW = Statement(
    "test.slow",
    """SELECT (SELECT count(*) FROM {schema}."user" WHERE tenant_id = $1) FROM pg_sleep(0.02)""",
)


class Driven:
    """Runs a coroutine inside the current task and cancels that task at its `at`-th suspension."""

    def __init__(self, coroutine: Coroutine[Any, Any, object], way: str, at: int) -> None:
        self._coroutine = coroutine
        self._way = way
        self._at = {at, at + 1} if way == "twice" else {at}
        self.suspensions = 0

    def __await__(self) -> Generator[Any, Any, object]:
        task = asyncio.current_task()
        assert task is not None
        steps = self._coroutine.__await__()
        answer: BaseException | None = None
        while True:
            try:
                future = steps.send(None) if answer is None else steps.throw(answer)
            except StopIteration as stop:
                return stop.value
            if self.suspensions in self._at:
                if self._way == "done" and future is not None:
                    # registered before the task's own wake-up, so it runs before that
                    future.add_done_callback(lambda _: task.cancel())
                else:
                    asyncio.get_running_loop().call_soon(task.cancel)
            self.suspensions += 1
            answer = None
            try:
                yield future
            except BaseException as error:  # noqa: BLE001 - handed to the coroutine as it came
                answer = error


async def cancelled_at(request: Coroutine[Any, Any, object], way: str, at: int) -> bool:
    """Whether the request had an `at`-th suspension."""
    driven = Driven(request, way, at)

    async def body() -> None:
        await driven

    await asyncio.wait([asyncio.ensure_future(body())])
    return driven.suspensions > at


async def reading(session: ShardSession) -> None:
    """As `learning.work` does it: commit at the end, roll back on any error."""
    try:
        await session.fetch(COUNT)
        await session.fetch_value(COUNT)
        await session.fetch_value(SLOW)
    except BaseException:
        await session.rollback()
        raise
    await session.commit()


async def ending(session: ShardSession) -> None:
    """Like `reading`, the transaction ended in the round trip of its last statement."""
    try:
        await session.fetch_value(COUNT)
        session.end_with_next()
        await session.fetch_value(SLOW)
    except BaseException:
        await session.rollback()
        raise
    await session.commit()


async def together(session: ShardSession) -> None:
    """Several statements under way at once, and one that asyncpg sends."""
    try:
        await asyncio.gather(session.fetch_value(COUNT), session.fetch_value(SLOW))
        await session.fetch_value(COUNT)
        await asyncio.gather(session.fetch_value(SLOW), session.fetch(COUNT), session.fetch_value(COUNT))
    except BaseException:
        await session.rollback()
        raise
    await session.commit()


async def alone(session: ShardSession) -> None:
    """Like `reading`, each statement a transaction of its own."""
    await reading(session)


async def writing(session: ShardSession) -> None:
    try:
        await session.execute(ADD, "one@example.org")
        async with session.savepoint():
            await session.execute(ADD, "two@example.org")
        await session.fetch_value(SLOW)
        await asyncio.gather(session.fetch(COUNT), session.execute(ADD, "three@example.org"))
    except BaseException:
        await session.rollback()
        raise
    await session.commit()


@pytest.fixture(autouse=True)
async def complaints() -> AsyncIterator[list[dict[str, Any]]]:
    """What asyncpg or asyncio reports in passing: a transaction found open at release, a lost exception."""
    loop, found = asyncio.get_running_loop(), list[dict[str, Any]]()
    before = loop.get_exception_handler()
    loop.set_exception_handler(lambda _, context: found.append(context))
    yield found
    loop.set_exception_handler(before)
    assert found == []


async def require_clean(databases: Databases, home: Location, request: UUID) -> None:
    """The next tenant on the only connection meets nothing of `request`, all or nothing of which is there."""
    other = uuid4()
    session = open_session(databases, home, other, read_only=False, timeout=5)
    row = await session.fetch_row(STATE)
    assert row is not None
    assert tuple(row)[:3] == (str(other), True, 0)
    await session.commit()
    pool = databases.pool("app")
    async with borrowed(pool) as connection:
        assert not connection.is_in_transaction()
        assert await connection.fetchval("SELECT current_setting('app.current_tenant', true)") in {None, ""}
        # a server process whose connection was closed notices at the end of its statement
        async with asyncio.timeout(5):
            while await connection.fetchval(OTHERS_BUSY):
                pass
    session = open_session(databases, home, request, read_only=True, timeout=5)
    assert await session.fetch_value(COUNT) in {0, 3}
    await session.commit()


@pytest.mark.parametrize("way", ["pending", "done", "twice"])
@pytest.mark.parametrize("pool", ["warm", "cold", "uncached"])
@pytest.mark.parametrize("request_", [reading, ending, together, alone, writing])
async def test_connection_is_clean_wherever_the_request_was_cancelled(
    request_: Callable[[ShardSession], Coroutine[Any, Any, None]],
    way: str,
    storage_settings: Settings,
    home: Location,
    pool: str,
) -> None:
    settings = msgspec.structs.replace(
        storage_settings, statement_cache_size=0 if pool == "uncached" else 100
    )
    databases = Databases(settings)
    await require_clean(databases, home, uuid4())
    for at in range(MANY):
        if pool == "cold":
            await databases.close()
            databases = Databases(settings)
        tenant = uuid4()
        session = open_session(
            databases, home, tenant, read_only=request_ is not writing, timeout=5, single=request_ is alone
        )
        reached = await cancelled_at(request_(session), way, at)
        await require_clean(databases, home, tenant)
        if not reached:
            break
    else:
        pytest.fail("the path has more awaits than this test cancels")
    assert at >= 2
    await databases.close()


@pytest.mark.parametrize("way", ["pending", "done", "twice"])
async def test_waiting_request_that_is_cancelled_leaves_the_pool_whole(
    way: str, storage_settings: Settings, home: Location
) -> None:
    databases = Databases(storage_settings)
    for at in range(3):
        holder = open_session(databases, home, uuid4(), read_only=True, timeout=5)
        await holder.fetch(COUNT)
        tenant = uuid4()
        waiter = open_session(databases, home, tenant, read_only=False, timeout=5)
        waiting = asyncio.ensure_future(cancelled_at(writing(waiter), way, at))
        await asyncio.sleep(0)
        await holder.commit()
        await waiting
        await require_clean(databases, home, tenant)
    await databases.close()


@pytest.mark.parametrize("way", ["pending", "done", "twice"])
async def test_catalog_connection_is_clean_wherever_the_caller_was_cancelled(
    way: str, storage_settings: Settings
) -> None:
    add = CatalogStatement(
        "test.add",
        """INSERT INTO control.organization (id, name, slug, plan)
        VALUES (gen_random_uuid(), 'Aborted', $1, 'STARTER')""",
    )
    count = CatalogStatement("test.count", "SELECT count(*) FROM control.organization WHERE name = 'Aborted'")
    clear = CatalogStatement("test.clear", "DELETE FROM control.organization WHERE name = 'Aborted'")

    async def caller(catalog: Catalog) -> None:
        await catalog.fetch(count)
        async with catalog.transaction() as transaction:
            await transaction.execute(add, "one")
            await transaction.execute(add, "two")

    catalog = Catalog(storage_settings)
    for at in range(MANY):
        reached = await cancelled_at(caller(catalog), way, at)
        assert await catalog.fetch_value(count) in {0, 2}
        await catalog.execute(clear)
        pool = catalog._database.pool
        async with borrowed(pool) as connection:
            assert not connection.is_in_transaction()
        if not reached:
            break
    else:
        pytest.fail("the path has more awaits than this test cancels")
    await catalog.close()


async def test_commit_cancelled_behind_a_running_statement_takes_the_transaction_with_it(
    databases: Databases, home: Location
) -> None:
    tenant = uuid4()
    session = open_session(databases, home, tenant, read_only=False, timeout=5)
    await session.execute(ADD, "one@example.org")
    running = asyncio.ensure_future(session.fetch(SLOW))
    await asyncio.sleep(0)
    committing = asyncio.ensure_future(session.commit())
    await asyncio.sleep(0)
    committing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await committing
    # nobody calls rollback; the running statement is told
    with pytest.raises(UnavailableError):
        await running
    await require_clean(databases, home, tenant)


async def test_nobody_meets_a_connection_whose_opening_failed(
    storage_settings: Settings, home: Location
) -> None:
    databases = Databases(msgspec.structs.replace(storage_settings, statement_cache_size=0))
    tenant = uuid4()
    session = open_session(databases, home, tenant, read_only=False, timeout=5)
    session._transaction._opening = Opening("SELECT 1 / 0; BEGIN")
    with pytest.raises(ValidationError):
        await session.fetch(COUNT)
    # without a transaction the statement would run by itself, and COMMIT would succeed
    with pytest.raises(UnavailableError):
        await session.execute(ADD, "one@example.org")
    with pytest.raises(UnavailableError):
        await session.commit()
    await session.rollback()
    await require_clean(databases, home, tenant)
    await databases.close()


@pytest.mark.parametrize("single", [False, True])
async def test_nothing_is_done_after_a_lead_in_that_failed(
    databases: Databases, home: Location, *, single: bool
) -> None:
    tenant = uuid4()
    session = open_session(databases, home, tenant, read_only=single, timeout=5, single=single)
    session._transaction._milliseconds = lambda: -2  # type: ignore[method-assign]  # a setting that is refused
    for _ in range(2):
        with pytest.raises(HarkaError):
            await session.fetch(COUNT)
    if not single:
        with pytest.raises(HarkaError):
            await session.execute(ADD, "one@example.org")
        with pytest.raises(HarkaError):
            await session.commit()
    await session.rollback()
    await require_clean(databases, home, tenant)


async def test_nothing_is_done_after_a_begin_that_failed(databases: Databases, home: Location) -> None:
    await require_clean(databases, home, uuid4())
    wire = await databases.pool("app").acquire(asyncio.get_running_loop().time() + 5)
    databases.pool("app").release(wire)
    led, name = wire._led, wire._leads[1].get_name().encode()
    before, between, after = led[False, False]
    # a BEGIN that the server does not know
    wire._led = {**led, (False, False): (before.replace(name, b"?" * len(name)), between, after)}
    tenant = uuid4()
    session = open_session(databases, home, tenant, read_only=False, timeout=5)
    with pytest.raises(HarkaError):
        await session.execute(ADD, "one@example.org")
    wire._led = led
    for method in (session.fetch(COUNT), session.execute(ADD, "two@example.org"), session.commit()):
        with pytest.raises(HarkaError):
            await method
    await session.rollback()
    await require_clean(databases, home, tenant)


async def test_cancelled_statement_stops_in_the_server_too(databases: Databases, home: Location) -> None:
    session = open_session(databases, home, uuid4(), read_only=True, timeout=30)
    sleep = Statement(
        "test.sleep", """SELECT pg_sleep(30), count(*) FROM {schema}."user" WHERE tenant_id = $1"""
    )
    task = asyncio.ensure_future(session.fetch(sleep))
    pool = databases.pool("app")
    while not any(wire.sent_at for wire in pool.used):  # noqa: ASYNC110 - asyncpg tells nobody
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await session.rollback()
    connection: asyncpg.Connection
    async with asyncio.timeout(5):
        async with borrowed(pool) as connection:
            assert await connection.fetchval("SELECT 1") == 1
