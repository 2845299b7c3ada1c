"""The core under `session` and `catalog`: one transaction on one borrowed connection (`loan`)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
import msgspec
from asyncpg.prepared_stmt import PreparedStatement

from harka.errors import DeadlineExceededError, HarkaError, InternalError, UnavailableError
from harka.storage.databases import Database
from harka.storage.failure import OUTDATED, translated
from harka.storage.lane import Answer, Described
from harka.storage.loan import SERVER_FIRST, Loan
from harka.storage.wire import Method, Wire

_LOST_STATEMENTS: Final = (*OUTDATED, asyncpg.InvalidSQLStatementNameError)


class Opening(msgspec.Struct, frozen=True):
    """How a transaction begins.

    `text`: SQL from BEGIN on. Of a tenant's, also what says the same where the connection can lead it in with
    the first statement: `tenant`, the 36 characters of its id, and `read_only`. `alone`: each statement led
    in is a transaction of its own, and there is nothing to end; so it is in the catalog, without a tenant.
    `shard`: the schema that the tenant lives in.
    """

    text: str
    tenant: bytes = b""
    read_only: bool = False
    alone: bool = False
    shard: str = ""


class Transaction(Loan):
    """Begins with its first statement, in the same round trip where that can be.

    `snapshots`: how many its statements have seen. More than one are seen by statements that are alone, and
    by those behind the one that was to be the last.
    """

    def __init__(self, database: Database, opening: Opening, *, timeout: float) -> None:
        """`timeout`: seconds from now, for everything together."""
        super().__init__(database, opening.tenant, opening.shard, timeout=timeout)
        self.statements = 0
        self.snapshots = 0
        self._opening = opening
        self._lock = asyncio.Lock()
        self._begun = False
        self._ends: set[asyncio.Task[Any] | None] = set()
        self._opener: asyncio.Future[bytes] | None = None
        self._savepoints = 0
        self._under_way: set[asyncio.Future[bytes]] = set()

    def end_with_next(self, tasks: Iterable[asyncio.Task[Any]] = ()) -> None:
        """End a transaction that only reads with the next statement of this task, if the connection can.

        It should be the last: one after it begins another transaction, and sees another snapshot. `tasks`:
        of several instead, each with one statement at the most, the last that is asked.
        """
        if self._opening.read_only and not self._opening.alone:
            self._ends = {*tasks} or {asyncio.current_task()}

    def ask(self, text: str, args: tuple[Any, ...]) -> Awaitable[Answer | list[asyncpg.Record]]:
        """The rows that a statement answers; what several ask at one moment goes out together.

        They are records the first time, and where they are not `rows.readable`.
        """
        ends = self._take_ends()
        known = self._database.lanes.known(text)
        bound = None if known is None else known.bound(args)
        if known is None or bound is None:
            return self._ask_first(text, args, ends=ends)
        if self._opening.alone and self._opening.read_only:
            return self._ask_alone(known, bound, args)
        return self._ask(known, bound, ends=ends)

    async def send(self, method: Method, text: str, args: tuple[Any, ...]) -> Any:
        ends = self._take_ends()
        async with self._lock:
            await self._all_answered()
            return await self._send(self._wire or await self._take(), method, text, args, ends=ends)

    async def send_last(self, text: str, args: tuple[Any, ...]) -> None:
        """A statement whose answer does not matter, and COMMIT behind it where the connection can."""
        async with self._lock:
            await self._all_answered()
            await self._send(self._wire or await self._take(), "execute", text, args, ends=True)

    def _take_ends(self) -> bool:
        """Whether this is the statement to end with: others may have waited for a connection meanwhile."""
        if not self._ends or (task := asyncio.current_task()) not in self._ends:
            return False
        self._ends.discard(task)
        return not self._ends

    async def _ask_first(
        self, text: str, args: tuple[Any, ...], *, ends: bool = False
    ) -> list[asyncpg.Record]:
        """Through asyncpg, which then knows what the statement takes and answers."""
        async with self._lock:
            await self._all_answered()
            wire = self._wire or await self._take()
            found: list[asyncpg.Record] = await self._send(wire, "fetch", text, args, ends=ends)
            lanes = self._database.lanes
            prepared = wire.known(text) if wire.has_pipeline and lanes.known(text) is None else None
            if prepared is not None:
                lanes.learn(text, prepared)
            return found

    async def _send(self, wire: Wire, method: Method, text: str, args: tuple[Any, ...], *, ends: bool) -> Any:
        if not self._begun:
            if (self._opening.tenant or self._opening.alone) and wire.leads:
                self.statements += 1
                return await self._send_led(wire, method, text, args)
            await self._begin(wire)
        self.statements += 1
        if ends and wire.leads:
            return await self._send_last(wire, method, text, args)
        return await self._attempt(wire, wire.send(method, text, args, timeout=self._left()))

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
        except BaseException:
            # who is cancelled has no time to undo what was done inside: all of it is undone
            self._abandon()
            raise
        await self._control(f"RELEASE SAVEPOINT {name}")

    async def commit(self) -> None:
        """Idempotent. Raise `InternalError` when PostgreSQL rolled back instead, or why it was lost.

        Where nothing can have been written, the end is not waited for.
        """
        if self._lost is not None:
            raise self._lost
        if self._has_nothing_to_end():
            return
        # PostgreSQL answers COMMIT of a failed transaction with success and the tag ROLLBACK
        if await self._end("COMMIT") not in {"COMMIT", None}:
            raise InternalError("a failed transaction was committed")
        if self._lost is not None:
            # while this waited for a statement
            raise self._lost

    async def rollback(self) -> None:
        """Idempotent. Raises nothing but a cancellation: what cannot be rolled back is closed."""
        try:
            await self._end("ROLLBACK")
        except HarkaError:
            return

    async def _begin(self, wire: Wire) -> None:
        """In a round trip of its own."""
        self.snapshots += 1
        try:
            opening = f"{self._opening.text}; SET LOCAL statement_timeout = {self._milliseconds()}"
            await self._attempt(wire, wire.connection.execute(opening, timeout=self._left()))
        except BaseException:
            # nobody may meet a connection whose tenant is not set
            self._abandon()
            raise
        self._begun = True

    async def _send_led(
        self, wire: Wire, method: Method, text: str, args: tuple[Any, ...], *, again: bool = False
    ) -> Any:
        """The first statement, or one that is alone, led in by what begins its transaction."""
        opening = self._opening
        prepared = wire.known(text) or await self._prepared(wire, text)
        timeout = self._left()
        self._begun = not opening.alone
        self.snapshots += 1
        try:
            # from here on there is no await until asyncpg has written the statement
            wire.lead_in(self._led_in(wire))
            return await self._attempt(wire, wire.send_prepared(method, prepared, args, timeout=timeout))
        except HarkaError as error:
            is_read_alone = opening.alone and opening.read_only
            if isinstance(error.__cause__, _LOST_STATEMENTS) and is_read_alone and not again:
                # prepared anew, since a migration has changed what it answers, or here is another connection
                self.snapshots -= 1
                self._reopen()
                wire = self._wire or await self._take()
                return await self._send_led(wire, method, text, args, again=True)
            raise
        finally:
            if wire.drop_lead():
                # an argument that asyncpg cannot write: then nothing was
                self._begun = False
            else:
                self._settle(wire)

    async def _ask_alone(
        self, known: Described, bound: bytes, args: tuple[Any, ...]
    ) -> Answer | list[asyncpg.Record]:
        """A read that is a transaction of its own: in line where it is brief."""
        in_line = known.is_brief
        try:
            return await (self._ask_in_line(known, bound) if in_line else self._ask(known, bound))
        except UnavailableError as error:
            # a read can be asked again; in line it may have been another's trouble
            if not isinstance(error.__cause__, asyncpg.PostgresError if in_line else _LOST_STATEMENTS):
                raise
            has_given_way = isinstance(error.__cause__, asyncpg.QueryCanceledError)
        self.snapshots -= 1
        self._reopen()
        if has_given_way:
            try:
                return await self._ask(known, bound)
            except UnavailableError as error:
                # what it waited for may have been a migration
                if not isinstance(error.__cause__, _LOST_STATEMENTS):
                    raise
            self.snapshots -= 1
            self._reopen()
        return await self._ask_first(known.text, args)

    async def _ask_in_line(self, known: Described, bound: bytes) -> Answer:
        """Of a transaction that is this statement alone, on a connection that others use, too."""
        if self._closed:
            raise self._lost or InternalError
        tenant, milliseconds = self._opening.tenant, self._milliseconds()
        self.statements += 1
        self.snapshots += 1
        try:
            return await self._database.lanes.ask(
                known,
                bound,
                tenant=tenant,
                shard=self._shard,
                milliseconds=milliseconds,
                deadline=self._deadline,
                grace=SERVER_FIRST,
            )
        except HarkaError:
            raise
        except Exception as error:
            failure = translated(error)
            if isinstance(failure, DeadlineExceededError):
                self._closed, self._lost = True, type(failure)
            raise failure from error

    async def _ask(self, known: Described, bound: bytes, *, ends: bool = False) -> Answer:
        """Without waiting for the answers to what was asked before, but for the transaction to have begun."""
        async with self._lock:
            if self._opener is not None and not (self._wire and self._wire.gathers):
                # if BEGIN fails, what is sent behind it would run without a tenant
                await asyncio.wait((self._opener,))
            wire = self._wire or await self._take()
            lead = trail = b""
            if not self._begun:
                if self._opening.tenant and wire.leads:
                    self.snapshots += 1
                    lead = self._led_in(wire)
                else:
                    await self._begin(wire)
            self._left()
            if ends and wire.leads:
                trail = wire.led_out
            answer: asyncio.Future[bytes] = self._loop.create_future()
            alone = self._opening.alone
            try:
                wire.ask(known, bound, answer, lead=lead, trail=trail, joins=not (alone or trail))
            except asyncpg.PostgresError as error:
                self._abandon()
                raise translated(error) from error
            self.statements += 1
            self._begun = not (trail or alone)
            self._under_way.add(answer)
            if lead and not alone:
                self._opener = answer
        waits = self._database.waits
        waits.begin(answer, self._deadline + SERVER_FIRST)
        try:
            return Answer(known.columns, await self._attempt(wire, answer))
        except HarkaError as error:
            if isinstance(error.__cause__, asyncpg.PostgresError):
                self._database.lanes.forget(known, wire, error.__cause__)
            raise
        finally:
            waits.end(answer)
            answer.cancel()
            self._under_way.discard(answer)
            if self._opener is answer:
                self._opener = None
            self._settle(wire)

    def _led_in(self, wire: Wire) -> bytes:
        opening = self._opening
        return wire.led_in(
            opening.tenant, self._milliseconds(), read_only=opening.read_only, alone=opening.alone
        )

    def _settle(self, wire: Wire) -> None:
        """Once everything is answered: whether the transaction goes on."""
        if self._under_way or self._wire is not wire:
            return
        if wire.is_in_transaction:
            # COMMIT is passed over when the statement before it fails
            self._begun = True
        elif self._begun:
            # it was BEGIN itself that failed: the next statement would run without a tenant
            self._abandon()
        else:
            self._wire = None
            self._database.release(wire)

    async def _all_answered(self) -> None:
        """What asyncpg sends must not stand in a line."""
        while self._under_way:
            await asyncio.wait(self._under_way)
            await asyncio.sleep(0)

    async def _send_last(self, wire: Wire, method: Method, text: str, args: tuple[Any, ...]) -> Any:
        """A statement that the transaction ends with, unless it fails."""
        prepared = wire.known(text) or await self._prepared(wire, text)
        timeout = self._left()
        self._begun = False
        try:
            # from here on there is no await until asyncpg has written the statement
            wire.lead_out()
            return await self._attempt(wire, wire.send_prepared(method, prepared, args, timeout=timeout))
        finally:
            wire.drop_lead()
            self._settle(wire)

    async def _prepared(self, wire: Wire, text: str) -> PreparedStatement:
        return await self._attempt(wire, wire.prepare(text, timeout=self._left()))

    async def _control(self, command: str) -> None:
        async with self._lock:
            await self._all_answered()
            wire = self._wire or await self._take()
            if not self._begun:
                await self._begin(wire)
            await self._attempt(wire, wire.connection.execute(command, timeout=self._left()))

    async def _end(self, command: str) -> str | None:
        """The server's command tag, or None when there was nothing to end, or nobody waits for it."""
        if self._has_nothing_to_end():
            return None
        try:
            async with self._lock:
                self._closed = True
                await self._all_answered()
                wire = self._wire
                if wire is None:
                    return None
                if self._begun and self._opening.read_only and not self._failed:
                    self._wire = None
                    self._database.end(wire)
                    return None
                tag = None
                if self._begun:
                    tag = await self._attempt(wire, wire.connection.execute(command, timeout=self._left()))
                self._wire = None
        except BaseException:
            # also when it was the wait for the lock that was cancelled
            self._abandon()
            raise
        self._database.release(wire)
        return tag

    def _has_nothing_to_end(self) -> bool:
        """Then it is closed by that."""
        if self._wire is not None or self._lock.locked():
            return False
        self._closed = True
        return True


def rows_affected(tag: str) -> int:
    """Of a command tag: `UPDATE 3` and `INSERT 0 3` are 3."""
    return int(tag.rpartition(" ")[2])
