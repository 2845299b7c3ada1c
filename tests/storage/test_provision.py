import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from harka.config import Settings
from harka.storage.databases import Databases
from harka.storage.location import (
    APP_ROLE,
    CONTROL_ROLE,
    OWNER_ROLE,
    Location,
    admin_url,
    app_url,
    catalog_url,
)
from harka.storage.migrate import connected
from harka.storage.provision import create_home, drop_home, prepare_server
from harka.storage.session import open_session
from harka.storage.statement import Statement

COUNT = Statement("test.count", "SELECT count(*) FROM {schema}.course WHERE tenant_id = $1")


async def refused(url: str, text: str) -> bool:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(text)
    except asyncpg.InsufficientPrivilegeError:
        return True
    finally:
        await connection.close()
    return False


@pytest.fixture
async def dedicated(storage_settings: Settings) -> AsyncIterator[Location]:
    hex_ = uuid4().hex
    location = Location(f"harka_{hex_}", f"tenant_{hex_}")
    yield location
    await drop_home(storage_settings, location)


async def test_roles_can_do_what_they_must_and_no_more(servers: Any, storage_settings: Settings) -> None:
    async with connected(servers.admin_url) as connection:
        rows = await connection.fetch(
            """SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolreplication, rolinherit, rolcreatedb
            FROM pg_roles WHERE rolname LIKE 'harka%' ORDER BY rolname"""
        )
        memberships = await connection.fetchval(
            """SELECT count(*) FROM pg_auth_members JOIN pg_roles ON pg_roles.oid = member
            WHERE rolname LIKE 'harka%'"""
        )
    assert [tuple(row) for row in rows] == [
        (APP_ROLE, False, False, False, False, False, False),
        (CONTROL_ROLE, False, False, False, False, False, False),
        (OWNER_ROLE, False, False, False, False, False, True),
    ]
    assert memberships == 0


async def test_preparing_again_and_at_once_changes_nothing(servers: Any) -> None:
    name = f"again_{uuid4().hex[:8]}"
    await asyncio.gather(*(prepare_server(servers.admin_url, database=name) for _ in range(3)))
    await prepare_server(servers.admin_url, database=name)
    async with connected(servers.admin_url) as connection:
        await connection.execute(f"DROP DATABASE {name}")


async def test_role_that_was_given_too_much_is_put_right(servers: Any, storage_settings: Settings) -> None:
    async with connected(servers.admin_url) as connection:
        await connection.execute(f"ALTER ROLE {APP_ROLE} BYPASSRLS")
        await prepare_server(servers.admin_url)
        text = "SELECT rolbypassrls FROM pg_roles WHERE rolname = $1"
        assert await connection.fetchval(text, APP_ROLE) is False


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM control.organization",
        "SELECT * FROM control.api_key",
        "CREATE TABLE public.mine ()",
        "CREATE TABLE shard_small_7.mine ()",
        "CREATE TEMP TABLE mine ()",
        "CREATE SCHEMA mine",
        "TRUNCATE shard_small_7.course",
        "ALTER TABLE shard_small_7.course DISABLE ROW LEVEL SECURITY",
        "DROP POLICY tenant ON shard_small_7.course",
        "SET ROLE harka_owner",
        "SET SESSION AUTHORIZATION harka_owner",
        "DELETE FROM shard_small_7.schema_migrations",
        "COPY shard_small_7.course TO PROGRAM 'cat'",
    ],
)
async def test_application_role_is_kept_out(storage_settings: Settings, home: Location, text: str) -> None:
    assert await refused(app_url(storage_settings, "app"), text)


@pytest.mark.parametrize(
    "text",
    ['SELECT * FROM shard_small_7."user"', "CREATE TABLE control.mine ()", "CREATE TEMP TABLE mine ()"],
)
async def test_control_role_is_kept_out(storage_settings: Settings, home: Location, text: str) -> None:
    assert await refused(catalog_url(storage_settings), text)


async def test_switching_row_security_off_fails_instead_of_showing_all(
    storage_settings: Settings, home: Location
) -> None:
    assert await refused(
        app_url(storage_settings, "app"), "SET row_security TO off; SELECT * FROM shard_small_7.course"
    )


async def test_owner_itself_sees_no_rows_without_a_tenant(storage_settings: Settings, home: Location) -> None:
    async with connected(admin_url(storage_settings)) as connection:
        tenant = uuid4()
        insert = """INSERT INTO shard_small_7.course (tenant_id, id, code, slug, title)
            VALUES ($1, $1, 'C', 'c', 'C')"""
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(insert, tenant)
        async with connection.transaction():
            await connection.execute(f"SET LOCAL app.current_tenant = '{tenant}'")
            await connection.execute(insert, tenant)
        assert await connection.fetchval("SELECT count(*) FROM shard_small_7.course") == 0


async def test_dedicated_home_is_a_database_of_its_own(
    storage_settings: Settings, dedicated: Location
) -> None:
    await asyncio.gather(*(create_home(storage_settings, dedicated) for _ in range(3)))
    databases = Databases(storage_settings)
    session = open_session(databases, dedicated, uuid4(), read_only=True, timeout=5)
    assert await session.fetch_value(COUNT) == 0
    await session.commit()
    await databases.close()
    # not even its owner's own: whoever is not named may not connect
    async with connected(admin_url(storage_settings, dedicated.database)) as connection:
        assert not await connection.fetchval(
            "SELECT has_database_privilege('public', current_database(), 'CONNECT')"
        )


async def test_shared_schema_is_never_dropped(storage_settings: Settings, home: Location) -> None:
    with pytest.raises(ValueError, match="more than one tenant"):
        await drop_home(storage_settings, home)


async def test_home_in_a_schema_can_be_made_at_once_and_dropped(storage_settings: Settings) -> None:
    location = Location("app", f"tenant_{uuid4().hex}")
    await asyncio.gather(*(create_home(storage_settings, location) for _ in range(3)))
    await drop_home(storage_settings, location)
    await drop_home(storage_settings, location)
