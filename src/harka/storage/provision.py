"""Makes what HARKA's tables need around them: roles, databases, schemas. Everything here may be repeated.

harka_owner    owns every database and table, runs migrations; row security is forced on it all the same
harka_app      reads and writes tenants' rows under row-level security; sees nothing of the catalog
harka_control  reads and writes the catalog; sees nothing of tenants' rows
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import asyncpg

from harka.config import Settings
from harka.storage.location import (
    APP_ROLE,
    CONTROL_ROLE,
    OWNER_ROLE,
    Location,
    admin_url,
    is_dedicated,
    server_url,
    with_credentials,
    with_database,
)
from harka.storage.migrate import connected, migrate_schema
from harka.storage.statement import checked_schema

_COMMON: Final = "LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOREPLICATION NOINHERIT"
_ROLES: Final = {
    OWNER_ROLE: f"{_COMMON} CREATEDB",
    APP_ROLE: f"{_COMMON} NOCREATEDB",
    CONTROL_ROLE: f"{_COMMON} NOCREATEDB",
}
_ADVISORY_LOCK: Final = 0x6861726B61  # "harka"


async def prepare_server(admin_url: str, *, database: str = "harka") -> None:
    """The roles, and the catalog's database with its rights, as a superuser; whatever is not in place.

    `admin_url`: any database of the server. Roles get no password: that is for whoever runs the server.
    """
    async with connected(admin_url) as connection, _alone(connection):
        for role, attributes in _ROLES.items():
            await _ensure_role(connection, role, attributes)
    await _ensure_database(admin_url, database)


async def create_home(settings: Settings, location: Location) -> None:
    """The schema of a `Location` with all tenant tables, and its database when dedicated.

    Raise `MigrationError` when it cannot be migrated, `UnavailableError` when its server is not there.
    """
    url = admin_url(settings, location.database)
    if is_dedicated(location.database):
        await _ensure_database(
            with_credentials(server_url(settings, location.database), url), location.database
        )
    async with connected(url) as connection:
        await migrate_schema(connection, "tenant", location.schema)


async def drop_home(settings: Settings, location: Location) -> None:
    """Drop the schema or database of one tenant that has left. Raise `ValueError` for a shared schema."""
    if not location.schema.startswith("tenant_"):
        raise ValueError(f"{location.schema} belongs to more than one tenant")
    if is_dedicated(location.database):
        beside = with_credentials(server_url(settings, location.database), admin_url(settings))
        async with connected(beside) as connection:
            await connection.execute(
                f"DROP DATABASE IF EXISTS {checked_schema(location.database)} WITH (FORCE)"
            )
        return
    async with connected(admin_url(settings, location.database)) as connection:
        await connection.execute(f"DROP SCHEMA IF EXISTS {checked_schema(location.schema)} CASCADE")


async def _ensure_role(connection: asyncpg.Connection, role: str, attributes: str) -> None:
    if not await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", role):
        await connection.execute(f"CREATE ROLE {role} {attributes}")
    wrong = await connection.fetchval(
        "SELECT rolsuper OR rolbypassrls OR rolcreaterole OR rolreplication FROM pg_roles WHERE rolname = $1",
        role,
    )
    if wrong:
        await connection.execute(f"ALTER ROLE {role} {attributes}")


async def _ensure_database(beside: str, database: str) -> None:
    """`beside`: URL of another database on the same server, with a role that may create databases."""
    name = checked_schema(database)
    async with connected(beside) as connection:
        if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", name):
            # this cannot run in a transaction: another process may be at it in this very moment
            with suppress(asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
                # template0: nobody can be connected to it, which would make the copy fail
                await connection.execute(
                    f"CREATE DATABASE {name} OWNER {OWNER_ROLE} TEMPLATE template0 ENCODING 'UTF8'"
                )
    async with connected(with_database(beside, name)) as connection, _alone(connection):
        if await connection.fetchval("SELECT has_schema_privilege('public', 'public', 'USAGE')"):
            await connection.execute(
                f"REVOKE ALL ON DATABASE {name} FROM PUBLIC; "
                f"GRANT CONNECT ON DATABASE {name} TO {APP_ROLE}, {CONTROL_ROLE}; "
                "REVOKE ALL ON SCHEMA public FROM PUBLIC"
            )


@asynccontextmanager
async def _alone(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """One transaction at a time in this database: two changes of one role or right at once are an error."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _ADVISORY_LOCK)
        yield
