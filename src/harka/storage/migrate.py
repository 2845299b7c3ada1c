"""Applies migrations: to one schema, or to the catalog and every home named in it.

Each file is one transaction that also records it, under an advisory lock and checked again inside: a run
can be killed and repeated, and two runs at once share the work. Connections are direct ones of the owner.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

import asyncpg
import msgspec

from harka.clock import monotonic
from harka.config import Settings
from harka.errors import UnavailableError
from harka.storage.location import APP_ROLE, CONTROL_ROLE, CONTROL_SCHEMA, OWNER_ROLE, Location, admin_url
from harka.storage.migration import Migration, MigrationError, Stream, stream_migrations
from harka.storage.statement import checked_schema

LOCK_TIMEOUT: Final = 10
"""Seconds a migration waits for a table that a long transaction holds; then it gives up and says so."""
RUNNER_TIMEOUT: Final = 300.0
"""Seconds to wait for another run that is at the same schema."""
_POLL: Final = 0.05
_ADVISORY_LOCK: Final = 0x6861726B  # "hark": the first of two 32-bit keys, the second is the schema's hash

_Visit = Callable[[asyncpg.Connection, Stream, Location], Awaitable[None]]


class Migrated(msgspec.Struct, frozen=True):
    """What a run did to one schema; `names` is empty when it was up to date."""

    location: Location
    names: tuple[str, ...]


async def migrate_all(
    settings: Settings, *, on_schema: Callable[[Migrated], None] = lambda _: None
) -> list[Migrated]:
    """The catalog, then every home named in it. `on_schema` is told of each as it is done.

    Raise `MigrationError` when a file cannot be applied, `UnavailableError` when a server is not there.
    """
    report: list[Migrated] = []

    async def visit(connection: asyncpg.Connection, stream: Stream, location: Location) -> None:
        done = Migrated(location, tuple(await migrate_schema(connection, stream, location.schema)))
        report.append(done)
        on_schema(done)

    await _visit_schemas(settings, visit)
    return report


async def check_all(settings: Settings) -> list[str]:
    """What `migrate_all` would apply, as `database.schema: name`. Raise `MigrationError` on drift."""
    missing: list[str] = []

    async def visit(connection: asyncpg.Connection, stream: Stream, location: Location) -> None:
        names = await pending(connection, stream, location.schema)
        missing.extend(f"{location.database}.{location.schema}: {name}" for name in names)

    await _visit_schemas(settings, visit)
    return missing


async def migrate_schema(
    connection: asyncpg.Connection,
    stream: Stream,
    schema: str,
    *,
    migrations: Sequence[Migration] | None = None,
) -> list[str]:
    """Create the schema if need be and apply what is missing; the names this run applied.

    Raise `MigrationError` when a file fails, or was changed after it was applied, or a lock is not to be had.
    """
    known = stream_migrations(stream) if migrations is None else migrations
    if not await _is_prepared(connection, schema):
        await _prepare(connection, stream, schema)
    missing = _missing(known, await _applied(connection, schema), schema)
    return [migration.name for migration in missing if await _apply(connection, schema, migration)]


async def pending(
    connection: asyncpg.Connection,
    stream: Stream,
    schema: str,
    *,
    migrations: Sequence[Migration] | None = None,
) -> list[str]:
    """Names of migrations not yet applied. Raise `MigrationError` when an applied file has changed."""
    known = stream_migrations(stream) if migrations is None else migrations
    applied = await _applied(connection, schema) if await _is_prepared(connection, schema) else {}
    return [migration.name for migration in _missing(known, applied, schema)]


async def revert(connection: asyncpg.Connection, schema: str, migration: Migration) -> None:
    """Run the down section of an applied migration. It drops data: for tests and for development."""
    async with _exclusive(connection, schema):
        await connection.execute(migration.down)
        await connection.execute("DELETE FROM schema_migrations WHERE version = $1", migration.version)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A direct connection for one run. Raise `UnavailableError` when there is no server."""
    try:
        connection = await asyncpg.connect(url, timeout=10, statement_cache_size=0)
    except (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.CannotConnectNowError) as error:
        raise UnavailableError("The database server cannot be reached.") from error
    except (asyncpg.InvalidCatalogNameError, asyncpg.InvalidAuthorizationSpecificationError) as error:
        raise UnavailableError(f"The database server refuses: {error}") from error
    try:
        yield connection
    finally:
        await connection.close()


async def _visit_schemas(settings: Settings, visit: _Visit) -> None:
    async with connected(admin_url(settings)) as connection:
        await visit(connection, "control", Location("catalog", CONTROL_SCHEMA))
        homes = await _homes(connection)
    for database in dict.fromkeys(home.database for home in homes):
        async with connected(admin_url(settings, database)) as connection:
            for home in homes:
                if home.database == database:
                    await visit(connection, "tenant", home)


async def _homes(connection: asyncpg.Connection) -> list[Location]:
    if not await connection.fetchval("SELECT to_regclass('control.placement') IS NOT NULL"):
        return []
    rows = await connection.fetch("SELECT DISTINCT database, schema FROM control.placement ORDER BY 1, 2")
    return [Location(*row) for row in rows]


def _missing(known: Sequence[Migration], applied: dict[str, str], schema: str) -> list[Migration]:
    """Versions this build does not know are left alone: in a rolling deployment the database is ahead."""
    for migration in known:
        if applied.get(migration.version, migration.checksum) != migration.checksum:
            raise MigrationError(f"{schema}: {migration.file_name} was changed after it was applied")
    return [migration for migration in known if migration.version not in applied]


async def _is_prepared(connection: asyncpg.Connection, schema: str) -> bool:
    table = f"{checked_schema(schema)}.schema_migrations"
    return bool(await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", table))


async def _prepare(connection: asyncpg.Connection, stream: Stream, schema: str) -> None:
    """The schema, its list of versions (which the service's role may only read), its rights to all else."""
    role = CONTROL_ROLE if stream == "control" else APP_ROLE
    async with _exclusive(connection, schema):
        await connection.execute(
            f"""
            CREATE SCHEMA IF NOT EXISTS {schema};
            CREATE TABLE IF NOT EXISTS schema_migrations (
              version text PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,
              applied_at timestamptz NOT NULL DEFAULT now()
            );
            GRANT USAGE ON SCHEMA {schema} TO {role};
            GRANT SELECT ON schema_migrations TO {role};
            ALTER DEFAULT PRIVILEGES IN SCHEMA {schema}
              GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role};
            """
        )


async def _applied(connection: asyncpg.Connection, schema: str) -> dict[str, str]:
    """Checksums by version."""
    rows = await connection.fetch(
        f"SELECT version, checksum FROM {checked_schema(schema)}.schema_migrations"  # noqa: S608 - checked name
    )
    return {row["version"]: row["checksum"] for row in rows}


async def _apply(connection: asyncpg.Connection, schema: str, migration: Migration) -> bool:
    """Whether this run applied it; False when another one was faster."""
    own = _exclusive if migration.transactional else _exclusive_session
    try:
        async with own(connection, schema):
            if migration.version in await _applied(connection, schema):
                return False
            for statement in [migration.up] if migration.transactional else migration.statements:
                await connection.execute(statement)
            await connection.execute(
                "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)",
                migration.version,
                migration.name,
                migration.checksum,
            )
    except asyncpg.LockNotAvailableError as error:
        raise MigrationError(
            f"{schema}: {migration.file_name}: a table was in use for {LOCK_TIMEOUT} s; try again"
        ) from error
    except asyncpg.PostgresError as error:
        raise MigrationError(f"{schema}: {migration.file_name}: {error}") from error
    return True


@asynccontextmanager
async def _exclusive(connection: asyncpg.Connection, schema: str) -> AsyncIterator[None]:
    """One transaction as the owner, unqualified names meaning `schema`, in which no other run is at it."""
    give_up = monotonic() + RUNNER_TIMEOUT
    while True:
        async with connection.transaction():
            if await _try_lock(connection, schema, "pg_try_advisory_xact_lock"):
                await connection.execute(_scope(schema, "LOCAL"))
                yield
                return
        await _wait_turn(schema, give_up)


@asynccontextmanager
async def _exclusive_session(connection: asyncpg.Connection, schema: str) -> AsyncIterator[None]:
    """Like `_exclusive` for what cannot run in a transaction, such as CREATE INDEX CONCURRENTLY."""
    give_up = monotonic() + RUNNER_TIMEOUT
    while not await _try_lock(connection, schema, "pg_try_advisory_lock"):
        await _wait_turn(schema, give_up)
    try:
        await connection.execute(_scope(schema, "SESSION"))
        yield
    finally:
        await connection.execute("RESET ROLE; RESET search_path; RESET lock_timeout")
        await connection.execute("SELECT pg_advisory_unlock($1, hashtext($2))", _ADVISORY_LOCK, schema)


async def _try_lock(connection: asyncpg.Connection, schema: str, function: str) -> bool:
    # tried again and again instead of waited for: a waiting transaction would hold a snapshot, for which
    # the other run's CREATE INDEX CONCURRENTLY waits, which is a deadlock
    return bool(await connection.fetchval(f"SELECT {function}($1, hashtext($2))", _ADVISORY_LOCK, schema))


async def _wait_turn(schema: str, give_up: float) -> None:
    if monotonic() > give_up:
        raise MigrationError(f"{schema}: another run has been migrating it for {RUNNER_TIMEOUT:.0f} s")
    await asyncio.sleep(_POLL)


def _scope(schema: str, extent: str) -> str:
    """The owner's role, also when the connection is a superuser's: who creates a table owns it."""
    return (
        f"SET {extent} ROLE {OWNER_ROLE}; SET {extent} search_path TO {checked_schema(schema)}; "
        f"SET {extent} lock_timeout TO '{LOCK_TIMEOUT}s'"
    )
