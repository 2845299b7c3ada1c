"""One tenant, one transaction, one connection."""

import asyncio
import functools
from collections.abc import Awaitable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, TypeVar
from uuid import UUID

import asyncpg
import msgspec
from asyncpg.pgproto import pgproto

from harka import rows
from harka.errors import TenantRequiredError
from harka.storage.databases import Databases
from harka.storage.failure import ForeignKeyError, UniqueError
from harka.storage.lane import Answer
from harka.storage.location import Location
from harka.storage.statement import Statement
from harka.storage.transaction import Opening, Transaction, rows_affected

T = TypeVar("T")

_REMEMBERED_OPENINGS: Final = 4096

__all__ = ["ForeignKeyError", "ShardSession", "UniqueError", "open_session"]


class _Value(msgspec.Struct):
    value: Any


def open_session(
    databases: Databases,
    location: Location,
    tenant: UUID,
    *,
    read_only: bool,
    timeout: float,
    single: bool = False,
) -> "ShardSession":
    """A session for one request or job; it costs nothing until its first statement.

    `timeout`: seconds from now, for everything: waiting for a connection, each statement, the commit.
    `single`: of a session whose statements, usually one, need not see one snapshot, nor be undone together:
    where the connection can, each is a transaction of its own and costs one round trip.
    Raise `TenantRequiredError` when `tenant` is not a UUID.
    """
    if not isinstance(tenant, UUID):
        raise TenantRequiredError
    return ShardSession(databases, location, tenant, read_only=read_only, timeout=timeout, single=single)


class ShardSession:
    """A transaction in which the database itself shows one tenant's rows only.

    It begins with the first statement, in one round trip that also names the tenant, and ends with
    `commit` or `rollback`. Concurrent callers take turns. After an error the transaction is lost (except
    inside `savepoint`), after a cancellation or a missed deadline the session is.

    A read-only session sees one snapshot throughout: the page, the count and the details of an answer agree.
    """

    def __init__(
        self,
        databases: Databases,
        location: Location,
        tenant: UUID,
        *,
        read_only: bool,
        timeout: float,
        single: bool = False,
    ) -> None:
        self.tenant = tenant
        self.location = location
        self.read_only = read_only
        self.may_end_early = read_only and not single
        database = databases.database(location.database)
        opening = _opening(tenant, location.schema, read_only, single)
        self._transaction = Transaction(database, opening, timeout=timeout)

    @property
    def statements(self) -> int:
        """Statements sent for repositories; those that begin and end the transaction do not count."""
        return self._transaction.statements

    @property
    def snapshots(self) -> int:
        """How many the statements saw: one, unless they are `single`, or went on after `end_with_next`."""
        return self._transaction.snapshots

    @property
    def holds_connection(self) -> bool:
        """Whether it has a connection now: from its first statement or savepoint until its end."""
        return self._transaction.holds_connection

    async def fetch(self, statement: Statement, *args: Any) -> list[asyncpg.Record]:
        """All rows. `args` begin at `$2`; the session binds the tenant to `$1`."""
        rows: list[asyncpg.Record] = await self._transaction.send("fetch", *self._bound(statement, args))
        return rows

    async def fetch_rows(self, struct: type[T], statement: Statement, *args: Any) -> Sequence[T]:
        """All rows as structs, whose fields are the statement's columns in their order.

        Where they can be read as they were sent, a struct is made when somebody looks at it.
        """
        found = await self._transaction.ask(*self._bound(statement, args))
        if isinstance(found, Answer):
            return rows.unpack(struct, found.columns, found.rows, pgproto.UUID)
        return [struct(*row) for row in found]

    async def fetch_row(self, statement: Statement, *args: Any) -> asyncpg.Record | None:
        return await self._transaction.send("fetchrow", *self._bound(statement, args))

    async def fetch_value(self, statement: Statement, *args: Any) -> Any:
        """The one value that the statement answers, or None where it answers no row."""
        found = await self.fetch_rows(_Value, statement, *args)
        return found[0].value if found else None

    async def execute(self, statement: Statement, *args: Any) -> int:
        """Rows affected."""
        return rows_affected(await self._transaction.send("execute", *self._bound(statement, args)))

    async def execute_last(self, statement: Statement, *args: Any) -> None:
        """A write that the transaction is committed with, in one round trip where that can be.

        `commit` then finds nothing left to do, or does it.
        """
        await self._transaction.send_last(*self._bound(statement, args))

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        """An error inside undoes what was done inside, and the transaction stays usable.

        Everything the session does meanwhile is inside, whichever task asks for it.
        """
        return self._transaction.savepoint()

    def end_with_next(self, tasks: Iterable[asyncio.Task[Any]] = ()) -> None:
        """The next statement should be the last of a session that only reads: in its round trip that ends.

        One after it begins another transaction, and sees another snapshot. `tasks`: of these the next, one
        each at the most.
        """
        self._transaction.end_with_next(tasks)

    def commit(self) -> Awaitable[None]:
        """Idempotent. Raise `InternalError` when an earlier error has already undone the transaction."""
        return self._transaction.commit()

    async def rollback(self) -> None:
        """Idempotent. Raises nothing but a cancellation."""
        await self._transaction.rollback()

    def _bound(self, statement: Statement, args: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
        return statement.in_schema(self.location.schema), (self.tenant, *args)


@functools.lru_cache(_REMEMBERED_OPENINGS)
def _opening(tenant: UUID, shard: str, read_only: bool, alone: bool) -> Opening:  # noqa: FBT001 - for the cache
    """Begin and name the tenant. The one place that formats a value into SQL: 36 characters made of 128 bits.

    LOCAL, always: a setting of the session would outlive the transaction, and the connection's next
    user, another tenant, would inherit it.
    """
    name = str(UUID(int=tenant.int))
    begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" if read_only else "BEGIN"
    text = f"{begin}; SET LOCAL app.current_tenant = '{name}'"
    return Opening(text, name.encode(), read_only, alone, shard)
