"""One connection and what is prepared on it; the one room that reaches below asyncpg's public API.

A statement costs one round trip, together with the naming of the tenant and, where it is the first of
several, with BEGIN. For that, prepared statements are bound and executed by messages of our own, written in
front of those asyncpg writes for the statement itself. asyncpg sends the Sync that ends them all, and passes
over the answers of those before: each is a BindComplete, no row, and a CommandComplete.
"""

import struct
from collections import OrderedDict
from typing import Any, Final, Literal

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement

from harka.storage.failure import OUTDATED

Method = Literal["fetch", "fetchrow", "fetchval", "execute"]

_BEGIN_READ: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_BEGIN_WRITE: Final = "BEGIN"
# answers no row; every setting is LOCAL (`true`), so it ends with the transaction, whichever way that ends
_ENTER: Final = """SELECT FROM (VALUES (1)) AS once
  WHERE set_config('app.current_tenant', $1, true) IS NULL
  OR set_config('statement_timeout', $2, true) IS NULL"""
_ENTER_READING: Final = f"{_ENTER} OR set_config('transaction_read_only', 'on', true) IS NULL"

_INT16: Final = struct.Struct("!h")
_INT32: Final = struct.Struct("!i")


class Wire:
    """`sent_at`: loop time of what is being waited for, 0.0 when nothing is."""

    def __init__(self, connection: asyncpg.Connection, *, keeps: int) -> None:
        """`keeps`: how many statements stay prepared; 0 behind a pooler, which cannot keep any."""
        self.connection = connection
        self.sent_at = 0.0
        self.idle_since = 0.0
        self._keeps = keeps
        self._prepared: OrderedDict[str, PreparedStatement] = OrderedDict()
        self._leads: list[PreparedStatement] = []
        self._names: tuple[bytes, bytes, bytes, bytes] | None = None

    @property
    def leads(self) -> bool:
        """Whether statements may be led in; otherwise transactions begin with a trip of their own."""
        return self._names is not None

    async def prepare_leads(self) -> None:
        """Once, before first use."""
        if not self._keeps:
            return
        texts = _BEGIN_READ, _BEGIN_WRITE, _ENTER, _ENTER_READING
        # held for as long as the connection: asyncpg closes a statement that nobody holds
        self._leads = [await self.connection.prepare(text) for text in texts]
        await self._sync()
        read, write, enter, enter_reading = (each.get_name().encode() for each in self._leads)
        self._names = read, write, enter, enter_reading

    async def send(self, method: Method, text: str, args: tuple[Any, ...], *, timeout: float) -> Any:  # noqa: ASYNC109 - asyncpg's
        """What the statement answers, by a `Method` of asyncpg's connections."""
        if not self._keeps:
            return await getattr(self.connection, method)(text, *args, timeout=timeout)
        return await self.send_prepared(method, await self.prepare(text), args, timeout=timeout)

    async def send_prepared(
        self,
        method: Method,
        prepared: PreparedStatement,
        args: tuple[Any, ...],
        *,
        timeout: float,  # noqa: ASYNC109
    ) -> Any:
        try:
            if method == "execute":
                await prepared.fetch(*args, timeout=timeout)
                return prepared.get_statusmsg()
            return await getattr(prepared, method)(*args, timeout=timeout)
        except OUTDATED:
            self._prepared.pop(prepared.get_query(), None)
            raise

    async def prepare(self, text: str) -> PreparedStatement:
        """The statement, prepared at its first use here."""
        known = self._prepared.get(text)
        if known is not None:
            self._prepared.move_to_end(text)
            return known
        known = await self.connection.prepare(text)
        if not self.connection.is_in_transaction():
            await self._sync()
        self._prepared[text] = known
        if len(self._prepared) > self._keeps:
            self._prepared.popitem(last=False)
        return known

    def lead_in(self, tenant: str, milliseconds: int, *, read_only: bool, alone: bool) -> None:
        """Write what goes before the next statement, which must be prepared, and must follow at once.

        `alone`: the statement is a transaction of its own. `tenant`: empty for none.
        """
        assert self._names is not None  # noqa: S101 - `leads` says so
        begin_read, begin_write, enter, enter_reading = self._names
        arguments = (tenant.encode(), b"%d" % milliseconds)
        text = b"" if alone else _executed(begin_read if read_only else begin_write)
        text += _executed(enter_reading if alone and read_only else enter, *arguments)
        self.connection._transport.write(text)  # noqa: SLF001 - asyncpg has no public way to write ahead

    async def _sync(self) -> None:
        """End the implicit transaction that asyncpg's preparing leaves open (it sends Flush, not Sync)."""
        await self.connection.execute("SELECT")


def _executed(name: bytes, *arguments: bytes) -> bytes:
    """Bind (texts, to the unnamed portal) and Execute, in PostgreSQL's protocol 3.0."""
    bound = b"".join(_INT32.pack(len(argument)) + argument for argument in arguments)
    body = b"\0" + name + b"\0" + b"\0\0" + _INT16.pack(len(arguments)) + bound + b"\0\0"
    return b"B" + _INT32.pack(len(body) + 4) + body + b"E\0\0\0\x09\0\0\0\0\0"
