"""Everything the database holds of one tenant: read, compared, and put back.

The tables are those the database's own catalogue names, in the tenant's home and in the catalog of the
platform, so one added later counts too. They are read as superuser: row-level security hides nothing here.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement

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
# a commit is in the log before anybody sees what it has changed, in whatever database of the server: where
# nothing more was written to the log the rows are those that they were
WRITTEN = "SELECT pg_current_wal_insert_lsn()::text"
# nothing fires, nothing cascades, nothing is checked: the rows are those that were there
UNWATCHED = "SET LOCAL session_replication_role = replica"

_UNSEEN = ("", "")
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

    @property
    def marking(self) -> str:
        """The versions of rows that there are, summed up: whatever changes a row makes another version of it.

        Cheap beside `reading`, and asked thousands of times, mostly where nothing has changed.
        """
        return f"""SELECT '{self.name}', count(*) || ' ' ||
            coalesce(sum(hashtextextended(concat(tableoid, ctid, xmin), 0)), 0)
          FROM {self.name} WHERE {self.condition}"""  # noqa: S608 - see above

    def putting_back(self, rows: str) -> str:
        """Statements; `rows` is what `reading` has found."""
        return f"""DELETE FROM {self.name} WHERE {self.condition};
          INSERT INTO {self.name} ({self.columns}) SELECT {self.columns}
          FROM jsonb_populate_recordset(NULL::{self.name}, $isolation${rows}$isolation$)"""  # noqa: S608 - see above


@dataclass(frozen=True)
class Base:
    """The tables of one database. `seen`: by table, its mark and its rows when they were last read.

    `written`: answers where the server's log ends.
    """

    connection: asyncpg.Connection
    tables: Sequence[Table]
    marks: PreparedStatement
    written: PreparedStatement
    seen: dict[str, tuple[str, str]] = field(default_factory=dict)

    async def rows(self) -> Rows:
        # marks first: what is changed after them is read again the next time
        marks = dict(await self.marks.fetch())
        others = [
            table for table in self.tables if self.seen.get(table.name, _UNSEEN)[0] != marks[table.name]
        ]
        if others:
            found = await self.connection.fetch(" UNION ALL ".join(table.reading for table in others))
            self.seen.update({name: (marks[name], rows) for name, rows in found})
        return {table.name: self.seen[table.name][1] for table in self.tables}

    async def put_back(self, since: Rows, changed: set[str]) -> None:
        """All at once: it is done thousands of times."""
        texts = [table.putting_back(since[table.name]) for table in self.tables if table.name in changed]
        if texts:
            async with self.connection.transaction():
                await self.connection.execute("; ".join([UNWATCHED, *texts]))


@dataclass(frozen=True)
class TenantState:
    """`read`: its rows when they were last read, by where the log ended before; none or one."""

    runtime: Runtime
    organization: Organization
    bases: Sequence[Base]
    read: dict[str, Rows] = field(default_factory=dict)

    @property
    def tables(self) -> Iterator[Table]:
        return (table for base in self.bases for table in base.tables)

    async def rows(self) -> Rows:
        # when keys were last used is written once a minute: now, lest it be in the middle of a test
        await self.runtime.key_usage.flush()
        await self.runtime.scim_usage.flush()
        written = await self.bases[0].written.fetchval()
        if written not in self.read:
            found: dict[str, str] = {}
            for base in self.bases:
                found |= await base.rows()
            self.read.clear()
            self.read[written] = found
        return self.read[written]

    async def changed(self, since: Rows) -> set[str]:
        """The tables whose rows are others now."""
        now = await self.rows()
        if now is since:
            return set()
        return {table.name for table in self.tables if now[table.name] != since[table.name]}

    async def put_back(self, since: Rows) -> set[str]:
        """Undo what has changed, in the database and in what is cached of it. Answers the tables."""
        changed = await self.changed(since)
        for base in self.bases:
            await base.put_back(since, changed)
        if changed:
            await self.forget()
        if any(name.startswith(f"{CONTROL_SCHEMA}.") for name in changed):
            await self.runtime.directory.reread(self.organization.id)
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
        self._known: dict[UUID, TenantState] = {}

    async def of(self, organization: Organization) -> TenantState:
        if organization.id not in self._known:
            home, settings = organization.location, self.runtime.settings
            bases = [
                await self._base(app_url(settings, home.database), home.schema, organization),
                await self._base(catalog_url(settings), CONTROL_SCHEMA, organization),
            ]
            self._known[organization.id] = TenantState(self.runtime, organization, bases)
        return self._known[organization.id]

    async def _base(self, url: str, schema: str, organization: Organization) -> Base:
        name = database_name(url)
        if name not in self._connections:
            opened = connected(with_database(self._superuser, name))
            self._connections[name] = await self._stack.enter_async_context(opened)
        connection = self._connections[name]
        owned = f"tenant_id = '{organization.id}'"
        tables = [
            Table(connection, row["name"], row["columns"], owned if row["is_owned"] else "true")
            for row in await connection.fetch(TABLES, schema)
        ]
        marks = await connection.prepare(" UNION ALL ".join(table.marking for table in tables))
        return Base(connection, tables, marks, await connection.prepare(WRITTEN))
