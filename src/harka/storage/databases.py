"""Pools of connections: one per physical database, opened on first use, healed by themselves.

A connection comes back into its pool only when PostgreSQL has said that it is idle. Whatever interrupted
its user (an error, a deadline, a cancelled request), it is rolled back first, or closed.
"""

import asyncio
import functools
from collections.abc import Mapping
from typing import Any, Final

import asyncpg

from harka.clock import monotonic
from harka.config import ConfigurationError, Settings
from harka.errors import UnavailableError
from harka.storage import arrays
from harka.storage.failure import CONNECTION_ERRORS, translated
from harka.storage.lane import Lanes
from harka.storage.location import app_url, is_dedicated
from harka.storage.pool import Pool
from harka.storage.transport import HoldingLoop
from harka.storage.waits import Waits
from harka.storage.watch import Watch
from harka.storage.wire import Wire

CONNECT_TIMEOUT: Final = 2.0
"""Seconds until a server that does not answer counts as down."""
REFUSAL_PERIOD: Final = 0.5
"""Seconds after a failed connection during which others are refused without trying."""
_PREPARED: Final = {"plan_cache_mode": "force_generic_plan"}
"""Planned once: left to itself, PostgreSQL planned half of the statements anew each time, which cost twice as
much as running them. A PgBouncer has to be told to pass over it (`deploy/pgbouncer`)."""
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
            share = None if is_dedicated(name) else _share(self._settings.pool_size)
            known = self._by_url.setdefault(url, Database(url, self._settings, name=name, share=share))
            self._by_name[name] = known
        return known

    def pool(self, database: str) -> Pool:
        return self.database(database).pool

    def same(self, name: str) -> str:
        """Of several names of one database always the same; one that no setting places stays what it is."""
        try:
            return self.database(name).name
        except ConfigurationError:
            return name

    def late(self, name: str, seconds: float) -> Mapping[str, int]:
        """Of each schema, at the most so many requests have waited for longer than `seconds` for answers."""
        database = self._by_name.get(name)
        return {} if database is None else database.late(seconds)

    def connections(self) -> dict[str, int]:
        """How many are idle and how many in use, over all databases; may be called from another thread."""
        pools = [database.pool for database in list(self._by_url.values())]
        idle = sum(pool.get_idle_size() for pool in pools)
        return {"idle": idle, "used": sum(pool.get_size() for pool in pools) - idle}

    async def close(self) -> None:
        await asyncio.gather(*(database.close() for database in self._by_url.values()))


class Database:
    """One physical database and the connections this process keeps to it."""

    def __init__(self, url: str, settings: Settings, *, name: str = "", share: int | None = None) -> None:
        """`name`: the first by which it was asked for. `share`: as `Pool` says."""
        self.name = name
        self._url = url
        self._settings = settings
        self._pool = Pool(self._connect, size=settings.pool_size, share=share)
        self._refuse_until = 0.0
        self._watch = Watch(self._pool, self._answers)
        self._recycling: set[asyncio.Task[None]] = set()
        self.waits = Waits()
        self.lanes = Lanes(
            self.acquire,
            self.release,
            lambda: self._pool.is_crowded,
            self.waits,
            self._pool.charge,
        )

    @property
    def pool(self) -> Pool:
        return self._pool

    @functools.cached_property
    def loop(self) -> asyncio.AbstractEventLoop:
        """That of its connections. Asked once: each look-up is a system call (getpid, in Python 3.11)."""
        return asyncio.get_running_loop()

    async def acquire(self, deadline: float, tenant: bytes = b"", shard: str = "") -> Wire:
        """An idle connection. Raise `UnavailableError` when none is to be had by `deadline` (loop time).

        `tenant`, `shard`: who holds it, and in which schema that lives; empty for what serves all.
        """
        if self._watch.hangs:
            raise UnavailableError
        try:
            wire = await self._pool.acquire(deadline, tenant, shard)
        except TimeoutError as error:
            raise UnavailableError from error
        except (*CONNECTION_ERRORS, asyncpg.PostgresError) as error:
            raise translated(error) from error
        if wire.is_in_transaction:
            self.recycle(wire)
            raise UnavailableError
        self._watch.begin()
        return wire

    def late(self, seconds: float) -> Mapping[str, int]:
        """Of each schema, at the most so many requests have waited for longer than `seconds` for answers.

        One that asks several things at once counts as several; what is cancelled counts until it is over.
        """
        return self._pool.late(self.loop.time() - seconds, self.lanes.askers())

    def release(self, wire: Wire) -> None:
        """Give back a connection whose transaction has ended; any other is repaired first."""
        if not wire.connection.is_closed() and wire.is_in_transaction:
            self.recycle(wire)
        else:
            self._pool.release(wire)

    def end(self, wire: Wire) -> None:
        """Give back a connection whose transaction only read and has not failed, when that has ended."""
        if not (wire.leads and wire.has_pipeline):
            self.release(wire)
            return
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[bytes] = loop.create_future()
        wire.sent_at = loop.time()
        try:
            wire.end(ended)
        except asyncpg.PostgresError:
            self.recycle(wire)
            return
        self.waits.begin(ended, loop.time() + _RECYCLE_TIMEOUT)

        def give_back(ended: asyncio.Future[bytes]) -> None:
            self.waits.end(ended)
            ended.exception()  # looked at: what is wrong shows in the connection's state
            wire.sent_at = 0.0
            self.release(wire)

        ended.add_done_callback(give_back)

    def recycle(self, wire: Wire) -> None:
        """Give back a connection in an unknown state, in the background: rolled back, or closed.

        Synchronous, so that no second cancellation can come between the trouble and its repair.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # a forgotten transaction that is collected after the loop has ended
            self._pool.discard(wire)
            return
        task = loop.create_task(self._recycle(wire))
        self._recycling.add(task)
        task.add_done_callback(self._recycling.discard)

    async def close(self) -> None:
        """Wait for what is in use, not for ever."""
        self._watch.end()
        if self._recycling:
            await asyncio.wait(self._recycling)
        await self._pool.close(_CLOSE_TIMEOUT)
        self.waits.close()

    async def _recycle(self, wire: Wire) -> None:
        try:
            # asyncpg first waits here until a statement it cancelled is really over
            async with asyncio.timeout(_RECYCLE_TIMEOUT):
                await wire.quiet()
            await wire.connection.execute("ROLLBACK", timeout=_RECYCLE_TIMEOUT)
        except (*CONNECTION_ERRORS, asyncpg.PostgresError):
            self._pool.discard(wire)
        except BaseException:
            self._pool.discard(wire)
            raise
        else:
            wire.sent_at = 0.0
            self.release(wire)

    async def _connect(self) -> Wire:
        if monotonic() < self._refuse_until:
            raise UnavailableError
        try:
            wire = Wire(await self._dial(), keeps=self._settings.statement_cache_size)
            try:
                # a server that hangs from now on would keep its place in the pool for ever
                async with asyncio.timeout(CONNECT_TIMEOUT):
                    await wire.prepare_leads()
            except BaseException:
                wire.connection.terminate()
                raise
        except (*CONNECTION_ERRORS, asyncpg.PostgresError) as error:
            self._refuse_until = monotonic() + REFUSAL_PERIOD
            raise UnavailableError from error
        return wire

    async def _dial(self) -> asyncpg.Connection:
        keeps = self._settings.statement_cache_size > 0
        loop: Any = HoldingLoop()
        connection = await asyncpg.connect(
            self._url,
            loop=loop,
            timeout=CONNECT_TIMEOUT,
            statement_cache_size=1 if keeps else 0,
            server_settings=_PREPARED if keeps else None,
        )
        arrays.introduce(connection)
        return connection

    async def _answers(self) -> bool:
        """Whether the server has a word for a newcomer."""
        try:
            connection = await self._dial()
        except CONNECTION_ERRORS:
            return False
        except asyncpg.PostgresError:
            return True
        connection.terminate()
        return True


def _share(size: int) -> int:
    """Of a pool's connections, those for one tenant, or one shard: others find one, whatever it waits for."""
    return max(size * 3 // 4, 1)


def size_with(share: int) -> int:
    """The size of a pool of which one tenant, or shard, may hold so many."""
    return -(-share * 4 // 3)
