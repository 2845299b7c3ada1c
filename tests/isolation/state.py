"""Everything the database holds of one tenant: read, compared, and put back.

The tables are those the database's own catalogue names, in the tenant's home and in the catalog of the
platform, so one added later counts too. They are read as superuser: row-level security hides nothing here.
"""

import itertools
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

import asyncpg

from harka.repositories.organization import Organization
from harka.runtime import Runtime
from harka.storage.location import CONTROL_SCHEMA, app_url, catalog_url, database_name, with_database
from harka.storage.migrate import connected

# without a tenant_id a table belongs to the platform, and then it must not change at all; that requests are
# counted, whatever they ask, is no change
TABLES = """SELECT format('%I.%I', nspname, relname) AS name, bool_or(attname = 'tenant_id') AS is_owned,
    string_agg(quote_ident(attname), ', ' ORDER BY attnum) FILTER (WHERE attgenerated = '') AS columns
  FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace JOIN pg_attribute ON attrelid = pg_class.oid
  WHERE nspname = $1 AND relkind IN ('r', 'p') AND NOT relispartition AND attnum > 0 AND NOT attisdropped
    AND relname <> 'request_usage'
  GROUP BY nspname, relname ORDER BY relname"""
# nothing fires, nothing cascades, nothing is checked: the rows are those that were there
UNWATCHED = "SET LOCAL session_replication_role = replica"

Rows = Mapping[str, str]
"""By table, as JSON."""


@dataclass(frozen=True)
class Table:
    connection: asyncpg.Connection
    name: str
    columns: str
    condition: str

    @property
    def reading(self) -> str:
        return f"""SELECT '{self.name}', coalesce(jsonb_agg(to_jsonb(t) ORDER BY t::text), '[]')::text
          FROM {self.name} t WHERE {self.condition}"""  # noqa: S608 - a name out of the database's catalogue

    async def put_back(self, rows: str) -> None:
        async with self.connection.transaction():
            await self.connection.execute(
                f"{UNWATCHED}; DELETE FROM {self.name} WHERE {self.condition}"  # noqa: S608 - see above
            )
            await self.connection.execute(
                f"""INSERT INTO {self.name} ({self.columns})
                SELECT {self.columns} FROM jsonb_populate_recordset(NULL::{self.name}, $1)""",  # noqa: S608 - see above
                rows,
            )


@dataclass(frozen=True)
class TenantState:
    runtime: Runtime
    organization: Organization
    tables: Sequence[Table]

    async def rows(self) -> Rows:
        # when keys were last used is written once a minute: now, lest it be in the middle of a test
        await self.runtime.key_usage.flush()
        found: dict[str, str] = {}
        for connection, tables in itertools.groupby(self.tables, key=lambda table: table.connection):
            found.update(await connection.fetch(" UNION ALL ".join(table.reading for table in tables)))
        return found

    async def changed(self, since: Rows) -> set[str]:
        """The tables whose rows are others now."""
        now = await self.rows()
        return {table.name for table in self.tables if now[table.name] != since[table.name]}

    async def put_back(self, since: Rows) -> set[str]:
        """Undo what has changed, in the database and in what is cached of it. Answers the tables."""
        changed = await self.changed(since)
        for table in self.tables:
            if table.name in changed:
                await table.put_back(since[table.name])
        if changed:
            await self.forget()
        if any(name.startswith(f"{CONTROL_SCHEMA}.") for name in changed):
            await self.runtime.directory.refresh()
        return changed

    async def forget(self) -> None:
        """What is cached of the tenant."""
        await self.runtime.cache.invalidate(self.organization.id)


class States:
    """Opens the states of tenants; one connection to each database serves them all."""

    def __init__(self, runtime: Runtime, superuser: str, stack: AsyncExitStack) -> None:
        """`superuser`: URL of the server. `stack` closes the connections."""
        self.runtime = runtime
        self._superuser = superuser
        self._stack = stack
        self._connections: dict[str, asyncpg.Connection] = {}

    async def of(self, organization: Organization) -> TenantState:
        home, settings = organization.location, self.runtime.settings
        tables = [
            *await self._tables(app_url(settings, home.database), home.schema, organization),
            *await self._tables(catalog_url(settings), CONTROL_SCHEMA, organization),
        ]
        return TenantState(self.runtime, organization, tables)

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
