"""Reads of many requests in line on one connection.

Each is a transaction of its own: the message before it names its tenant, the Sync behind it ends it, and
whoever comes next in line finds a connection that belongs to nobody. Only what was brief the last times goes
in line, so that nobody waits long for another's statement; everything else gets a connection to itself. What
turns out not to be brief, as where a table is locked, is cancelled, and asked again on one.
"""

import asyncio
import hashlib
import math
from collections import Counter, OrderedDict, deque
from collections.abc import Awaitable, Callable
from typing import Any, Final

import asyncpg
import msgspec
from asyncpg.prepared_stmt import PreparedStatement

from harka.errors import UnavailableError
from harka.pipeline import bind
from harka.rows import readable
from harka.storage.failure import OUTDATED
from harka.storage.waits import Waits
from harka.storage.wire import Question, Wire

_BRIEF: Final = 0.005
"""Seconds, measured in the loop's milliseconds."""
_FADES: Final = 0.8
"""What is left of a time with each further run: in the end a statement is tried in line again."""
_LONGEST_LINE: Final = 16
_TURN: Final = 0.02
"""Seconds for which a line is joined although others wait for its connection."""
_LOOK: Final = 0.01
"""Seconds between two looks at who is first in the lines."""
_PATIENCE: Final = 3
"""Looks at which one may be the first while others suffer by it. Not seconds: at the end of a long turn of
the loop it has only just been sent."""
_PATIENCE_FOR_NOBODY: Final = 2
"""The same of one whose answer nobody waits for."""
_PATIENCE_AGAIN: Final = 10
"""The same of one that goes on although it was cancelled: the server may not have begun it yet."""
_CANCELLING: Final = 4.0
"""Seconds until a connection is cut on which that does nothing. By then `watch` knows if the server hangs."""
_DESCRIPTIONS: Final = 4096


class Answer(msgspec.Struct, frozen=True):
    """`columns`: oids of their types. `rows`: as `rows.unpack` reads them."""

    columns: tuple[int, ...]
    rows: bytes


class Described(Question):
    """`seconds`: what it takes."""

    seconds: float = 0.0

    @property
    def is_brief(self) -> bool:
        """Whether it may stand in line. Each look makes what it took fade."""
        if self.seconds < _BRIEF:
            return True
        self.seconds *= _FADES
        return False

    def bound(self, args: tuple[Any, ...]) -> bytes | None:
        """The message that binds it; None when asyncpg must write it, or say what is wrong."""
        try:
            return bind(self.name, self.parameters, args)
        except (TypeError, ValueError, AttributeError, OverflowError):
            return None

    def took(self, seconds: float) -> None:
        self.seconds = max(seconds, _FADES * self.seconds)


class Lanes:
    """The lines of one database's connections. They come from its pool, and go back when a line is empty."""

    def __init__(
        self,
        borrow: Callable[[float, bytes, str], Awaitable[Wire]],
        give_back: Callable[[Wire], None],
        is_crowded: Callable[[], bool],
        waits: Waits,
        charge: Callable[[Wire, str], bool],
    ) -> None:
        """`borrow`: a connection, by a deadline in loop time, for a tenant and its shard.

        `is_crowded`: others wait for one. `charge`: it is another shard's turn on it; whether that is
        within its share.
        """
        self._borrow = borrow
        self._give_back = give_back
        self._is_crowded = is_crowded
        self._waits = waits
        self._charge = charge
        self._lanes: list[_Lane] = []
        self._described: OrderedDict[str, Described] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    def askers(self) -> dict[Wire, Counter[str]]:
        """How many of each shard wait on each of the connections that are in use here."""
        return {lane.wire: lane.askers() for lane in self._lanes}

    def known(self, text: str) -> Described | None:
        """What is known of a statement from its first use."""
        return self._described.get(text)

    def learn(self, text: str, prepared: PreparedStatement) -> None:
        """What a statement takes and answers."""
        columns = tuple(each.type.oid for each in prepared.get_attributes())
        if not readable(columns):
            return
        parameters = tuple(each.oid for each in prepared.get_parameters())
        # a migration may change the types: another connection may have it prepared with those of before
        name = hashlib.blake2b(repr((text, parameters, columns)).encode(), digest_size=8).hexdigest()
        self._described[text] = Described(
            text=text, name=b"harka_" + name.encode(), parameters=parameters, columns=columns
        )
        if len(self._described) > _DESCRIPTIONS:
            self._described.popitem(last=False)

    def forget(self, described: Described, wire: Wire, error: Exception) -> None:
        """Draw from an error what it says of what was prepared: that it is outdated, or that all is gone."""
        if isinstance(error, OUTDATED):
            wire.forget(described)
            self._described.pop(described.text, None)
        elif isinstance(error, asyncpg.InvalidSQLStatementNameError):
            wire.connection.terminate()

    async def ask(
        self,
        described: Described,
        bound: bytes,
        *,
        tenant: bytes,
        shard: str,
        milliseconds: int,
        deadline: float,
        grace: float,
    ) -> Answer:
        """What the statement answers this tenant, or whatever the server or the connection raises.

        Raise `UnavailableError` because of `QueryCanceledError` where it turns out not to be brief, or was
        cancelled in place of another: it is to be asked again on a connection to itself.

        `milliseconds`: of the statement's timeout. `deadline`: loop time by which there is a connection, and,
        `grace` seconds later, an answer; otherwise raise `TimeoutError`, up to `waits.PERIOD` after that.
        """
        lane = self._joinable() or self._begin(await self._borrow(deadline, tenant, shard), tenant, shard)
        answer = lane.ask(described, bound, tenant, shard, milliseconds)
        self._waits.begin(answer, deadline + grace)
        try:
            return Answer(described.columns, await answer)
        except asyncpg.QueryCanceledError as error:
            if deadline - lane.now() > _LOOK:
                # it was not its own timeout
                raise UnavailableError from error
            raise
        except asyncpg.PostgresError as error:
            self.forget(described, lane.wire, error)
            raise
        except TimeoutError:
            lane.end_if_silent(answer, grace)
            raise
        finally:
            self._waits.end(answer)

    def _joinable(self) -> "_Lane | None":
        for lane in self._lanes:
            if lane.is_joinable(self._is_crowded):
                return lane
        return None

    def _begin(self, wire: Wire, tenant: bytes, shard: str) -> "_Lane":
        lane = _Lane(wire, tenant, shard, self._end, self._charge)
        self._lanes.append(lane)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_LOOK, self._look)
        return lane

    def _look(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_LOOK, self._look) if self._lanes else None
        for lane in self._lanes:
            lane.look()

    def _end(self, lane: "_Lane") -> None:
        self._lanes.remove(lane)
        self._give_back(lane.wire)


class _Place(msgspec.Struct):
    """In a line. `answer` is done when nobody waits for it any more."""

    described: Described
    tenant: bytes
    shard: str
    answer: asyncio.Future[bytes]


class _Lane:
    """A connection lent to everybody in its line, from the first who asks until nobody is left."""

    def __init__(
        self,
        wire: Wire,
        holder: bytes,
        shard: str,
        ended: "Callable[[_Lane], None]",
        charge: Callable[[Wire, str], bool],
    ) -> None:
        """`holder`: the tenant to whose share of the connections it counts. `shard`: whose turn it is."""
        self.wire = wire
        self._holder = holder
        self._shard = shard
        self._is_within = True  # the share of that shard
        self._ended = ended
        self._charge = charge
        self._line: deque[_Place] = deque()
        self._since = 0.0  # when the first in line came to be the first
        # who was the first at the last look, and at how many more it may be
        self._seen: _Place | None = None
        self._patience = 0
        # until it is done, whatever is asked next may be cancelled in place of what should be
        self._cancelling: asyncio.Future[None] | None = None
        self._is_over = False
        self._cut_at = math.inf
        self._loop = asyncio.get_running_loop()
        self.now = self._loop.time
        self._begun = self.now()
        wire.answered(self._answered)

    def askers(self) -> Counter[str]:
        """By shards, without those who have left."""
        return Counter(place.shard for place in self._line if not place.answer.done())

    def is_joinable(self, is_crowded: Callable[[], bool]) -> bool:
        """Whether the line is short, and moves, and has not kept its connection from others for long."""
        if len(self._line) >= _LONGEST_LINE or self._cancelling or self.wire.connection.is_closed():
            return False
        now = self.now()
        return now - self._since < _BRIEF and not (now - self._begun > _TURN and is_crowded())

    def look(self) -> None:
        """Have the first in line give way when it is the first for long, and somebody suffers by that.

        Who asked the same, of the same tables, would not be answered sooner: they go, too.
        """
        if self.wire.connection.is_closed():
            return
        if self.now() > self._cut_at:
            self.wire.connection.terminate()
            return
        if self._cancelling or not self._line:
            return
        first = self._line[0]
        if first is not self._seen:
            self._see(first)
        self._patience -= 1
        if self._patience > 0 or not self._is_in_the_way(first):
            return
        for place in self._line:
            if place.described is first.described and not place.answer.done():
                place.answer.set_exception(asyncpg.QueryCanceledError("it is not brief"))
                # retrieved once: who waits may be cancelled before they hear of it
                place.answer.exception()
        self._cancel()

    def end_if_silent(self, answer: asyncio.Future[bytes], grace: float) -> None:
        """Cut the connection when nothing comes: who waited for `answer` was the first, and for long enough.

        Otherwise the server would have ended the statement in time. Those behind are asked elsewhere.
        """
        if self._line and self._line[0].answer is answer and self.now() - self._since >= grace:
            self.wire.connection.terminate()

    def ask(
        self, described: Described, bound: bytes, tenant: bytes, shard: str, milliseconds: int
    ) -> asyncio.Future[bytes]:
        answer: asyncio.Future[bytes] = self._loop.create_future()
        if not self._line:
            self._since = self.wire.sent_at = self.now()
        self._line.append(_Place(described, tenant, shard, answer))
        try:
            lead = self.wire.led_in(tenant, milliseconds, read_only=True, alone=True)
            self.wire.ask(described, bound, answer, lead=lead)
        except BaseException:
            self._line.pop()
            self._leave()
            raise
        return answer

    def _see(self, first: _Place) -> None:
        self._seen = first
        self._patience = _PATIENCE_FOR_NOBODY if first.answer.done() else _PATIENCE
        self._cut_at = math.inf

    def _is_in_the_way(self, first: _Place) -> bool:
        """Of those behind, or beyond the share of its tenant or shard; or nobody waits for it."""
        is_beyond = first.tenant != self._holder or not self._is_within
        return first.answer.done() or is_beyond or self.askers().total() > 1

    def _cancel(self) -> None:
        """End what the server runs for the first in line, whose answer nobody waits for any more."""
        self._cut_at = min(self._cut_at, self.now() + _CANCELLING)
        self._patience = _PATIENCE_AGAIN
        self._cancelling = self.wire.cancel()
        self._cancelling.add_done_callback(self._cancelled)

    def _cancelled(self, _: object) -> None:
        """The server was told. The next one may have gone together with that one."""
        self._cancelling = None
        if self._is_over:
            # the connection was lost in the same turn
            return
        first = self._line[0] if self._line else None
        if first is None or self.wire.connection.is_closed():
            self._leave()
        elif first is not self._seen and first.answer.done():
            self._see(first)
            self._cancel()

    def _answered(self) -> None:
        """The first in line has its answer; or all of them, when the connection is lost."""
        now = self.now()
        while len(self._line) > self.wire.outstanding:
            self._line.popleft().described.took(now - self._since)
            self._since = now
        if self._line and self._line[0].shard != self._shard:
            self._shard = self._line[0].shard
            self._is_within = self._charge(self.wire, self._shard)
        self._leave()

    def _leave(self) -> None:
        self.wire.sent_at = self._since if self._line else 0.0
        if self._line:
            return
        if self._cancelling:
            if not self.wire.connection.is_closed():
                # it would hit whoever gets the connection next
                return
            self._cancelling.remove_done_callback(self._cancelled)
        self._is_over = True
        self.wire.answered(None)
        self._ended(self)
