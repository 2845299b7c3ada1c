"""Pools of connections: one per physical database, opened on first use, healed by themselves.

A connection comes back into its pool only when PostgreSQL has said that it is idle. Whatever interrupted
its user (an error, a deadline, a cancelled request), it is rolled back first, or closed.
"""

import asyncio
from contextlib import suppress
from typing import Any, Final

import asyncpg

from harka.clock import monotonic
from harka.config import Settings
from harka.errors import UnavailableError
from harka.storage.failure import translated
from harka.storage.location import app_url

CONNECT_TIMEOUT: Final = 2.0
"""Seconds until a server that does not answer counts as down."""
REFUSAL_PERIOD: Final = 0.5
"""Seconds after a failed connection during which others are refused without trying."""
_RECYCLE_TIMEOUT: Final = 1.0
_CLOSE_TIMEOUT: Final = 5.0


class Databases:
    """The application role's pools, by the `database` of a `Location`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._by_name: dict[str, Database] = {}
        self._by_url: dict[str, Database] = {}

    def database(self, name: str) -> "Database":
        """Raise `ConfigurationError` for a name no setting places."""
        known = self._by_name.get(name)
        if known is None:
            url = app_url(self._settings, name)
            known = self._by_url.setdefault(url, Database(url, self._settings))
            self._by_name[name] = known
        return known

    async def pool(self, database: str) -> asyncpg.Pool:
        return await self.database(database).pool()

    def connections(self) -> dict[str, int]:
        """How many are idle and how many in use, over all databases; may be called from another thread."""
        pools = [pool for database in list(self._by_url.values()) if (pool := database.opened) is not None]
        idle = sum(pool.get_idle_size() for pool in pools)
        return {"idle": idle, "used": sum(pool.get_size() for pool in pools) - idle}

    async def close(self) -> None:
        await asyncio.gather(*(database.close() for database in self._by_url.values()))


class Database:
    """One physical database and the connections this process keeps to it."""

    def __init__(self, url: str, settings: Settings) -> None:
        self._url = url
        self._settings = settings
        self._pool: asyncpg.Pool | None = None
        self._refuse_until = 0.0
        self._recycling: set[asyncio.Task[None]] = set()

    @property
    def opened(self) -> asyncpg.Pool | None:
        return self._pool

    async def pool(self) -> asyncpg.Pool:
        if self._pool is None:
            # no await between here and the assignment that could let a second pool appear: with
            # min_size 0 asyncpg connects nothing yet
            self._pool = asyncpg.create_pool(
                self._url,
                min_size=0,
                max_size=self._settings.pool_size,
                statement_cache_size=self._settings.statement_cache_size,
                timeout=CONNECT_TIMEOUT,
                connect=self._connect,
                reset=_require_idle,
            )
            await self._pool
        return self._pool

    async def acquire(self, deadline: float) -> asyncpg.Connection:
        """An idle connection. Raise `UnavailableError` when none is to be had by `deadline` (loop time)."""
        pool = await self.pool()
        try:
            async with asyncio.timeout_at(deadline):
                connection = await pool.acquire()
        except TimeoutError as error:
            raise UnavailableError from error
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise translated(error) from error
        if connection.is_in_transaction():
            self.recycle(connection)
            raise UnavailableError
        return connection

    async def release(self, connection: asyncpg.Connection) -> None:
        """Give back a connection whose transaction has ended; a cancellation does not keep it out."""
        assert self._pool is not None  # noqa: S101 - the connection came out of it
        await self._pool.release(connection)

    def recycle(self, connection: asyncpg.Connection) -> None:
        """Give back a connection in an unknown state, in the background: rolled back, or closed.

        Synchronous, so that no second cancellation can come between the trouble and its repair.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # a forgotten transaction that is collected after the loop has ended
            _close(connection)
            return
        task = loop.create_task(self._recycle(connection))
        self._recycling.add(task)
        task.add_done_callback(self._recycling.discard)

    async def close(self) -> None:
        """Wait for what is in use, not for ever."""
        if self._recycling:
            await asyncio.wait(self._recycling)
        if self._pool is None:
            return
        try:
            async with asyncio.timeout(_CLOSE_TIMEOUT):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    async def _recycle(self, connection: asyncpg.Connection) -> None:
        try:
            async with asyncio.timeout(_RECYCLE_TIMEOUT):
                # asyncpg first waits here until a statement it cancelled is really over
                await connection.execute("ROLLBACK")
                await self.release(connection)
        except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            _close(connection)
        except BaseException:
            _close(connection)
            raise

    async def _connect(self, *args: Any, **options: Any) -> asyncpg.Connection:
        if monotonic() < self._refuse_until:
            raise UnavailableError
        try:
            return await asyncpg.connect(*args, **options)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            self._refuse_until = monotonic() + REFUSAL_PERIOD
            raise UnavailableError from error


async def _require_idle(connection: asyncpg.Connection) -> None:
    """In place of asyncpg's reset query.

    That one costs a round trip and speaks of the session, which behind a transaction pooler belongs to
    somebody else. Nothing here ever changes a session: every setting is local to its transaction.
    """
    if connection.is_in_transaction():
        raise asyncpg.InterfaceError("a connection came back inside a transaction")


def _close(connection: asyncpg.Connection) -> None:
    # InterfaceError: the connection was lost, and has left the pool by itself
    with suppress(asyncpg.InterfaceError):
        connection.terminate()
