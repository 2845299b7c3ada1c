import asyncio
from collections.abc import AsyncIterator
from typing import get_args
from uuid import uuid4

import asyncpg
import pytest

from harka.config import Settings
from harka.errors import UnavailableError
from harka.storage import migrate as module
from harka.storage.location import APP_ROLE, CONTROL_ROLE, OWNER_ROLE, Location, admin_url
from harka.storage.migrate import (
    check_all,
    connected,
    migrate_all,
    migrate_schema,
    pending,
    revert,
)
from harka.storage.migration import Migration, MigrationError, Stream, stream_migrations


def migration(version: int, up: str, down: str = "", *, transactional: bool = True) -> Migration:
    return Migration(f"{20261123000000 + version}", f"number_{version}", up, down, transactional)


FIRST = migration(1, "CREATE TABLE thing (id int PRIMARY KEY)", "DROP TABLE thing")
SECOND = migration(2, "ALTER TABLE thing ADD name text", "ALTER TABLE thing DROP name")
ONLY_ROWS = {"unmarked_completion"}
"""Files that change no table."""


@pytest.fixture
async def owner(storage_settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    async with connected(admin_url(storage_settings)) as connection:
        yield connection


@pytest.fixture
async def schema(owner: asyncpg.Connection) -> AsyncIterator[str]:
    name = f"try_{uuid4().hex}"
    yield name
    await owner.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE")


async def shape(connection: asyncpg.Connection, schema: str) -> set[tuple[str, ...]]:
    """Everything a schema consists of, by kind and name, and who may do what with its tables."""
    rows = await connection.fetch(
        """SELECT 'class', relname::text, relkind::text FROM pg_class WHERE relnamespace = $1::regnamespace
        UNION ALL SELECT 'right', relname::text, granted.grantee::regrole::text || granted.privilege_type
          FROM pg_class, aclexplode(relacl) AS granted WHERE relnamespace = $1::regnamespace
            AND relname <> 'schema_migrations'
        UNION ALL SELECT 'column', attrelid::regclass::text, attname FROM pg_attribute
          JOIN pg_class ON pg_class.oid = attrelid WHERE relnamespace = $1::regnamespace AND NOT attisdropped
        UNION ALL SELECT 'function', proname, '' FROM pg_proc WHERE pronamespace = $1::regnamespace
        UNION ALL SELECT 'type', typname, '' FROM pg_type WHERE typnamespace = $1::regnamespace
        UNION ALL SELECT 'constraint', conname, pg_get_constraintdef(oid) FROM pg_constraint
          WHERE connamespace = $1::regnamespace
        UNION ALL SELECT 'policy', polname, pg_class.relname FROM pg_policy
          JOIN pg_class ON pg_class.oid = polrelid WHERE relnamespace = $1::regnamespace
        UNION ALL SELECT 'trigger', tgname, pg_class.relname FROM pg_trigger
          JOIN pg_class ON pg_class.oid = tgrelid
          WHERE relnamespace = $1::regnamespace AND NOT tgisinternal""",
        schema,
    )
    return {tuple(row) for row in rows}


async def test_files_are_applied_once_and_in_order(owner: asyncpg.Connection, schema: str) -> None:
    assert await migrate_schema(owner, "tenant", schema, migrations=[FIRST]) == ["number_1"]
    assert await migrate_schema(owner, "tenant", schema, migrations=[FIRST, SECOND]) == ["number_2"]
    assert await migrate_schema(owner, "tenant", schema, migrations=[FIRST, SECOND]) == []
    assert ("column", f"{schema}.thing", "name") in await shape(owner, schema)


async def test_failed_file_leaves_nothing_and_the_run_can_be_repeated(
    owner: asyncpg.Connection, schema: str
) -> None:
    broken = migration(2, "ALTER TABLE thing ADD name text; SELECT 1 / 0")
    with pytest.raises(MigrationError, match="number_2"):
        await migrate_schema(owner, "tenant", schema, migrations=[FIRST, broken])
    assert ("column", f"{schema}.thing", "name") not in await shape(owner, schema)
    assert await migrate_schema(owner, "tenant", schema, migrations=[FIRST, SECOND]) == ["number_2"]


async def test_changed_file_is_noticed_before_anything_is_done(
    owner: asyncpg.Connection, schema: str
) -> None:
    await migrate_schema(owner, "tenant", schema, migrations=[FIRST])
    changed = migration(1, "CREATE TABLE thing (id bigint PRIMARY KEY)")
    with pytest.raises(MigrationError, match=r"number_1\.sql was changed"):
        await migrate_schema(owner, "tenant", schema, migrations=[changed, SECOND])
    with pytest.raises(MigrationError, match="was changed"):
        await pending(owner, "tenant", schema, migrations=[changed])
    assert ("column", f"{schema}.thing", "name") not in await shape(owner, schema)


async def test_version_of_a_newer_build_is_left_alone(owner: asyncpg.Connection, schema: str) -> None:
    await migrate_schema(owner, "tenant", schema, migrations=[FIRST, SECOND])
    assert await migrate_schema(owner, "tenant", schema, migrations=[FIRST]) == []


async def test_pending_names_what_is_missing(owner: asyncpg.Connection, schema: str) -> None:
    assert await pending(owner, "tenant", schema, migrations=[FIRST, SECOND]) == ["number_1", "number_2"]
    await migrate_schema(owner, "tenant", schema, migrations=[FIRST])
    assert await pending(owner, "tenant", schema, migrations=[FIRST, SECOND]) == ["number_2"]


async def test_runs_at_once_share_the_work(storage_settings: Settings, schema: str) -> None:
    many = [FIRST, *(migration(n, f"ALTER TABLE thing ADD c{n} int") for n in range(2, 8))]

    async def run() -> list[str]:
        async with connected(admin_url(storage_settings)) as connection:
            return await migrate_schema(connection, "tenant", schema, migrations=many)

    done = await asyncio.gather(*(run() for _ in range(4)))
    assert sorted(name for names in done for name in names) == [f"number_{n}" for n in range(1, 8)]


async def test_statements_outside_a_transaction_are_sent_one_by_one(
    owner: asyncpg.Connection, schema: str
) -> None:
    index = migration(
        2,
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS thing_a ON thing (id);\n"
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS thing_b ON thing (id DESC);",
        transactional=False,
    )
    await migrate_schema(owner, "tenant", schema, migrations=[FIRST, index])
    assert {("class", "thing_a", "i"), ("class", "thing_b", "i")} <= await shape(owner, schema)
    assert await owner.fetchval("SHOW search_path") == '"$user", public'
    assert await owner.fetchval("SELECT current_setting('role')") == "none"
    held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
    assert await owner.fetchval(held) == 0


async def test_index_without_a_transaction_is_not_held_up_by_another_run(
    storage_settings: Settings, owner: asyncpg.Connection, schema: str
) -> None:
    await migrate_schema(owner, "tenant", schema, migrations=[FIRST])
    index = migration(
        2, "CREATE INDEX CONCURRENTLY IF NOT EXISTS thing_a ON thing (id);", transactional=False
    )

    async def run() -> list[str]:
        async with connected(admin_url(storage_settings)) as connection:
            return await migrate_schema(connection, "tenant", schema, migrations=[FIRST, index])

    async with asyncio.timeout(20):
        done = await asyncio.gather(*(run() for _ in range(3)))
    assert sorted(name for names in done for name in names) == ["number_2"]


async def test_table_in_use_is_waited_for_only_so_long(
    storage_settings: Settings, owner: asyncpg.Connection, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOCK_TIMEOUT", 1)
    await migrate_schema(owner, "tenant", schema, migrations=[FIRST])
    async with connected(admin_url(storage_settings)) as other, other.transaction():
        await other.execute(f"LOCK TABLE {schema}.thing")
        with pytest.raises(MigrationError, match="in use"):
            await migrate_schema(owner, "tenant", schema, migrations=[FIRST, SECOND])
    assert await migrate_schema(owner, "tenant", schema, migrations=[FIRST, SECOND]) == ["number_2"]


async def test_run_that_hangs_is_not_waited_for_for_ever(
    storage_settings: Settings, owner: asyncpg.Connection, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await migrate_schema(owner, "tenant", schema, migrations=[FIRST])
    monkeypatch.setattr(module, "RUNNER_TIMEOUT", 0.1)
    async with connected(admin_url(storage_settings)) as other, module._exclusive(other, schema):
        for blocked in (SECOND, migration(3, "SELECT 1;", transactional=False)):
            with pytest.raises(MigrationError, match="another run"):
                await migrate_schema(owner, "tenant", schema, migrations=[FIRST, blocked])


@pytest.mark.parametrize("stream", get_args(Stream))
async def test_every_shipped_file_can_be_taken_back_and_applied_again(
    owner: asyncpg.Connection, schema: str, stream: Stream
) -> None:
    known = stream_migrations(stream)
    await migrate_schema(owner, stream, schema, migrations=())
    for number, newest in enumerate(known):
        before = await shape(owner, schema)
        await migrate_schema(owner, stream, schema, migrations=known[: number + 1])
        after = await shape(owner, schema)
        assert (after == before) == (newest.name in ONLY_ROWS)
        await revert(owner, schema, newest)
        assert await shape(owner, schema) == before
        await migrate_schema(owner, stream, schema, migrations=known[: number + 1])
        assert await shape(owner, schema) == after


async def test_only_marks_that_nobody_gave_are_taken_back(owner: asyncpg.Connection, schema: str) -> None:
    known = stream_migrations("tenant")
    place = [each.name for each in known].index("unmarked_completion")
    await migrate_schema(owner, "tenant", schema, migrations=known[:place])
    tenant, course, lesson = (uuid4() for _ in range(3))
    async with owner.transaction():
        await owner.execute(f"SET LOCAL ROLE {OWNER_ROLE}; SET LOCAL search_path = {schema}")
        await owner.execute("SELECT set_config('app.current_tenant', $1, true)", str(tenant))
        # the rows alone, without the people and lessons they are about
        await owner.execute(
            """DO $$ DECLARE each record; BEGIN
            FOR each IN SELECT conrelid::regclass AS held, conname FROM pg_constraint WHERE contype = 'f'
              AND conrelid IN ('enrollment'::regclass, 'lesson_progress'::regclass, 'user_activity'::regclass)
            LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', each.held, each.conname); END LOOP;
            END $$"""
        )
        # false, marked, decided
        for moment, mark in (("2026-01-02", None), ("2026-01-02", 100), ("2026-01-03", None)):
            enrolled = uuid4()
            await owner.execute(
                """INSERT INTO enrollment
                  (tenant_id, id, user_id, course_id, status, enrolled_at, completed_at)
                VALUES ($1, $2, $2, $3, 'completed', '2026-01-01', $4::text::timestamptz)""",
                *(tenant, enrolled, course, moment),
            )
            await owner.execute(
                """INSERT INTO lesson_progress
                  (tenant_id, id, enrollment_id, lesson_id, fraction, score, occurred_at)
                VALUES ($1, $2, $2, $3, 1, $4, '2026-01-02')""",
                *(tenant, enrolled, lesson, mark),
            )
            await owner.execute(
                """INSERT INTO completion (tenant_id, id, enrollment_id, completed_at, score)
                VALUES ($1, $2, $2, $3::text::timestamptz, 100)""",
                *(tenant, enrolled, moment),
            )
    await migrate_schema(owner, "tenant", schema, migrations=known[: place + 1])
    async with owner.transaction():
        await owner.execute("SELECT set_config('app.current_tenant', $1, true)", str(tenant))
        await owner.execute(f"SET LOCAL search_path = {schema}")
        rows = await owner.fetch("SELECT score FROM completion ORDER BY completed_at, score NULLS FIRST")
    assert [row["score"] for row in rows] == [None, 100, 100]
    forced = await owner.fetchval(
        "SELECT count(*) FROM pg_class WHERE relnamespace = $1::regnamespace AND relforcerowsecurity"
        " AND relname IN ('completion', 'enrollment', 'lesson_progress')",
        schema,
    )
    assert forced == 3


async def test_schema_with_all_tenant_tables_takes_few_statements(owner: asyncpg.Connection) -> None:
    """About 30 are made at the first start."""
    name, asked = f"try_{uuid4().hex}", list[asyncpg.connection.LoggedQuery]()
    with owner.query_logger(asked.append):
        await migrate_schema(owner, "tenant", name)
    await owner.execute(f"DROP SCHEMA {name} CASCADE")
    assert len(asked) <= 7 * len(stream_migrations("tenant")) + 7


@pytest.mark.parametrize(("stream", "role"), [("control", CONTROL_ROLE), ("tenant", APP_ROLE)])
async def test_service_reads_the_versions_but_cannot_change_them(
    owner: asyncpg.Connection, schema: str, stream: Stream, role: str
) -> None:
    await migrate_schema(owner, stream, schema, migrations=[FIRST])
    rights = [
        await owner.fetchval(
            "SELECT has_table_privilege($1, $2, $3)", role, f"{schema}.schema_migrations", right
        )
        for right in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")
    ]
    assert rights == [True, False, False, False, False]


async def test_all_homes_of_the_catalog_are_checked_and_migrated(
    storage_settings: Settings, owner: asyncpg.Connection, schema: str
) -> None:
    tenant = uuid4()
    await owner.execute(
        "INSERT INTO control.organization (id, name, slug, plan) VALUES ($1, 'X', $2, 'STARTER')",
        tenant,
        f"s{tenant.hex}",
    )
    await owner.execute(
        """INSERT INTO control.placement (tenant_id, shard, mode, database, schema)
        VALUES ($1, 'shard_small_1', 'POOL', 'app', $2)""",
        tenant,
        schema,
    )
    expected = [f"app.{schema}: {each.name}" for each in stream_migrations("tenant")]
    assert await check_all(storage_settings) == expected
    done = {each.location: each.names for each in await migrate_all(storage_settings)}
    assert done[Location("app", schema)] == tuple(each.name for each in stream_migrations("tenant"))
    assert await check_all(storage_settings) == []
    await owner.execute("DELETE FROM control.organization WHERE id = $1", tenant)


async def test_server_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(UnavailableError):
        await check_all(Settings(database_url="postgresql://harka_control@127.0.0.1:1/harka"))
