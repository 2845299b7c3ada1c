"""Requests at the rate asked for, whatever becomes of them, in a process of its own.

Locust's callers wait for an answer before they ask again, so an overloaded server slows them down and looks
well. Here a request is due at a moment that nobody can move, and its time is counted from that moment.

It shares the machine with the server that is measured, which pays for what it takes, and for waking it: who
waits on a socket is woken by whoever answers, in the time of the latter. So it sleeps between two looks at
all of its sockets, whether requests are due or callers ask again (`docs/performance.md`).

`python open_loop.py PLAN RESULT`: a `Plan` as JSON, the `Result` to write.
"""

import contextlib
import errno
import os
import random
import select
import socket
import sys
import time
from array import array
from collections import deque
from pathlib import Path
from typing import Final

import msgspec

_REST: Final = 0.001
"""Seconds it sleeps at least: what is due meanwhile is sent at once, and late."""
_CROWDED_REST: Final = 0.004
"""The same where several come due in it, and answers are not looked at before."""
_PATIENCE: Final = 12.0
"""Seconds after the last request is due until whatever has no answer counts as lost."""
_AT_ONCE: Final = 32
"""Connections to begin with."""
_LENGTH: Final = b"content-length: "
_READ_BYTES: Final = 65_536


class Phase(msgspec.Struct, frozen=True):
    """`rate`: requests a second. With 0 as many `callers` as given ask as fast as answers come, or nobody."""

    seconds: float
    rate: float = 0.0
    callers: int = 0


class Plan(msgspec.Struct, frozen=True):
    """`requests`: whole HTTP requests, in latin-1; one is picked each time. `start`: of `time.time()`.

    `processors`: the numbers of those it may use, none for all. `by_turns`: all connections are open from the
    start, and whichever rests for longest asks next; otherwise the latest.
    """

    port: int
    requests: list[str]
    phases: list[Phase]
    connections: int
    start: float
    processors: list[int]
    by_turns: bool


class Result(msgspec.Struct, frozen=True):
    """Of each request: `due`, `took` in seconds, `status` (0: none came). `late`: the generator, at most."""

    due: list[float]
    took: list[float]
    status: list[int]
    late: float


class Connection:
    """One request at a time, kept alive. `due`: when it was, where one waits for its answer."""

    def __init__(self, port: int) -> None:
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.connect_ex(("127.0.0.1", port))
        self.is_open = False
        self.due = 0.0
        self._held = b""

    def ask(self, request: bytes, due: float) -> None:
        self.due = due
        if self.socket.send(request) < len(request):
            raise BlockingIOError(errno.EAGAIN, "a request that does not fit into a socket's buffer")

    def read(self) -> int:
        """The status of an answer that is whole by now, 0 before.

        Raise `OSError` when none can come, `ValueError` for what is none.
        """
        data = self.socket.recv(_READ_BYTES)
        if not data or not self.due:
            # it was closed, or says something that nobody asked for
            raise ConnectionResetError
        held = self._held + data if self._held else data
        end = held.find(b"\r\n\r\n")
        at = held.find(_LENGTH, 0, end) + len(_LENGTH)
        if end < 0 or len(held) < end + 4 + int(held[at : held.find(b"\r", at)]):
            self._held = held
            return 0
        self._held = b""
        return int(held[9:12])


class Caller:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._requests = [text.encode("latin-1") for text in plan.requests]
        self._poll = select.epoll()
        self._all: dict[int, Connection] = {}
        self._idle: deque[Connection] = deque()
        self._opening = 0
        self._due: deque[float] = deque()
        self._began = 0.0
        self._endless_until = 0.0
        self._callers = 0
        self.due, self.took, self.status = array("d"), array("d"), array("H")
        self.late = 0.0

    def run(self) -> None:
        connections = self._plan.connections
        if not self._plan.by_turns:
            connections = min(connections, max([_AT_ONCE, *(phase.callers for phase in self._plan.phases)]))
        for _ in range(connections):
            self._open()
        while (wait := self._plan.start - time.time()) > 0.0:
            self._look(wait)
        self._began = at = time.monotonic()
        for phase in self._plan.phases:
            at += phase.seconds
            if phase.rate:
                self._paced(at - phase.seconds, at, phase.rate)
            else:
                self._as_fast_as_it_goes(at, phase.callers)
        self._endless_until = 0.0
        until = time.monotonic() + _PATIENCE
        while (self._due or self._waiting) and time.monotonic() < until:
            self._look(0.01)
        for connection in self._all.values():
            if connection.due:
                self._note(connection.due, 0)
        for due in self._due:
            self._note(due, 0)

    def _paced(self, due: float, until: float, rate: float) -> None:
        """At random moments: what happens on many clients knows nothing of each other."""
        is_crowded = rate * _CROWDED_REST >= 1.0
        while due < until:
            now = time.monotonic()
            while due <= now and due < until:
                self.late = max(self.late, now - due)
                self._send(due)
                due += random.expovariate(rate)
            if is_crowded:
                self._rest(_CROWDED_REST)
            else:
                self._look(max(min(due, until) - time.monotonic(), _REST))

    def _as_fast_as_it_goes(self, until: float, callers: int) -> None:
        self._endless_until, self._callers = until, callers
        # whoever waits for an answer of the phase before is one of them
        for _ in range(min(callers - self._waiting, len(self._idle))):
            self._send(time.monotonic())
        while (wait := until - time.monotonic()) > 0.0:
            if callers:
                self._rest(_REST)
            else:
                self._look(wait)

    @property
    def _waiting(self) -> int:
        """How many connections wait for an answer."""
        return len(self._all) - len(self._idle) - self._opening

    def _rest(self, seconds: float) -> None:
        """Nothing is to wake it, so it awaits nothing: what has come by then is looked at together."""
        time.sleep(seconds)
        self._look(0.0)

    def _look(self, wait: float) -> None:
        """At what has come, or comes within so many seconds."""
        for number, _ in self._poll.poll(wait):
            connection = self._all[number]
            try:
                if not connection.is_open:
                    self._opened(connection)
                elif status := connection.read():
                    self._answered(connection, status)
            except (OSError, ValueError):
                self._lost(connection)

    def _open(self) -> None:
        # there may be no more sockets to have: others answer what is due
        with contextlib.suppress(OSError):
            connection = Connection(self._plan.port)
            self._all[connection.socket.fileno()] = connection
            self._opening += 1
            self._poll.register(connection.socket, select.EPOLLOUT)

    def _opened(self, connection: Connection) -> None:
        """Or not."""
        if error := connection.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(error, "not connected")
        connection.is_open = True
        self._opening -= 1
        self._poll.modify(connection.socket, select.EPOLLIN)
        self._goes_on(connection)

    def _answered(self, connection: Connection, status: int) -> None:
        self._note(connection.due, status)
        connection.due = 0.0
        self._goes_on(connection)

    def _goes_on(self, connection: Connection) -> None:
        """With what is due already, or with the next where there are callers; otherwise it rests."""
        if self._due:
            self._ask(connection, self._due.popleft())
        elif self._waiting <= self._callers and (now := time.monotonic()) < self._endless_until:
            self._idle.append(connection)
            self._send(now)
        else:
            self._idle.append(connection)

    def _lost(self, connection: Connection) -> None:
        self._opening -= not connection.is_open
        del self._all[connection.socket.fileno()]
        connection.socket.close()
        if connection in self._idle:
            self._idle.remove(connection)
        if connection.due:
            self._note(connection.due, 0)

    def _send(self, due: float) -> None:
        if self._idle:
            connection = self._idle.popleft() if self._plan.by_turns else self._idle.pop()
            try:
                self._ask(connection, due)
            except OSError:
                self._lost(connection)
            return
        self._due.append(due)
        if len(self._all) < self._plan.connections:
            self._open()

    def _ask(self, connection: Connection, due: float) -> None:
        connection.ask(random.choice(self._requests), due)  # noqa: S311 - no secret

    def _note(self, due: float, status: int) -> None:
        self.due.append(due - self._began)
        self.took.append(time.monotonic() - due)
        self.status.append(status)


def main() -> None:
    plan = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Plan)
    if plan.processors:
        os.sched_setaffinity(0, plan.processors)
    caller = Caller(plan)
    caller.run()
    result = Result(list(caller.due), list(caller.took), list(caller.status), caller.late)
    Path(sys.argv[2]).write_bytes(msgspec.json.encode(result))


if __name__ == "__main__":
    main()
