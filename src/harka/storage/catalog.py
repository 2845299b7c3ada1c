"""The control schema: what HARKA knows about tenants, as opposed to what tenants know."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg

from harka.config import Settings
from harka.storage.databases import Database
from harka.storage.location import catalog_url
from harka.storage.statement import CatalogStatement
from harka.storage.transaction import Opening, Transaction, rows_affected
from harka.storage.wire import Method

Record = asyncpg.Record
"""A row: a sequence of its columns, also by name. Only this floor knows whose class it is."""

TIMEOUT: Final = 10.0
"""Seconds for one statement or one transaction on the catalog."""


class CatalogAccess(ABC):
    """What repositories ask for; errors are those of `harka.storage.failure`."""

    async def fetch(self, statement: CatalogStatement, *args: Any) -> list[asyncpg.Record]:
        rows: list[asyncpg.Record] = await self._send("fetch", statement, args)
        return rows

    async def fetch_row(self, statement: CatalogStatement, *args: Any) -> asyncpg.Record | None:
        return await self._send("fetchrow", statement, args)

    async def fetch_value(self, statement: CatalogStatement, *args: Any) -> Any:
        return await self._send("fetchval", statement, args)

    async def execute(self, statement: CatalogStatement, *args: Any) -> int:
        """Rows affected."""
        return rows_affected(await self._send("execute", statement, args))

    @abstractmethod
    async def _send(self, method: Method, statement: CatalogStatement, args: tuple[Any, ...]) -> Any: ...


class Catalog(CatalogAccess):
    """Each statement by itself, or several in a `transaction`. Role `harka_control`, a pool of its own."""

    def __init__(self, settings: Settings) -> None:
        self._database = Database(catalog_url(settings), settings)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["CatalogTransaction"]:
        """Commit at the end, roll back on any error."""
        async with self._begun(alone=False) as transaction:
            yield CatalogTransaction(transaction)

    async def close(self) -> None:
        await self._database.close()

    async def _send(self, method: Method, statement: CatalogStatement, args: tuple[Any, ...]) -> Any:
        async with self._begun(alone=True) as transaction:
            return await transaction.send(method, statement.text, args)

    @asynccontextmanager
    async def _begun(self, *, alone: bool) -> AsyncIterator[Transaction]:
        """`alone`: of one statement, in one round trip where the connection can."""
        transaction = Transaction(self._database, Opening("BEGIN", alone=alone), timeout=TIMEOUT)
        try:
            yield transaction
        except BaseException:
            await transaction.rollback()
            raise
        await transaction.commit()


class CatalogTransaction(CatalogAccess):
    """Several statements that happen together or not at all."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def _send(self, method: Method, statement: CatalogStatement, args: tuple[Any, ...]) -> Any:
        return await self._transaction.send(method, statement.text, args)
