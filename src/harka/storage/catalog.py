"""The control schema: what HARKA knows about tenants, as opposed to what tenants know."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg

from harka.config import Settings
from harka.storage.databases import Database
from harka.storage.failure import is_clean, translated
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
        transaction = Transaction(self._database, Opening("BEGIN"), timeout=TIMEOUT)
        try:
            yield CatalogTransaction(transaction)
        except BaseException:
            await transaction.rollback()
            raise
        await transaction.commit()

    async def close(self) -> None:
        await self._database.close()

    async def _send(self, method: Method, statement: CatalogStatement, args: tuple[Any, ...]) -> Any:
        wire = await self._database.acquire(asyncio.get_running_loop().time() + TIMEOUT)
        wire.sent_at = asyncio.get_running_loop().time()
        try:
            answer = await wire.send(method, statement.text, args, timeout=TIMEOUT)
        except Exception as error:
            if is_clean(error):
                wire.sent_at = 0.0
                self._database.release(wire)
            else:
                self._database.recycle(wire)
            raise translated(error) from error
        except BaseException:
            self._database.recycle(wire)
            raise
        wire.sent_at = 0.0
        self._database.release(wire)
        return answer


class CatalogTransaction(CatalogAccess):
    """Several statements that happen together or not at all."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def _send(self, method: Method, statement: CatalogStatement, args: tuple[Any, ...]) -> Any:
        return await self._transaction.send(method, statement.text, args)
