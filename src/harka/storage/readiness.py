"""What the readiness probe asks of PostgreSQL: is it there, and has it the schema this build expects."""

import asyncio
from typing import Final

import asyncpg

from harka.errors import HarkaError
from harka.storage.catalog import Catalog
from harka.storage.databases import Databases
from harka.storage.failure import translated
from harka.storage.migration import stream_migrations
from harka.storage.statement import CatalogStatement

_APPLIED: Final = CatalogStatement("applied_migrations", "SELECT version FROM control.schema_migrations")


async def pending_control_migrations(catalog: Catalog) -> list[str]:
    """Names of the catalog's migrations that are not applied. Raise `UnavailableError` when it is down.

    Tenants' schemas are left to `harka migrate --check`: there may be thousands.
    """
    expected = stream_migrations("control")
    try:
        applied = {row["version"] for row in await catalog.fetch(_APPLIED)}
    except HarkaError as error:
        if not isinstance(error.__cause__, asyncpg.UndefinedTableError | asyncpg.InvalidSchemaNameError):
            raise
        applied = set()
    return [migration.name for migration in expected if migration.version not in applied]


async def ping(databases: Databases, name: str, *, seconds: float) -> None:
    """One round trip to a physical database. Raise `UnavailableError`, `DeadlineExceededError`."""
    database = databases.database(name)
    wire = await database.acquire(asyncio.get_running_loop().time() + seconds)
    try:
        await wire.connection.execute("SELECT 1", timeout=seconds)
    except BaseException as error:
        database.recycle(wire)
        if isinstance(error, Exception):
            raise translated(error) from error
        raise
    database.release(wire)
