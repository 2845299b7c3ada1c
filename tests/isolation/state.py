"""Everything the database holds of one tenant: told apart by digests, kept, and put back.

The tables are those the database's own catalogue names, in the tenant's home and in the catalog of the
platform, so one added later counts too. They are read as superuser: row-level security hides nothing here.
"""

import itertools
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import asyncpg

from harka.repositories.organization import Organization
from harka.runtime import Runtime
from harka.storage.location import CONTROL_SCHEMA, app_url, catalog_url, database_name, with_database
from harka.storage.migrate import connected

# without a tenant_id a table belongs to the platform, and then it must not change at all
TABLES = """SELECT format('%I.%I', nspname, relname) AS name, bool_or(attname = 'tenant_id') AS is_owned,
    string_agg(quote_ident(attname), ', ' ORDER BY attnum) FILTER (WHERE attgenerated = '') AS columns
  FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace JOIN pg_attribute ON attrelid = pg_class.oid
  WHERE nspname = $1 AND relkind IN ('r', 'p') AND NOT relispartition AND attnum > 0 AND NOT attisdropped
  GROUP BY nspname, relname ORDER BY relname"""
# nothing fires, nothing cascades, nothing is checked: the rows are those that were there
UNWATCHED = "SET LOCAL session_replication_role = replica"

_numbers = itertools.count()


@dataclass(frozen=True)
class Table:
    connection: asyncpg.Connection
    name: str
    columns: str
    condition: str
    kept: str = field(default_factory=lambda: f"kept_{next(_numbers)}")

    @property
    def digest(self) -> str:
        return f"""SELECT '{self.name}', md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), ''))
          FROM {self.name} t WHERE {self.condition}"""  # noqa: S608 - a name out of the database's catalogue


@dataclass(frozen=True)
class TenantState:
    runtime: Runtime
    organization: Organization
    tables: Sequence[Table]

    async def digests(self) -> dict[str, str]:
        """By table: equal before and after means that nothing has changed."""
        found: dict[str, str] = {}
        for connection, tables in itertools.groupby(self.tables, key=lambda table: table.connection):
            text = " UNION ALL ".join(table.digest for table in tables)
            found.update(await connection.fetch(text))
        return found

    async def keep(self) -> dict[str, str]:
        """Remember every row for `put_back`; the digests."""
        for table in self.tables:
            await table.connection.execute(
                f"""DROP TABLE IF EXISTS {table.kept};
                CREATE TEMPORARY TABLE {table.kept} AS
                SELECT {table.columns} FROM {table.name} WHERE {table.condition}"""  # noqa: S608 - see digest
            )
        return await self.digests()

    async def put_back(self, kept: dict[str, str]) -> set[str]:
        """Undo what was done since `keep`, in the database and in the cache; the tables it was done to."""
        now = await self.digests()
        changed = [table for table in self.tables if now[table.name] != kept[table.name]]
        for table in changed:
            async with table.connection.transaction():
                await table.connection.execute(
                    f"""{UNWATCHED}; DELETE FROM {table.name} WHERE {table.condition};
                    INSERT INTO {table.name} ({table.columns}) SELECT {table.columns} FROM {table.kept}"""  # noqa: S608 - see digest
                )
        if changed:
            await self.forget()
        if any(table.name.startswith(f"{CONTROL_SCHEMA}.") for table in changed):
            await self.runtime.directory.refresh()
        return {table.name for table in changed}

    async def forget(self) -> None:
        """What is cached of the tenant."""
        await self.runtime.cache.invalidate(self.organization.id)


class States:
    """Opens the states of tenants; one connection to each database serves them all."""

    def __init__(self, runtime: Runtime, superuser: str, stack: AsyncExitStack) -> None:
        """`superuser`: URL of the server. `stack` closes the connections."""
        self._runtime = runtime
        self._superuser = superuser
        self._stack = stack
        self._connections: dict[str, asyncpg.Connection] = {}

    async def of(self, organization: Organization) -> TenantState:
        home, settings = organization.location, self._runtime.settings
        tables = [
            *await self._tables(app_url(settings, home.database), home.schema, organization),
            *await self._tables(catalog_url(settings), CONTROL_SCHEMA, organization),
        ]
        return TenantState(self._runtime, organization, tables)

    async def _tables(self, url: str, schema: str, organization: Organization) -> list[Table]:
        name = database_name(url)
        if name not in self._connections:
            opened = connected(with_database(self._superuser, name))
            self._connections[name] = await self._stack.enter_async_context(opened)
        connection = self._connections[name]
        owned = f"tenant_id = '{organization.id}'"
        return [
            Table(connection, row["name"], row["columns"], owned if row["is_owned"] else "true")
            for row in await connection.fetch(TABLES, schema)
        ]
