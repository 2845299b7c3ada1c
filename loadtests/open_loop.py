"""Requests at the rate asked for, whatever becomes of them, in a process of its own.

Locust's callers wait for an answer before they ask again, so an overloaded server slows them down and looks
well. Here a request is due at a moment that nobody can move, and its time is counted from that moment.

`python open_loop.py PLAN RESULT`: a `Plan` as JSON, the `Result` to write.
"""

import asyncio
import contextlib
import random
import sys
import time
from array import array
from collections import deque
from pathlib import Path
from typing import Final, cast

import msgspec
import uvloop

_REST: Final = 0.001
"""Seconds it sleeps at least: what is due meanwhile is sent at once, and late."""
_CROWDED_REST: Final = 0.004
"""The same where several come due in it: woken for each, it took processor time from who is measured."""
_PATIENCE: Final = 12.0
"""Seconds after the last request is due until whatever has no answer counts as lost."""
_LENGTH: Final = b"content-length: "


class Phase(msgspec.Struct, frozen=True):
    """`rate`: requests a second. With 0 as many `callers` as given ask as fast as answers come, or nobody."""

    seconds: float
    rate: float = 0.0
    callers: int = 0


class Plan(msgspec.Struct, frozen=True):
    """`requests`: whole HTTP requests, in latin-1; one is picked each time. `start`: of `time.time()`."""

    port: int
    requests: list[str]
    phases: list[Phase]
    connections: int
    start: float


class Result(msgspec.Struct, frozen=True):
    """Of each request: `due`, `took` in seconds, `status` (0: none came). `late`: the generator, at most."""

    due: list[float]
    took: list[float]
    status: list[int]
    late: float


class Connection(asyncio.Protocol):
    """One request at a time, kept alive."""

    def __init__(self, caller: "Caller") -> None:
        self._caller = caller
        self._transport: asyncio.Transport | None = None
        self._held = b""
        self.due = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's own, of no class of asyncio's
        self._transport = cast("asyncio.Transport", transport)

    def ask(self, request: bytes, due: float) -> None:
        assert self._transport is not None
        self.due = due
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        held = self._held + data if self._held else data
        end = held.find(b"\r\n\r\n")
        at = held.find(_LENGTH, 0, end) + len(_LENGTH)
        if end < 0 or len(held) < end + 4 + int(held[at : held.find(b"\r", at)]):
            self._held = held
            return
        self._held = b""
        due, self.due = self.due, 0.0
        self._caller.answered(self, due, int(held[9:12]))

    def connection_lost(self, _error: Exception | None) -> None:
        self._caller.lost(self)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class Caller:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._requests = [text.encode("latin-1") for text in plan.requests]
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()
        self._due: deque[float] = deque()
        self._opening = 0
        self._began = 0.0
        self._closed = False
        self._endless_until = 0.0
        self._callers = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self.due, self.took, self.status = array("d"), array("d"), array("H")
        self.late = 0.0

    async def run(self) -> None:
        at_once = max([32, *(phase.callers for phase in self._plan.phases)])
        await asyncio.gather(*(self._open() for _ in range(min(self._plan.connections, at_once))))
        await asyncio.sleep(max(self._plan.start - time.time(), 0.0))
        self._began = time.monotonic()
        at = 0.0
        for phase in self._plan.phases:
            await (self._paced(at, phase) if phase.rate else self._as_fast_as_it_goes(at, phase))
            at += phase.seconds
        until = time.monotonic() + _PATIENCE
        while (self._due or len(self._idle) < len(self._all)) and time.monotonic() < until:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
        self._closed = True
        for due in self._due:
            self._note(due, 0)
        for connection in list(self._all):
            connection.close()
        await asyncio.sleep(0)

    def answered(self, connection: Connection, due: float, status: int) -> None:
        self._note(due, status)
        if self._due:
            connection.ask(random.choice(self._requests), self._due.popleft())  # noqa: S311 - no secret
        elif time.monotonic() < self._endless_until and self._waiting <= self._callers:
            connection.ask(random.choice(self._requests), time.monotonic())  # noqa: S311 - no secret
        else:
            self._idle.append(connection)

    def lost(self, connection: Connection) -> None:
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if connection.due:
            self._note(connection.due, 0)

    async def _paced(self, at: float, phase: Phase) -> None:
        """At random moments: what happens on many clients knows nothing of each other."""
        due = self._began + at
        until = due + phase.seconds
        rest = _CROWDED_REST if phase.rate * _CROWDED_REST >= 1.0 else _REST
        while due < until:
            now = time.monotonic()
            while due <= now and due < until:
                self.late = max(self.late, now - due)
                self._send(due)
                due += random.expovariate(phase.rate)
            await asyncio.sleep(max(min(due, until) - time.monotonic(), rest))

    async def _as_fast_as_it_goes(self, at: float, phase: Phase) -> None:
        until = self._began + at + phase.seconds
        self._endless_until, self._callers = until, phase.callers
        # whoever waits for an answer of the phase before is one of them
        for _ in range(min(phase.callers - self._waiting, len(self._idle))):
            self._send(time.monotonic())
        await asyncio.sleep(until - time.monotonic())

    @property
    def _waiting(self) -> int:
        """How many connections wait for an answer."""
        return len(self._all) - len(self._idle)

    def _send(self, due: float) -> None:
        if self._idle:
            self._idle.pop().ask(random.choice(self._requests), due)  # noqa: S311 - no secret
            return
        self._due.append(due)
        if len(self._all) + self._opening < self._plan.connections:
            task = asyncio.create_task(self._open())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _open(self) -> None:
        self._opening += 1
        with contextlib.suppress(OSError):
            loop = asyncio.get_running_loop()
            _, made = await loop.create_connection(lambda: Connection(self), "127.0.0.1", self._plan.port)
            self._all.add(made)
            if self._due:
                made.ask(random.choice(self._requests), self._due.popleft())  # noqa: S311 - no secret
            else:
                self._idle.append(made)
        self._opening -= 1

    def _note(self, due: float, status: int) -> None:
        if not self._closed or not status:
            self.due.append(due - self._began)
            self.took.append(time.monotonic() - due)
            self.status.append(status)


def main() -> None:
    plan = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Plan)
    caller = Caller(plan)
    uvloop.run(caller.run())
    result = Result(list(caller.due), list(caller.took), list(caller.status), caller.late)
    Path(sys.argv[2]).write_bytes(msgspec.json.encode(result))


if __name__ == "__main__":
    main()
