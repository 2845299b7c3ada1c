"""What other processes have changed, heard on one connection, in order; and until when it can be relied upon.

Whoever has changed something tells everybody and waits until all have heard of it, or for `LEASE`. Whoever
keeps values itself asks this connection for a sign of life every few milliseconds: Valkey answers in order,
so what was told before an answer was heard, and what is kept may be used until `LEASE` after the question.
Either way nothing old is used anywhere once a writer has its answer, and nobody is waited for longer than
`LEASE`, even one that is stopped or cut off. One that is not may have lost its connection and not know it:
Valkey no longer counts it, and it relies on what it heard before. So everybody knows those who listen by what
they have answered, asks who is there when beginning to listen, and waits for each of them; whoever does not
know yet waits for `LEASE`.

A Valkey that does not answer leaves writers who could not tell: they make up for it when it is back. So
whoever notices that it did not answer uses nothing of what it holds for a second longer. In a cluster it may
be the tenant's node that is away, which nobody else notices: then the writer tells that there is something
which it cannot tell, until it can, and the others do without that tenant's values meanwhile (`Doubts`).
"""

import asyncio
import math
import random
from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import UUID

import msgspec
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as BrokenError
from redis.exceptions import RedisError

from harka import clock, logs
from harka.codec import packed, unpacked
from harka.ids import new_id
from harka.tasks import together
from harka.valkey import Client, command, make_connection

log = logs.logger("news")

LEASE: Final = 0.05
"""Seconds that a writer waits for who does not answer, and after which that one relies on nothing kept."""
NOTICED: Final = 1.0
"""Seconds for which Valkey may fail to answer a writer before everybody has noticed."""
MADE_UP: Final = 0.5
"""Seconds after it is back in which whoever could not tell does so."""
_CHANNEL: Final = "{harka:news}"
_PERIOD: Final = 0.015
_IDLE_PERIOD: Final = 0.1
# together less than `NOTICED`: who got no answer, or was too busy to ask, knows that it may have missed it
_LATE: Final = 0.35
_BUSY: Final = 0.6
_SILENCE: Final = 10.0
_IN_USE: Final = 10.0
"""Seconds after the last look for which the connection is asked all the time."""
_FIRST_RETRY: Final = 0.05
_LAST_RETRY: Final = 2.0
_PROCESSES: Final = 1024
_NO_TENANT: Final = UUID(int=0)


class _Told(msgspec.Struct, frozen=True, array_like=True):
    """`numbers`: of `generation`, by scope, as they are now; none where the sender cannot tell them.

    `tenant`: `_NO_TENANT` where there is nothing to tell but that the sender listens from now on.
    `number`: the sender's messages that want an answer are counted; 0 for one that does not.
    """

    sender: UUID
    number: int
    tenant: UUID
    numbers: dict[str, int]


class _Heard(msgspec.Struct, frozen=True, array_like=True):
    """By whom, and the last of the sender's messages that was."""

    by: UUID
    number: int


class News:
    """`until`: monotonic seconds; before that nothing told so far was missed.

    A look that finds it over says so by `look`, and finds it renewed a moment later.
    """

    def __init__(
        self,
        client: Client,
        *,
        learn: Callable[[UUID, Mapping[str, int]], None],
        doubt: Callable[[UUID], None],
        lost: Callable[[], None],
    ) -> None:
        """`learn`: called with what somebody told. `doubt`: called when somebody cannot tell what it changed.

        `lost`: called when something may have been missed.
        """
        self._client = client
        self._learn = learn
        self._doubt = doubt
        self._lost = lost
        self._id = new_id()
        self._number = 0
        # all who listen, this one among them, and which message each has heard of last
        self._heard: dict[UUID, int] = {}
        self._knows_from = math.inf
        self._waiting: set[_Waiting] = set()
        self._unanswered: dict[UUID, int] = {}
        self._answering: asyncio.Task[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._wanted = asyncio.Event()
        self._connected = asyncio.Event()
        self._connections = 0
        self._began = 0.0
        self._answered = 0.0
        self._trusted_from = 0.0
        self._used = 0.0
        self.until = 0.0

    def noticed_by(self, now: float) -> float:
        """When whoever listens has noticed that it is not answered, if it is not: not before `NOTICED`."""
        return (self._answered or now) + NOTICED

    def is_trusted(self, now: float) -> bool:
        """Whether what Valkey holds may be used: it answers, and has done so for a while."""
        return self._trusted_from <= now < self._answered + _LATE + _BUSY

    async def ready(self, seconds: float) -> None:
        """Return when it is listened to; at the latest these seconds after somebody has looked first."""
        self.look()
        left = self._began + seconds - clock.monotonic()
        if left <= 0 or self._connected.is_set():
            return
        try:
            async with asyncio.timeout(left):
                await self._connected.wait()
        except TimeoutError:
            log.debug("not listening yet")

    def look(self) -> None:
        """Somebody would like to rely on what is kept here."""
        self._begin()
        self._used = clock.monotonic()
        self._wanted.set()

    async def tell(self, tenant: UUID, numbers: Mapping[str, int]) -> "_Waiting":
        """Tell everybody; raises what the client raises. Await `done` of what it answers."""
        # to hear who has heard
        self._begin()
        self._number += 1
        waiting = _Waiting(self._number)
        message = packed(_Told(self._id, self._number, tenant, dict(numbers)))
        self._waiting.add(waiting)
        try:
            listening = int(await command(self._client, "SPUBLISH", _CHANNEL, message))
        except BaseException:
            self._waiting.discard(waiting)
            raise
        if clock.monotonic() >= self._knows_from:
            waiting.expect(listening, self._heard)
        return waiting

    async def mention(self, tenant: UUID, numbers: Mapping[str, int]) -> int:
        """Tell everybody, and wait for nobody; how many listen."""
        message = packed(_Told(self._id, 0, tenant, dict(numbers)))
        return int(await command(self._client, "SPUBLISH", _CHANNEL, message))

    async def heard(self, waiting: "_Waiting", within: float = LEASE) -> None:
        """Return when all who listen have heard it, or cannot rely on anything older any more."""
        try:
            async with asyncio.timeout(within):
                await waiting.done.wait()
        except TimeoutError:
            log.debug("somebody did not hear of a change in time")
            self._forget_those_who_left(waiting)
        finally:
            self._waiting.discard(waiting)

    async def close(self) -> None:
        tasks = [task for task in (self._task, self._answering) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self) -> None:
        if self._task is None:
            self._began = clock.monotonic()
            self._task = asyncio.create_task(self._run(), name="cache news")

    def _forget_those_who_left(self, waiting: "_Waiting") -> None:
        """Those who did not answer, where fewer listen than answer: who is only late still counts."""
        if waiting.listening < len(waiting.known):
            for silent in waiting.silent(self._heard):
                self._heard.pop(silent, None)

    async def _run(self) -> None:
        pause = _FIRST_RETRY
        while True:
            began = clock.monotonic()
            try:
                await self._listen()
            except (RedisError, OSError, TimeoutError) as error:
                log.warning("news lost", error=type(error).__name__)
            if clock.monotonic() - began > _LAST_RETRY:
                pause = _FIRST_RETRY
            # jitter against processes coming back in step
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
            pause = min(2 * pause, _LAST_RETRY)

    async def _listen(self) -> None:
        """Serve one connection until it breaks; what is kept is forgotten before and after."""
        connection = await make_connection(self._client, _CHANNEL)
        try:
            await connection.connect()  # type: ignore[no-untyped-call]  # redis-py leaves it bare
            for channel in (_CHANNEL, _answers_to(self._id)):
                await connection.send_command("SSUBSCRIBE", channel)
                await connection.read_response(timeout=_SILENCE, disconnect_on_error=False)
            self._lost()
            await self._greet()
            self._connections += 1
            self._answered = clock.monotonic()
            if self._connections > 1:
                self._distrust(self._answered)
            await together(self._ask(connection), self._read(connection))
        finally:
            self.until = 0.0
            self._knows_from = math.inf
            self._lost()
            await connection.disconnect(nowait=True)

    async def _greet(self) -> None:
        """Tell all others of this one, before it relies on anything, and hear of them."""
        self._number += 1
        self._heard = {self._id: 0}
        message = packed(_Told(self._id, self._number, _NO_TENANT, {}))
        async with asyncio.timeout(_SILENCE):
            await command(self._client, "SPUBLISH", _CHANNEL, message)
        self._knows_from = clock.monotonic() + LEASE

    async def _ask(self, connection: AbstractConnection) -> None:
        """Often while somebody looks, and at once when somebody begins to."""
        while True:
            asked = clock.monotonic()
            await connection.send_command("PING", repr(asked))
            if asked - self._used < _IN_USE:
                await asyncio.sleep(_PERIOD)
                continue
            self._wanted.clear()
            try:
                async with asyncio.timeout(_IDLE_PERIOD):
                    await self._wanted.wait()
            except TimeoutError:
                pass

    async def _read(self, connection: AbstractConnection) -> None:
        while True:
            answer: Any = await connection.read_response(timeout=_SILENCE, disconnect_on_error=False)
            match answer:
                case [b"pong", bytes() as asked]:
                    self._alive(float(asked))
                case [b"smessage", bytes() as channel, bytes() as message]:
                    self._take(channel.decode(), message)
                case [b"sunsubscribe", *_]:
                    raise BrokenError("the channel has moved to another node")
                case None:
                    raise TimeoutError
                case _:
                    pass

    def _alive(self, asked: float) -> None:
        now = clock.monotonic()
        if now - asked > _LATE or asked - self._answered > _BUSY:
            self._distrust(now)
            self._lost()
        self._answered = asked
        self.until = 0.0 if now < self._trusted_from else asked + LEASE
        self._connected.set()

    def _distrust(self, now: float) -> None:
        self._trusted_from = now + 2 * MADE_UP

    def _take(self, channel: str, message: bytes) -> None:
        try:
            if channel == _CHANNEL:
                self._told(unpacked(message, _Told))
            else:
                answer = unpacked(message, _Heard)
                self._hear(answer.by, answer.number)
        except msgspec.DecodeError as error:
            # whoever wrote it changed something that is not known here
            log.warning("unreadable news, all that was kept is forgotten", error=str(error))
            self._lost()

    def _told(self, told: _Told) -> None:
        if told.tenant == _NO_TENANT:
            self._know(told.sender)
        elif told.numbers:
            self._learn(told.tenant, told.numbers)
        elif told.sender != self._id:
            self._doubt(told.tenant)
        if not told.number:
            return
        if told.sender == self._id:
            self._hear(self._id, told.number)
            return
        self._unanswered[told.sender] = told.number
        if self._answering is None or self._answering.done():
            self._answering = asyncio.create_task(self._answer())

    async def _answer(self) -> None:
        """One answer for all that a sender has told meanwhile."""
        while self._unanswered:
            sender, number = self._unanswered.popitem()
            answer = packed(_Heard(self._id, number))
            try:
                async with asyncio.timeout(LEASE):
                    await command(self._client, "SPUBLISH", _answers_to(sender), answer)
            except (RedisError, OSError, TimeoutError):
                # whoever waits for it does so for no longer than this
                log.debug("an answer was lost")

    def _know(self, process: UUID) -> None:
        self._heard.setdefault(process, 0)
        if len(self._heard) > _PROCESSES:
            # the first of so many has left
            del self._heard[next(each for each in self._heard if each != self._id)]

    def _hear(self, by: UUID, number: int) -> None:
        self._know(by)
        self._heard[by] = max(number, self._heard[by])
        for waiting in self._waiting:
            waiting.look(self._heard)


class _Waiting:
    """For all who are `known`, and as many as are `listening`, to have heard the message of this number."""

    __slots__ = ("done", "known", "listening", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.listening = 0
        self.known: frozenset[UUID] = frozenset()
        self.done = asyncio.Event()

    def expect(self, listening: int, heard: Mapping[UUID, int]) -> None:
        self.listening, self.known = listening, frozenset(heard)
        self.look(heard)

    def look(self, heard: Mapping[UUID, int]) -> None:
        # nobody is known before it was told
        if not self.known or self.silent(heard):
            return
        if sum(number >= self.number for number in heard.values()) >= self.listening:
            self.done.set()

    def silent(self, heard: Mapping[UUID, int]) -> set[UUID]:
        # who has heard of a later message has heard this, or has forgotten all it kept to listen anew
        return {each for each in self.known if heard.get(each, 0) < self.number}


def _answers_to(sender: UUID) -> str:
    return f"{_CHANNEL}:{sender.hex}"
