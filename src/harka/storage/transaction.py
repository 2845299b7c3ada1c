"""The cancellation-safe core under `session` and `catalog`: one transaction on one borrowed connection.

Invariant: whoever is cancelled, times out or fails, wherever, the connection ends up idle in its pool, or
closed. Every step that can be interrupted hands a doubtful connection to `Database.recycle`, which is
synchronous; there is no await between the trouble and the hand-over.
"""

import asyncio
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, Literal

import asyncpg

from harka.errors import DeadlineExceededError, HarkaError, InternalError, UnavailableError
from harka.storage.databases import Database
from harka.storage.failure import is_clean, translated

Method = Literal["fetch", "fetchrow", "fetchval", "execute"]

# the server's statement_timeout should speak first: its refusal leaves the connection clean
_SERVER_FIRST: Final = 0.25
_LONGEST_TIMEOUT: Final = 2**31 - 1  # milliseconds, PostgreSQL's own limit


class Transaction:
    """Begins with its first statement, in the same round trip as whatever `opening` sets."""

    def __init__(self, database: Database, opening: str, *, timeout: float) -> None:
        """`opening`: SQL from BEGIN on. `timeout`: seconds from now, for everything together."""
        self.statements = 0
        self._database = database
        self._opening = opening
        self._deadline = asyncio.get_running_loop().time() + timeout
        self._lock = asyncio.Lock()
        self._connection: asyncpg.Connection | None = None
        self._closed = False
        self._lost: type[HarkaError] | None = None
        self._savepoints = 0

    def __del__(self) -> None:
        # a caller's bug must not take a connection out of the pool, and hold locks, for ever
        if self._connection is not None:
            self._abandon()
            warnings.warn(
                "a transaction was neither committed nor rolled back", ResourceWarning, stacklevel=1
            )

    async def send(self, method: Method, text: str, args: tuple[Any, ...]) -> Any:
        async with self._lock:
            connection = self._connection or await self._open()
            self.statements += 1
            return await self._attempt(connection, method, text, args)

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        self._savepoints += 1
        name = f"harka_{self._savepoints}"
        await self._control(f"SAVEPOINT {name}")
        try:
            yield
        except Exception:
            if not self._closed:
                await self._control(f"ROLLBACK TO SAVEPOINT {name}; RELEASE SAVEPOINT {name}")
            raise
        await self._control(f"RELEASE SAVEPOINT {name}")

    async def commit(self) -> None:
        """Idempotent. Raise `InternalError` when PostgreSQL rolled back instead, or why it was lost."""
        if self._lost is not None:
            raise self._lost
        # PostgreSQL answers COMMIT of a failed transaction with success and the tag ROLLBACK
        if await self._end("COMMIT") not in {"COMMIT", None}:
            raise InternalError("a failed transaction was committed")

    async def rollback(self) -> None:
        """Idempotent. Raises nothing but a cancellation: what cannot be rolled back is closed."""
        try:
            await self._end("ROLLBACK")
        except HarkaError:
            return

    async def _open(self) -> asyncpg.Connection:
        if self._closed:
            raise self._lost or InternalError
        self._left()
        connection = await self._database.acquire(self._deadline)
        self._connection = connection
        try:
            milliseconds = min(max(1, int(self._left(grace=0) * 1000)), _LONGEST_TIMEOUT)
            opening = f"{self._opening}; SET LOCAL statement_timeout = {milliseconds}"
            await self._attempt(connection, "execute", opening)
        except BaseException:
            # nobody may meet a connection whose tenant is not set
            self._abandon()
            raise
        return connection

    async def _control(self, command: str) -> None:
        async with self._lock:
            connection = self._connection or await self._open()
            await self._attempt(connection, "execute", command)

    async def _end(self, command: str) -> str | None:
        """The server's command tag, or None when there was nothing to end."""
        try:
            async with self._lock:
                self._closed = True
                if self._connection is None:
                    return None
                tag: str = await self._attempt(self._connection, "execute", command)
                connection, self._connection = self._connection, None
        except BaseException:
            # also when it was the wait for the lock that was cancelled
            self._abandon()
            raise
        await self._database.release(connection)
        return tag

    async def _attempt(
        self, connection: asyncpg.Connection, method: Method, text: str, args: tuple[Any, ...] = ()
    ) -> Any:
        try:
            return await getattr(connection, method)(text, *args, timeout=self._left())
        except HarkaError:
            raise
        except Exception as error:
            failure = translated(error)
            if not is_clean(error) or isinstance(failure, DeadlineExceededError):
                self._abandon(type(failure))
            raise failure from error
        except BaseException:
            self._abandon()
            raise

    def _abandon(self, lost_to: type[HarkaError] = UnavailableError) -> None:
        self._closed = True
        connection, self._connection = self._connection, None
        if connection is not None:
            self._lost = lost_to
            self._database.recycle(connection)

    def _left(self, grace: float = _SERVER_FIRST) -> float:
        """Seconds until the deadline, plus `grace`. Raise `DeadlineExceededError` when it has passed."""
        left = self._deadline - asyncio.get_running_loop().time()
        if left <= 0:
            raise DeadlineExceededError
        return left + grace


def rows_affected(tag: str) -> int:
    """Of a command tag: `UPDATE 3` and `INSERT 0 3` are 3."""
    return int(tag.rpartition(" ")[2])
