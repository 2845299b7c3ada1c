import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from harka.config import Settings
from harka.errors import (
    ConflictError,
    DeadlineExceededError,
    InternalError,
    NotFoundError,
    TenantRequiredError,
    UnavailableError,
    ValidationError,
)
from harka.storage.databases import Databases
from harka.storage.location import Location, admin_url, app_url
from harka.storage.migrate import connected
from harka.storage.session import ForeignKeyError, ShardSession, UniqueError, open_session
from harka.storage.statement import Statement
from storage.borrowing import borrowed

Begin = Callable[..., ShardSession]

ADD_USER = Statement(
    "test.add_user",
    """INSERT INTO {schema}."user" (tenant_id, id, email, name) VALUES ($1, $2, $3, 'Somebody')""",
)
# without a condition on the tenant: what row-level security alone lets through
EMAILS = Statement(
    "test.emails", """SELECT email FROM {schema}."user" WHERE $1::uuid IS NOT NULL ORDER BY email"""
)
COURSES = Statement("test.courses", "SELECT id FROM {schema}.course WHERE tenant_id = $1")
SETTING = Statement(
    "test.setting",
    """SELECT current_setting('app.current_tenant', true) FROM (SELECT $1::uuid) AS _
    LEFT JOIN {schema}.course ON false""",
)
SLEEP = Statement(
    "test.sleep", "SELECT pg_sleep($2) FROM (SELECT $1::uuid) AS _ LEFT JOIN {schema}.course ON false"
)
ADD_COURSE = Statement(
    "test.add_course",
    "INSERT INTO {schema}.course (tenant_id, id, code, slug, title) VALUES ($1, $2, 'C', 'c', $3)",
)
ENROLL = Statement(
    "test.enroll",
    "INSERT INTO {schema}.enrollment (tenant_id, id, user_id, course_id) VALUES ($1, $2, $3, $4)",
)
STEAL = Statement("test.steal", """UPDATE {schema}."user" SET tenant_id = $2 WHERE tenant_id = $1""")


async def emails(session: ShardSession) -> list[str]:
    return [row["email"] for row in await session.fetch(EMAILS)]


async def seen(begin: Begin, tenant: UUID) -> list[str]:
    session = begin(tenant, read_only=True)
    found = await emails(session)
    await session.commit()
    return found


async def add(begin: Begin, tenant: UUID, email: str) -> UUID:
    session, user = begin(tenant), uuid4()
    assert await session.execute(ADD_USER, user, email) == 1
    await session.commit()
    return user


async def test_tenant_sees_only_its_own_rows_even_without_a_condition(begin: Begin) -> None:
    one, other = uuid4(), uuid4()
    await add(begin, one, "one@example.org")
    await add(begin, other, "other@example.org")
    session = begin(one, read_only=True)
    assert await emails(session) == ["one@example.org"]
    await session.commit()


async def test_setting_ends_with_the_transaction(begin: Begin, databases: Databases) -> None:
    tenant = uuid4()
    session = begin(tenant)
    assert await session.fetch_value(SETTING) == str(tenant)
    await session.commit()
    pool = databases.pool("app")
    async with borrowed(pool) as connection:
        # once set, PostgreSQL answers '' ever after on this connection, not NULL: the policy takes both
        assert await connection.fetchval("SELECT current_setting('app.current_tenant', true)") in {None, ""}
        assert await connection.fetchval('SELECT count(*) FROM shard_small_7."user"') == 0


async def test_without_a_tenant_nothing_is_visible_and_nothing_can_be_written(
    begin: Begin, storage_settings: Settings
) -> None:
    await add(begin, uuid4(), "somebody@example.org")
    connection = await asyncpg.connect(app_url(storage_settings, "app"))
    try:
        for setting in (None, ""):
            if setting is not None:
                await connection.execute("SELECT set_config('app.current_tenant', '', false)")
            assert await connection.fetchval('SELECT count(*) FROM shard_small_7."user"') == 0
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(
                    'INSERT INTO shard_small_7."user" (tenant_id, id, email, name) VALUES ($1, $1, $2, $2)',
                    uuid4(),
                    "x@example.org",
                )
    finally:
        await connection.close()


async def test_garbled_setting_fails_closed(begin: Begin, storage_settings: Settings) -> None:
    await add(begin, uuid4(), "somebody@example.org")
    connection = await asyncpg.connect(app_url(storage_settings, "app"))
    try:
        await connection.execute("SELECT set_config('app.current_tenant', 'everybody', false)")
        with pytest.raises(asyncpg.InvalidTextRepresentationError):
            await connection.fetch('SELECT * FROM shard_small_7."user"')
    finally:
        await connection.close()


async def test_row_cannot_be_moved_to_another_tenant(begin: Begin) -> None:
    tenant, other = uuid4(), uuid4()
    await add(begin, tenant, "mine@example.org")
    session = begin(tenant)
    with pytest.raises(InternalError):
        await session.execute(STEAL, other)
    await session.rollback()
    assert await seen(begin, other) == []


async def test_reference_to_another_tenants_row_is_refused(begin: Begin) -> None:
    one, other = uuid4(), uuid4()
    foreign = await add(begin, other, "other@example.org")
    session, course = begin(one), uuid4()
    await session.execute(ADD_COURSE, course, "Course")
    with pytest.raises(ForeignKeyError) as refused:
        await session.execute(ENROLL, uuid4(), foreign, course)
    assert isinstance(refused.value, NotFoundError)
    await session.rollback()


@pytest.mark.parametrize("tenant", [None, "", "7b5ce5d1-0f50-4f9c-9f2b-5a4b8b1b2a4e", 7, b"0123456789abcdef"])
async def test_session_without_a_tenant_is_not_opened(
    databases: Databases, home: Location, tenant: Any
) -> None:
    with pytest.raises(TenantRequiredError):
        open_session(databases, home, tenant, read_only=True, timeout=1)


async def test_tenant_of_a_subclass_cannot_write_its_own_sql(databases: Databases, home: Location) -> None:
    class Crafted(UUID):
        def __str__(self) -> str:
            return "'; SET app.current_tenant TO '"

    crafted = Crafted(int=uuid4().int)
    session = open_session(databases, home, crafted, read_only=True, timeout=5)
    assert await session.fetch_value(SETTING) == str(UUID(int=crafted.int))
    await session.rollback()


ADD_MANY = Statement(
    "test.add_many",
    """INSERT INTO {schema}."user" (tenant_id, id, email, name)
    SELECT $1, gen_random_uuid(), n || '@example.org', 'Somebody' FROM generate_series(1, 1000) AS n""",
)
LOOKUP = """EXPLAIN SELECT id FROM {schema}."user" WHERE tenant_id = $1 AND """
EXACT = Statement("test.exact", f"{LOOKUP} email_key = $2")
LOWERED = Statement("test.lowered", f"{LOOKUP} lower(email) = $2")


@pytest.mark.parametrize(("statement", "served"), [(EXACT, True), (LOWERED, False)])
async def test_policy_leaves_an_index_to_leakproof_comparisons_only(
    begin: Begin,
    storage_settings: Settings,
    statement: Statement,
    served: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """Why there is an email_key: under a policy not even an index on lower(email) would be used."""
    session = begin(uuid4())
    await session.execute(ADD_MANY)
    await session.commit()
    owner = await asyncpg.connect(admin_url(storage_settings))
    await owner.execute('ANALYZE shard_small_7."user"')
    await owner.close()
    session = begin(session.tenant, read_only=True)
    plan = "\n".join(row[0] for row in await session.fetch(statement, "7@example.org"))
    await session.rollback()
    condition = next((line for line in plan.splitlines() if "Index Cond" in line), "")
    assert ("email_key =" in condition) is served, plan


async def test_migration_under_a_prepared_statement_is_felt_once(
    begin: Begin, storage_settings: Settings
) -> None:
    everything = Statement("test.all", "SELECT * FROM {schema}.completion WHERE tenant_id = $1")
    session = begin(uuid4(), read_only=True)
    await session.fetch(everything)
    await session.commit()
    owner = await asyncpg.connect(admin_url(storage_settings))
    await owner.execute("ALTER TABLE shard_small_7.completion ADD planted int")
    session = begin(uuid4(), read_only=True)
    with pytest.raises(UnavailableError):
        await session.fetch(everything)
    await session.rollback()
    session = begin(uuid4(), read_only=True)
    assert await session.fetch(everything) == []
    await session.commit()
    await owner.execute("ALTER TABLE shard_small_7.completion DROP planted")
    await owner.close()


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("kept", [100, 0])
async def test_read_only_session_cannot_write(
    storage_settings: Settings, home: Location, *, kept: int, single: bool
) -> None:
    databases, tenant = (
        Databases(msgspec.structs.replace(storage_settings, statement_cache_size=kept)),
        uuid4(),
    )
    session = open_session(databases, home, tenant, read_only=True, timeout=5, single=single)
    with pytest.raises(InternalError):
        await session.execute(ADD_USER, uuid4(), "a@example.org")
    await session.rollback()
    session = open_session(databases, home, tenant, read_only=True, timeout=5)
    assert await emails(session) == []
    await session.commit()
    await databases.close()


async def test_read_only_session_sees_one_snapshot(wide: Settings, home: Location) -> None:
    databases, tenant = Databases(wide), uuid4()
    reader = open_session(databases, home, tenant, read_only=True, timeout=5)
    assert await emails(reader) == []
    writer = open_session(databases, home, tenant, read_only=False, timeout=5)
    await writer.execute(ADD_USER, uuid4(), "late@example.org")
    await writer.commit()
    assert await emails(reader) == []
    await reader.commit()
    await databases.close()


async def test_unused_session_takes_no_connection(begin: Begin, databases: Databases) -> None:
    session = begin(uuid4())
    await session.commit()
    await session.rollback()
    assert session.statements == 0
    assert databases.pool("app").get_size() == 0


async def test_rollback_undoes_and_the_next_tenant_starts_clean(begin: Begin) -> None:
    one, other = uuid4(), uuid4()
    session = begin(one)
    await session.execute(ADD_USER, uuid4(), "gone@example.org")
    await session.rollback()
    following = begin(other)
    assert await following.fetch_value(SETTING) == str(other)
    assert await emails(following) == []
    await following.rollback()
    assert await seen(begin, one) == []


async def test_ended_session_refuses_statements(begin: Begin) -> None:
    session = begin(uuid4())
    await session.fetch(EMAILS)
    await session.commit()
    with pytest.raises(InternalError):
        await session.fetch(EMAILS)


async def test_commit_after_an_error_does_not_pretend(begin: Begin) -> None:
    tenant = uuid4()
    session = begin(tenant)
    await session.execute(ADD_USER, uuid4(), "a@example.org")
    with pytest.raises(UniqueError) as taken:
        await session.execute(ADD_USER, uuid4(), "A@Example.org")
    assert isinstance(taken.value, ConflictError)
    assert taken.value.constraint == "user_email_unique"
    with pytest.raises(InternalError):
        await session.commit()
    assert await seen(begin, tenant) == []


async def test_each_statement_of_a_single_session_is_kept_by_itself(begin: Begin) -> None:
    tenant, other = uuid4(), uuid4()
    session = begin(tenant, single=True)
    first = uuid4()
    for _ in range(2):
        # the second time it is known what the statement takes and answers
        await session.execute(ADD_USER, uuid4(), f"{uuid4()}@example.com")
    await session.execute(ADD_USER, first, "first@example.com")
    with pytest.raises(UniqueError):
        await session.execute(ADD_USER, first, "second@example.com")
    await session.rollback()
    assert "first@example.com" in await emails(begin(tenant, read_only=True, single=True))
    assert len(await emails(begin(tenant, read_only=True, single=True))) == 3
    assert await emails(begin(other, read_only=True, single=True)) == []


async def test_savepoint_keeps_what_was_done_before_it(begin: Begin) -> None:
    tenant = uuid4()
    session = begin(tenant)
    await session.execute(ADD_USER, uuid4(), "kept@example.org")

    async def fail_halfway() -> None:
        async with session.savepoint():
            await session.execute(ADD_USER, uuid4(), "lost@example.org")
            await session.execute(ADD_USER, uuid4(), "kept@example.org")

    with pytest.raises(UniqueError):
        await fail_halfway()
    async with session.savepoint():
        await session.execute(ADD_USER, uuid4(), "more@example.org")
    await session.commit()
    assert await seen(begin, tenant) == ["kept@example.org", "more@example.org"]


async def test_concurrent_callers_take_turns(begin: Begin) -> None:
    session = begin(uuid4())
    await asyncio.gather(*(session.execute(ADD_USER, uuid4(), f"{n}@example.org") for n in range(20)))
    assert len(await emails(session)) == 20
    await session.rollback()


@pytest.mark.parametrize("text", ["a\x00b", "\ud800", "x" * 201, ""])
async def test_unacceptable_text_is_a_clear_error_and_writes_nothing(begin: Begin, text: str) -> None:
    tenant = uuid4()
    session = begin(tenant)
    with pytest.raises(ValidationError) as refused:
        await session.execute(ADD_COURSE, uuid4(), text)
    assert text not in refused.value.message or not text
    await session.rollback()


async def test_a_statement_is_prepared_within_the_deadline_too(
    begin: Begin, home: Location, storage_settings: Settings
) -> None:
    """To prepare it waits for who holds the table, and no timeout of the server ends that."""
    session = begin(uuid4(), timeout=0.15)
    async with connected(admin_url(storage_settings, home.database)) as owner, owner.transaction():
        await owner.execute(f"LOCK TABLE {home.schema}.course IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(DeadlineExceededError):
            await session.fetch(COURSES)
    await session.rollback()


@pytest.mark.parametrize("single", [False, True])
async def test_nothing_is_sent_when_the_deadline_has_passed_before(begin: Begin, *, single: bool) -> None:
    for _ in range(2):
        # of the second statement of its kind the process knows what it answers
        known = begin(uuid4(), read_only=True, single=single)
        await known.fetch_value(SETTING)
        await known.commit()
    session = begin(uuid4(), read_only=True, single=single, timeout=-0.001)
    with pytest.raises(DeadlineExceededError):
        await session.fetch_value(SETTING)
    assert session.statements == 0
    await session.rollback()


async def test_missed_deadline_frees_the_connection_for_another_tenant(begin: Begin) -> None:
    other = uuid4()
    session = begin(uuid4(), timeout=0.15)
    with pytest.raises(DeadlineExceededError):
        await session.fetch(SLEEP, 30.0)
    with pytest.raises(DeadlineExceededError):
        await session.commit()
    following = begin(other, timeout=2)
    assert await following.fetch_value(SETTING) == str(other)
    await following.commit()


async def test_commit_of_a_lost_session_does_not_pretend(begin: Begin) -> None:
    tenant = uuid4()
    session = begin(tenant)
    await session.execute(ADD_USER, uuid4(), "lost@example.org")
    task = asyncio.ensure_future(session.fetch(SLEEP, 30.0))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    with pytest.raises(UnavailableError):
        await session.commit()
    assert await seen(begin, tenant) == []


async def test_waiting_for_a_connection_ends_with_the_deadline(begin: Begin) -> None:
    holder = begin(uuid4())
    await holder.fetch(EMAILS)
    waiting = begin(uuid4(), timeout=0.1)
    with pytest.raises(UnavailableError):
        await waiting.fetch(EMAILS)
    await waiting.rollback()
    await holder.commit()
    assert await seen(begin, uuid4()) == []


async def test_connection_killed_by_the_server_is_unavailable_and_replaced(
    begin: Begin, servers: Any, databases: Databases
) -> None:
    session = begin(uuid4())
    await session.fetch(EMAILS)
    pool = databases.pool("app")
    (wire,) = pool.used
    pid = wire.connection.get_server_pid()
    connection = await asyncpg.connect(servers.admin_url)
    await connection.execute("SELECT pg_terminate_backend($1, 5000)", pid)
    await connection.close()
    with pytest.raises(UnavailableError):
        await session.fetch(EMAILS)
    await session.rollback()
    assert await seen(begin, uuid4()) == []


async def test_forgotten_session_gives_its_connection_back(begin: Begin) -> None:
    session = begin(uuid4())
    await session.execute(ADD_USER, uuid4(), "lost@example.org")
    with pytest.warns(ResourceWarning, match="neither committed nor rolled back"):
        del session
    assert await seen(begin, uuid4()) == []
