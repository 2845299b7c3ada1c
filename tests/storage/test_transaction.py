import asyncio
from contextlib import suppress
from uuid import UUID, uuid4

import pytest

from harka.config import Settings
from harka.errors import DeadlineExceededError, InternalError, UnavailableError, ValidationError
from harka.storage import wire as wires
from harka.storage.databases import Databases
from harka.storage.failure import UniqueError
from harka.storage.lane import Answer
from harka.storage.location import APP_ROLE, Location, admin_url
from harka.storage.migrate import connected
from harka.storage.transaction import Opening, Transaction, rows_affected
from records import oids, sent
from storage.asking import later, quiet
from storage.borrowing import borrowed
from storage.writes import SYNC, Writes, written
from waiting import until

TENANT = "SELECT current_setting('app.current_tenant')"
SNAPSHOT = "SELECT pg_current_snapshot()::text"
SLOW = "SELECT 1::bigint FROM pg_sleep(30)"
BRIEFLY = "SELECT 1::bigint FROM pg_sleep(0.2)"
NOW = "SELECT now()"
WRONG = "SELECT (1 / count(*))::bigint FROM pg_class WHERE relname = 'no_such_table'"


@pytest.mark.parametrize(
    ("tag", "rows"), [("INSERT 0 3", 3), ("UPDATE 0", 0), ("DELETE 12", 12), ("SELECT 1", 1)]
)
def test_rows_affected_are_the_last_word_of_the_tag(tag: str, rows: int) -> None:
    assert rows_affected(tag) == rows


async def test_commit_that_the_server_turned_into_a_rollback_is_an_error(databases: Databases) -> None:
    transaction = Transaction(databases.database("app"), Opening("BEGIN"), timeout=5)
    with pytest.raises(InternalError):
        await transaction.send("fetch", "SELECT no_such_function()", ())
    with pytest.raises(InternalError, match="failed transaction"):
        await transaction.commit()


async def test_last_statement_takes_commit_along(databases: Databases, seen: Writes) -> None:
    transaction = Transaction(databases.database("app"), Opening("BEGIN"), timeout=5)
    # by now it is prepared
    await transaction.send("fetchval", NOW, ())
    before = len(seen.found)
    await transaction.send_last(NOW, ())
    await transaction.commit()
    assert len(seen.found) == before + 1


async def test_commit_that_fails_behind_the_last_statement_is_an_error(
    storage_settings: Settings, home: Location, databases: Databases
) -> None:
    """A deferred constraint is looked at by COMMIT, whose answer nobody asked for."""
    table = f"{home.schema}.once_{uuid4().hex}"
    async with connected(admin_url(storage_settings)) as owner:
        await owner.execute(
            f"""CREATE TABLE {table} (n int UNIQUE DEFERRABLE INITIALLY DEFERRED);
            GRANT SELECT, INSERT ON {table} TO {APP_ROLE}"""
        )
        transaction = Transaction(databases.database("app"), Opening("BEGIN"), timeout=5)
        await transaction.send("execute", "SELECT 1", ())
        try:
            with pytest.raises(UniqueError):
                await transaction.send_last(f"INSERT INTO {table} VALUES (1), (1)", ())  # noqa: S608 - made above
        finally:
            await transaction.rollback()
        assert await owner.fetchval(f"SELECT count(*) FROM {table}") == 0  # noqa: S608 - made above
        await owner.execute(f"DROP TABLE {table}")


async def test_transaction_past_its_deadline_takes_no_connection(databases: Databases) -> None:
    transaction = Transaction(databases.database("app"), Opening("BEGIN"), timeout=-1)
    with pytest.raises(DeadlineExceededError):
        await transaction.send("fetch", "SELECT 1", ())
    await transaction.rollback()


async def test_timeout_beyond_what_postgresql_counts_is_cut(databases: Databases) -> None:
    transaction = Transaction(databases.database("app"), Opening("BEGIN"), timeout=1e9)
    assert await transaction.send("fetchval", "SHOW statement_timeout", ()) == "2147483647ms"
    await transaction.commit()


async def test_error_inside_a_savepoint_that_the_code_raised_itself_is_undone_too(
    databases: Databases,
) -> None:
    transaction = Transaction(databases.database("app"), Opening("BEGIN"), timeout=5)
    name = f"app.test_{uuid4().hex}"
    with suppress(KeyError):
        async with transaction.savepoint():
            await transaction.send("fetch", "SELECT set_config($1, 'inside', true)", (name,))
            raise KeyError
    assert await transaction.send("fetchval", "SELECT current_setting($1, true)", (name,)) in {None, ""}
    await transaction.rollback()
    await transaction.rollback()


def opening(tenant: UUID, *, read_only: bool = True) -> Opening:
    text = f"BEGIN ISOLATION LEVEL REPEATABLE READ; SET LOCAL app.current_tenant = '{tenant}'"
    return Opening(text, str(tenant).encode(), read_only=read_only)


def told(tenant: UUID) -> Answer:
    """What `TENANT` answers."""
    return Answer(tuple(oids(["text"])), sent(["text"], [(str(tenant),)]))


@pytest.fixture
async def seen(databases: Databases) -> Writes:
    """What is written to the only connection there is, on which everything is prepared."""
    wire = await databases.pool("app").acquire(later())
    for text in (TENANT, SNAPSHOT, WRONG, SLOW, BRIEFLY, NOW):
        databases.database("app").lanes.learn(text, await wire.prepare(text))
    databases.pool("app").release(wire)
    return Writes.of(wire)


@pytest.mark.compiled
async def test_what_is_asked_together_is_one_write_and_one_snapshot(
    databases: Databases, seen: Writes
) -> None:
    tenant = uuid4()
    transaction = Transaction(databases.database("app"), opening(tenant), timeout=5)
    asked = [transaction.ask(text, ()) for text in (TENANT, SNAPSHOT, TENANT, SNAPSHOT)]
    answers = await asyncio.gather(*asked)
    assert answers[0] == answers[2] == told(tenant)
    assert answers[1] == answers[3]
    assert len(seen.found) == 1
    transaction.end_with_next()
    assert await transaction.ask(SNAPSHOT, ()) == answers[1]
    assert len(seen.found) == 2
    # ended with it, and given back
    pool = databases.pool("app")
    assert pool.get_idle_size() == pool.get_size() == 1
    assert await transaction.ask(TENANT, ()) == told(tenant)
    await transaction.commit()


@pytest.mark.compiled
async def test_the_last_of_several_ends_the_transaction(databases: Databases, seen: Writes) -> None:
    tenant = uuid4()
    transaction = Transaction(databases.database("app"), opening(tenant), timeout=5)

    async def last() -> object:
        transaction.end_with_next()
        return await transaction.ask(TENANT, ())

    answers = await asyncio.gather(transaction.ask(TENANT, ()), transaction.ask(SNAPSHOT, ()), last())
    assert answers[0] == answers[2] == told(tenant)
    assert len(seen.found) == 1
    assert databases.pool("app").get_idle_size() == 1
    await transaction.commit()
    assert len(seen.found) == 1


@pytest.mark.compiled
async def test_what_is_asked_behind_the_last_gets_its_own_answer(databases: Databases, seen: Writes) -> None:
    tenant = uuid4()
    transaction = Transaction(databases.database("app"), opening(tenant), timeout=5)
    texts = [f"SELECT {number}, current_setting('app.current_tenant')" for number in range(4)]
    for text in texts:
        await transaction.ask(text, ())

    async def last() -> object:
        transaction.end_with_next()
        return await transaction.ask(texts[0], ())

    answers = await asyncio.gather(last(), *(transaction.ask(text, ()) for text in texts[1:]))
    alone = [await transaction.ask(text, ()) for text in texts]
    assert list(answers) == alone
    assert len({str(answer) for answer in answers}) == 4
    await transaction.commit()


@pytest.mark.compiled
async def test_a_transaction_whose_begin_failed_is_lost(databases: Databases, seen: Writes) -> None:
    """What comes after it would have no tenant."""
    wire = await databases.pool("app").acquire(later())
    broken, enter = await wire.prepare("SELECT 1 / 0"), wire._leads[2]
    wire._led[True, False] = wires._entering(
        wires._executed(broken.get_name().encode()), enter.get_name().encode()
    )
    databases.pool("app").release(wire)
    for asking in ("ask", "send"):
        transaction = Transaction(databases.database("app"), opening(uuid4()), timeout=5)
        arguments = (TENANT, ()) if asking == "ask" else ("fetchval", TENANT, ())
        with pytest.raises(ValidationError):
            await getattr(transaction, asking)(*arguments)
        with pytest.raises(UnavailableError):
            await getattr(transaction, asking)(*arguments)
        await transaction.rollback()
        await quiet(databases)
    assert not seen.found[-1].endswith(b"COMMIT")


@pytest.mark.compiled
async def test_an_error_among_several_fails_those_behind_it_and_leaves_the_connection(
    databases: Databases, seen: Writes
) -> None:
    transaction = Transaction(databases.database("app"), opening(uuid4()), timeout=5)
    asked = [transaction.ask(text, ()) for text in (TENANT, WRONG, TENANT)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(answer) for answer in answers] == [Answer, ValidationError, InternalError]
    assert len(seen.found) == 1
    await transaction.rollback()
    other = uuid4()
    transaction = Transaction(databases.database("app"), opening(other), timeout=5)
    assert await transaction.ask(TENANT, ()) == told(other)
    await transaction.rollback()


@pytest.mark.compiled
async def test_a_last_one_that_fails_is_followed_by_no_commit(databases: Databases, seen: Writes) -> None:
    transaction = Transaction(databases.database("app"), opening(uuid4()), timeout=5)
    await transaction.ask(TENANT, ())
    transaction.end_with_next()
    with pytest.raises(ValidationError):
        await transaction.ask(WRONG, ())
    assert databases.pool("app").get_idle_size() == 0
    await transaction.rollback()
    assert databases.pool("app").get_idle_size() == 1
    assert b"ROLLBACK" in seen.found[-1]


@pytest.mark.compiled
async def test_what_asyncpg_sends_waits_until_all_is_answered(databases: Databases, seen: Writes) -> None:
    tenant = uuid4()
    transaction = Transaction(databases.database("app"), opening(tenant), timeout=5)
    asked = (
        transaction.ask(TENANT, ()),
        transaction.send("fetchrow", "SELECT 5", ()),
        transaction.ask(TENANT, ()),
    )
    first, row, last = await asyncio.gather(*asked)
    assert first == last == told(tenant)
    assert tuple(row) == (5,)
    await transaction.rollback()


@pytest.mark.compiled
async def test_who_has_the_first_of_two_answers_still_waits(databases: Databases, seen: Writes) -> None:
    transaction = Transaction(databases.database("app"), opening(uuid4()), timeout=60)
    sleep = "SELECT 1::bigint FROM pg_sleep($1::float8)"
    # by now it is known
    await transaction.ask(sleep, (0.0,))
    before = len(seen.found)
    first = asyncio.create_task(transaction.ask(sleep, (0.1,)))
    await written(seen, before + 1)
    slow = asyncio.create_task(transaction.ask(sleep, (30.0,)))
    await written(seen, before + 2)

    async def is_late() -> bool:
        return sum(databases.late("app", 0.02).values()) == 1

    try:
        await first
        await until(is_late)
    finally:
        slow.cancel()
        await asyncio.wait((slow,))
        await transaction.rollback()
    await quiet(databases)
    assert not any(databases.late("app", 0.0).values())


@pytest.mark.compiled
async def test_several_under_way_are_cancelled_before_the_connection_is_repaired(
    databases: Databases, seen: Writes
) -> None:
    transaction = Transaction(databases.database("app"), opening(uuid4()), timeout=60)
    asked = asyncio.gather(*(transaction.ask(text, ()) for text in (TENANT, SLOW, TENANT)))
    await written(seen)
    (wire,) = databases.pool("app").used
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    await transaction.rollback()
    await quiet(databases)
    async with borrowed(databases.pool("app")) as connection:
        assert not connection.is_closed()
        assert await connection.fetchval("SELECT pg_backend_pid()") == wire.connection.get_server_pid()


@pytest.mark.compiled
async def test_what_is_asked_beside_a_begin_that_fails_is_not_run(databases: Databases, seen: Writes) -> None:
    """By itself it would run without a tenant, and be allowed to write."""
    async with borrowed(databases.pool("app")) as connection:
        await connection.execute("DISCARD ALL")
    transaction = Transaction(databases.database("app"), opening(uuid4()), timeout=5)
    asked = [transaction.ask(text, ()) for text in (TENANT, SNAPSHOT, NOW)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(answer, UnavailableError | InternalError) for answer in answers), answers
    await transaction.rollback()
    assert [write.count(SYNC) for write in seen.found] == [0, 1, 0], "one group, and a goodbye"


@pytest.mark.compiled
async def test_what_is_asked_later_waits_for_the_transaction_to_have_begun(
    databases: Databases, seen: Writes
) -> None:
    transaction = Transaction(databases.database("app"), opening(uuid4()), timeout=5)
    first = asyncio.create_task(transaction.ask(BRIEFLY, ()))
    await written(seen)
    second = asyncio.create_task(transaction.ask(TENANT, ()))
    for _ in range(10):  # turns of the loop, in one of which it would be written
        await asyncio.sleep(0)
    assert len(seen.found) == 1
    await asyncio.gather(first, second)
    await transaction.rollback()


@pytest.mark.compiled
async def test_a_commit_that_comes_too_late_says_so(databases: Databases, seen: Writes) -> None:
    """While it waits for a statement, the connection is lost, and with it what was written."""
    transaction = Transaction(databases.database("app"), opening(uuid4(), read_only=False), timeout=5)
    await transaction.ask(TENANT, ())
    slow = asyncio.create_task(transaction.ask(SLOW, ()))
    await written(seen, 2)
    ending = asyncio.create_task(transaction.commit())
    await asyncio.sleep(0)
    (wire,) = databases.pool("app").used
    wire.connection.terminate()
    for task in (slow, ending):
        with pytest.raises(UnavailableError):
            await task


@pytest.mark.compiled
async def test_only_the_task_that_said_so_ends_the_transaction(databases: Databases, seen: Writes) -> None:
    """Others may have waited for the connection meanwhile."""
    database = databases.database("app")
    held = await databases.pool("app").acquire(later())
    transaction = Transaction(database, opening(uuid4()), timeout=5)

    async def last() -> object:
        transaction.end_with_next()
        return await transaction.ask(NOW, ())

    asked = asyncio.gather(transaction.ask(NOW, ()), last())
    await asyncio.sleep(0)
    databases.pool("app").release(held)
    first, second = await asked
    assert first == second
    assert databases.pool("app").get_idle_size() == 1
    assert seen.found
    await transaction.commit()


async def test_who_is_cancelled_in_a_savepoint_leaves_nothing_to_commit(databases: Databases) -> None:
    transaction = Transaction(databases.database("app"), Opening("BEGIN"), timeout=5)
    inside = asyncio.Event()

    async def work() -> None:
        async with transaction.savepoint():
            await transaction.send("execute", "SELECT set_config('app.test_inside', 'x', true)", ())
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(UnavailableError):
        await transaction.commit()
