"""One connection and what is prepared on it; the one room that reaches below asyncpg's public API.

A statement costs one round trip, together with the naming of the tenant and, where it is the first of
several, with BEGIN; the last of several takes COMMIT along behind it. For that, prepared statements are bound
and executed by messages of our own, written in front of those asyncpg writes for the statement itself, or
between them and the Sync that ends them all. asyncpg passes over the answers it did not ask for: each is a
BindComplete, no row, and a CommandComplete.
"""

import asyncio
import struct
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Literal

import asyncpg
import msgspec
from asyncpg.prepared_stmt import PreparedStatement

from harka import pipeline
from harka.storage.failure import OUTDATED
from harka.storage.transport import HoldingTransport

if TYPE_CHECKING:
    from harka._pipeline import Pipeline

Method = Literal["fetch", "fetchrow", "fetchval", "execute"]

_BEGIN_READ: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_BEGIN_WRITE: Final = "BEGIN"
# answers no row; every setting is LOCAL (`true`), so it ends with the transaction, whichever way that ends
_ENTER: Final = """SELECT FROM (VALUES (1)) AS once
  WHERE set_config('app.current_tenant', $1, true) IS NULL
  OR set_config('statement_timeout', $2, true) IS NULL"""
_ENTER_READING: Final = f"{_ENTER} OR set_config('transaction_read_only', 'on', true) IS NULL"

_ONE_ROW: Final = frozenset({"fetchrow", "fetchval"})
_INT16: Final = struct.Struct("!h")
_INT32: Final = struct.Struct("!i")
_OID: Final = struct.Struct("!I")
_EXECUTE: Final = b"E\0\0\0\x09\0\0\0\0\0"
_SYNC: Final = b"S\0\0\0\x04"
_LED_IN: Final = 2  # BEGIN and the tenant, each a command
_TENANT_DIGITS: Final = 36
_TIMEOUT_DIGITS: Final = 10


class Question(msgspec.Struct, kw_only=True):
    """A statement that answers rows.

    `name`: of what is prepared, another for other types. `parameters`, `columns`: oids of their types.
    """

    text: str
    name: bytes
    parameters: tuple[int, ...]
    columns: tuple[int, ...]


class Wire:
    """`sent_at`: loop time of what is being waited for, 0.0 when nothing is."""

    def __init__(self, connection: asyncpg.Connection, *, keeps: int) -> None:
        """`keeps`: how many statements stay prepared; 0 behind a pooler, which cannot keep any."""
        self.connection = connection
        self._protocol = connection._protocol  # noqa: SLF001 - as `send_prepared` says
        transport = connection._transport  # noqa: SLF001 - asyncpg has no public way to write ahead
        assert isinstance(transport, HoldingTransport)  # noqa: S101 - it was made by a `HoldingLoop`
        self._transport = transport
        self.sent_at = 0.0
        self.idle_since = 0.0
        self._keeps = keeps
        self._prepared: OrderedDict[str, PreparedStatement] = OrderedDict()
        self._leads: list[PreparedStatement] = []
        self.led_out = b""
        # what leads in a statement, by (read only, alone): before the tenant, before the timeout, behind it
        self._led: dict[tuple[bool, bool], tuple[bytes, bytes, bytes]] = {}
        # the same of one that is alone, of no tenant
        self._led_for_nobody = b"", b"", b""
        self._pipeline: Pipeline | None = None
        self._parsed: OrderedDict[bytes, None] = OrderedDict()
        self._forgotten = b""
        if pipeline.COMPILED and keeps:
            loop = asyncio.get_running_loop()
            self._pipeline = pipeline.before(self._protocol, transport, raised=_raised, later=loop.call_soon)
            transport.set_protocol(self._pipeline)

    @property
    def has_pipeline(self) -> bool:
        """Whether `ask` is to be had."""
        return self._pipeline is not None

    @property
    def is_in_transaction(self) -> bool:
        if self._pipeline is not None:
            return not self._pipeline.idle
        return bool(self.connection.is_in_transaction())

    @property
    def gathers(self) -> bool:
        """Whether what is asked now, joining, is still of one group with what was asked before."""
        return self._pipeline is not None and self._pipeline.gathers

    @property
    def outstanding(self) -> int:
        """How many of `ask` are not answered yet."""
        return 0 if self._pipeline is None else self._pipeline.outstanding

    def heard(self, now: float) -> None:
        """There is an answer, at this loop time; to what was asked meanwhile there may not be one yet."""
        self.sent_at = now if self.outstanding else 0.0

    def answered(self, listener: Callable[[], None] | None) -> None:
        """Call `listener` at the answer of each `ask`, and when the connection is lost."""
        assert self._pipeline is not None  # noqa: S101 - the caller has looked
        self._pipeline.answered = listener

    def ask(
        self,
        question: Question,
        bound: bytes,
        answer: asyncio.Future[bytes],
        *,
        lead: bytes = b"",
        trail: bytes = b"",
        joins: bool = False,
    ) -> None:
        """Send a statement without waiting for those before it. Raise what a lost connection raises.

        `bound`: by `pipeline.bind`. `lead`: of `led_in`. `trail`: `led_out`, or nothing. `joins`: it is of
        one transaction with what is asked at this moment: behind a failure nothing is run.
        """
        assert self._pipeline is not None  # noqa: S101 - the caller has looked
        parsed = b"" if question.name in self._parsed else self._parse(question)
        messages = b"".join((lead, parsed, bound, _EXECUTE, trail, b"" if joins else _SYNC))
        commands = 1 + (_LED_IN if lead else 0)
        self._pipeline.send(messages, answer, commands, question.columns if parsed else None, not joins)
        if parsed:
            answer.add_done_callback(lambda answer: self._note_parsed(question, answer))

    def end(self, answer: asyncio.Future[bytes]) -> None:
        """Send the end of a transaction that only read. Raise what a lost connection raises."""
        assert self._pipeline is not None  # noqa: S101 - the caller has looked
        self._pipeline.send(self.led_out + _SYNC, answer, 1, None, True)

    def cancel(self) -> asyncio.Future[None]:
        """Have the server end what it runs; until the future is done that may hit whatever comes next.

        Where it cannot be told, the connection is lost; then the future may never be done.
        """
        cancelled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        told = self.connection._cancellations  # noqa: SLF001 - asyncpg does not find its tasks by our loop, and keeps all
        told.difference_update([task for task in told if task.done()])
        self.connection._cancel_current_command(cancelled)  # noqa: SLF001 - by itself asyncpg cancels what it sent
        return cancelled

    async def quiet(self) -> None:
        """Return when nothing that was asked is under way; it is cancelled."""
        if not self.outstanding:
            return
        loop = asyncio.get_running_loop()
        answered = loop.create_future()

        def look() -> None:
            if not (self.outstanding or answered.done()):
                answered.set_result(None)

        self.answered(look)
        try:
            await self.cancel()
            await answered
        finally:
            self.answered(None)

    @property
    def leads(self) -> bool:
        """Whether statements may be led in; otherwise transactions begin with a trip of their own."""
        return bool(self._led)

    async def prepare_leads(self) -> None:
        """Once, before first use."""
        if not self._keeps:
            return
        texts = _BEGIN_READ, _BEGIN_WRITE, _ENTER, _ENTER_READING, "COMMIT"
        # held for as long as the connection: asyncpg closes a statement that nobody holds
        self._leads = [await self.connection.prepare(text) for text in texts]
        await self._sync()
        read, write, enter, enter_reading, commit = (each.get_name().encode() for each in self._leads)
        self._led = {
            (True, True): _entering(b"", enter_reading),
            (False, True): _entering(b"", enter),
            (True, False): _entering(_executed(read), enter),
            (False, False): _entering(_executed(write), enter),
        }
        self._led_for_nobody = _entering(b"", enter, digits=0)
        self.led_out = _executed(commit)

    async def send(self, method: Method, text: str, args: tuple[Any, ...], *, timeout: float) -> Any:  # noqa: ASYNC109 - asyncpg's
        """What the statement answers, by a `Method` of asyncpg's connections."""
        if not self._keeps:
            return await getattr(self.connection, method)(text, *args, timeout=timeout)
        prepared = await self.prepare(text, timeout=timeout)
        return await self.send_prepared(method, prepared, args, timeout=timeout)

    async def send_prepared(
        self,
        method: Method,
        prepared: PreparedStatement,
        args: tuple[Any, ...],
        *,
        timeout: float,  # noqa: ASYNC109 - asyncpg's
    ) -> Any:
        """Like the method of asyncpg's `PreparedStatement`, without the seven calls in between."""
        limit = 1 if method in _ONE_ROW else 0
        try:
            rows, tag, _ = await self._protocol.bind_execute(
                prepared._state,  # noqa: SLF001 - the statement as asyncpg's protocol knows it
                args,
                "",
                limit,
                True,
                timeout,
            )
        except OUTDATED as error:
            self._prepared.pop(prepared.get_query(), None)
            if isinstance(error, asyncpg.OutdatedSchemaCacheError):
                await self.connection.reload_schema_state()
            raise
        except asyncpg.InvalidSQLStatementNameError:
            # what was prepared is gone (DISCARD ALL, a pooler unheard of): nothing works here any more
            self.connection.terminate()
            raise
        if method == "fetch":
            return rows
        if method == "execute":
            return tag.decode()
        row = rows[0] if rows else None
        return row if row is None or method == "fetchrow" else row[0]

    async def prepare(
        self,
        text: str,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - asyncpg's
    ) -> PreparedStatement:
        """The statement, prepared at its first use here. `timeout`: seconds, also while a migration runs."""
        known = self._prepared.get(text)
        if known is not None:
            self._prepared.move_to_end(text)
            return known
        known = await self.connection.prepare(text, timeout=timeout)
        if not self.is_in_transaction:
            await self._sync(timeout=timeout)
        self._prepared[text] = known
        if len(self._prepared) > self._keeps:
            self._prepared.popitem(last=False)
        return known

    def lead_in(self, lead: bytes) -> None:
        """Have this, by `led_in`, written with the next statement: a prepared one, that follows at once."""
        self._transport.hold(lead)

    def led_in(self, tenant: bytes, milliseconds: int, *, read_only: bool, alone: bool) -> bytes:
        """What begins a transaction and names its tenant, or, `alone`, does so for one statement.

        `tenant`: the 36 characters of its id; none for one statement of the catalog.
        """
        before, between, after = self._led[read_only, alone] if tenant else self._led_for_nobody
        return b"%b%b%b%10d%b" % (before, tenant, between, milliseconds, after)

    def lead_out(self) -> None:
        """Have the transaction committed behind the next statement, in its round trip."""
        self._transport.trail(self.led_out)

    def drop_lead(self) -> bool:
        """Whether the next statement was not written after all; what was to lead it in never will be."""
        return self._transport.drop()

    def known(self, text: str) -> PreparedStatement | None:
        """The statement, where it is prepared already."""
        return self._prepared.get(text)

    def _parse(self, question: Question) -> bytes:
        """Prepare, once more if need be, and describe. To close a name that is not known is no error."""
        types = b"".join(_OID.pack(oid) for oid in question.parameters)
        body = question.name + b"\0" + question.text.encode() + b"\0"
        body += _INT16.pack(len(question.parameters)) + types
        self._parsed[question.name] = None
        closed = _closed(question.name) + self._forgotten
        self._forgotten = b""
        if len(self._parsed) > self._keeps:
            closed += _closed(self._parsed.popitem(last=False)[0])
        return closed + b"P" + _INT32.pack(4 + len(body)) + body + _described(question.name)

    def forget(self, question: Question) -> None:
        """It is prepared anew at its next use."""
        if question.name in self._parsed:
            del self._parsed[question.name]
            self._forgotten += _closed(question.name)

    def _note_parsed(self, question: Question, answer: asyncio.Future[bytes]) -> None:
        if answer.cancelled() or answer.exception() is not None:
            # whether it came to be prepared is not known
            self.forget(question)

    async def _sync(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - asyncpg's
        """End the implicit transaction that asyncpg's preparing leaves open (it sends Flush, not Sync)."""
        await self.connection.execute("SELECT", timeout=timeout)


def _closed(name: bytes) -> bytes:
    return _of_statement(b"C", name)


def _described(name: bytes) -> bytes:
    return _of_statement(b"D", name)


def _of_statement(kind: bytes, name: bytes) -> bytes:
    body = b"S" + name + b"\0"
    return kind + _INT32.pack(4 + len(body)) + body


def _raised(told: Any) -> Exception:
    """`told`: what the server tells of an error, or why the connection was lost."""
    error: Exception = (
        asyncpg.PostgresError.new(told)
        if isinstance(told, dict)
        else asyncpg.ConnectionDoesNotExistError("the connection was lost")
    )
    return error


def _executed(name: bytes) -> bytes:
    """Bind (to the unnamed portal, without arguments) and Execute, in PostgreSQL's protocol 3.0."""
    return _bound(name, 0, 0) + _EXECUTE


def _entering(first: bytes, name: bytes, digits: int = _TENANT_DIGITS) -> tuple[bytes, bytes, bytes]:
    """The same for `_ENTER` after `first`, in three parts, between which stand a tenant and a timeout."""
    between = _INT32.pack(_TIMEOUT_DIGITS)
    head = _bound(name, 2, 2 * 4 + digits + _TIMEOUT_DIGITS)
    # as many result formats as there are result columns: none
    return first + head[:-2] + _INT32.pack(digits), between, b"\0\0" + _EXECUTE


def _bound(name: bytes, count: int, length: int) -> bytes:
    """Bind, `length` bytes of arguments left out before the last two bytes."""
    body = b"\0" + name + b"\0" + b"\0\0" + _INT16.pack(count) + b"\0\0"
    return b"B" + _INT32.pack(4 + len(body) + length) + body
