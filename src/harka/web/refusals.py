"""Requests that are refused because there are too many: nearly free, or refusing would be the overload.

A plain `POST /graphql` that came whole is looked at before anything is made for it: no task, no scope, no
line in the log. Whose it is says the catalog's snapshot, as for every request; its body is not read. Who
finds room in line waits like that, too (`turn`). Everything else is refused further in, by the tenant door.

In each turn of the event loop only so many are refused: those that were let in come first. The longer turns
take, the more come meanwhile, and the more are refused in one: refusals have a share of the time. Who was
refused once is refused by the doorman from then on, beside the loop (`doorway`).
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Final
from uuid import UUID

from harka import clock, logs
from harka.errors import OverloadedError
from harka.runtime import Runtime
from harka.tenancy.line import Flow
from harka.web.callers import Caller, Callers
from harka.web.doorway import Doorway, Guest, Seat
from harka.web.middleware.access_log import CLIENT_GONE, tell
from harka.web.middleware.request_scope import RequestRecord, RequestScope, new_request_id

log = logs.logger("web")

REFUSALS: Final = "harka.refusals"
"""Where the protocol finds them: in the state that an application hands its server at the start."""
_EVERY: Final = 1.0
"""Seconds between two lines in the log."""
_LOOK: Final = 0.05
"""The same, between two looks at what the doorman has done, and whether what he knows still holds."""
_NAMED: Final = 5
_IN_A_TURN: Final = 32
"""At least, however brief turns are."""
_IN_A_SECOND: Final = 16_000
"""About a third of a processor at 20 us each, the kernel's part included, as `perf` saw it on one machine."""
_LONGEST_TURN: Final = 0.02
"""Seconds: what more a turn took, and a rest without refusals, allow no more of them."""


class Refusals:
    def __init__(self, runtime: Runtime) -> None:
        self.callers, self.doorway = Callers(runtime), Doorway(runtime.gate)
        self.gate, self._metrics = runtime.gate, runtime.metrics
        self._left, self._turned_at = _IN_A_TURN, clock.monotonic()
        self._later: deque[Callable[[], None]] = deque()
        # for whom there was no room in this turn: they are told so at most one turn too long
        self._without_room: set[Caller] = set()
        self._next_turn: asyncio.Handle | None = None
        self._untold = Counter[UUID]()
        self._next_look: asyncio.TimerHandle | None = None

    def are_due(self) -> bool:
        """Whether anybody could be refused now: what is known of callers is up to date then."""
        if not self.gate.waiting:
            return False
        self._await_turn()
        return True

    def line_for(self, caller: Caller) -> Flow | None:
        """Where one more request of theirs may wait, while refusals `are_due`; None where is no room."""
        if caller in self._without_room:
            return None
        flow = self.gate.flow(caller.organization)
        if self.gate.has_room(flow, caller.rank):
            return flow
        self._without_room.add(caller)
        self.doorway.put_right(caller)
        return None

    def may_go_on(self) -> bool:
        """Whether one more may be refused in this turn of the loop; otherwise hand that to `later`."""
        self._await_turn()
        self._left -= 1
        return self._left >= 0

    def later(self, refuse: Callable[[], None]) -> None:
        """In one of the next turns, in order."""
        self._later.append(refuse)

    def answer(self, caller: Caller, lines: bytes) -> bytes:
        """See `Caller.refusal`; it is counted within a second, with all others."""
        self._count(caller.organization.id, 1)
        return caller.refusal(lines)

    def seat(self, guest: Guest, caller: Caller, head: bytes) -> Seat | None:
        """See `Doorway.seat`; what the doorman does there is counted like all else."""
        seat = self.doorway.seat(guest, caller, head)
        if self._next_look is None and self.doorway.is_watched:
            self._next_look = asyncio.get_running_loop().call_later(_LOOK, self._look)
        return seat

    def close(self) -> None:
        """The server stops."""
        self._count_others(self.doorway.close())
        if self._next_look is not None:
            self._next_look.cancel()
        if self._untold:
            self._tell()

    def leave(self, caller: Caller, since: float) -> None:
        """Theirs that came at `since` waited in line, and its client has gone: it is told like any other."""
        id_ = new_request_id() if caller.id is None else caller.id.decode("ascii")
        record = RequestRecord(tenant=caller.organization.id)
        request = RequestScope(id=id_, deadline=since + caller.within, trusted=False, record=record)
        seconds = clock.monotonic() - since
        tell(self._metrics, request, method="POST", route="graphql", status=CLIENT_GONE, seconds=seconds)

    def _await_turn(self) -> None:
        """Begin one, where none has begun, before anybody is refused in it."""
        if self._next_turn is None:
            self._next_turn = asyncio.get_running_loop().call_soon(self._turn)
            self._forget_outdated()

    def _forget_outdated(self) -> None:
        if self.callers.forget_outdated():
            self._count_others(self.doorway.forget())

    def _look(self) -> None:
        self._next_look = None
        self._count_others(self.doorway.refused())
        self._forget_outdated()
        if self.doorway.is_watched:
            self.doorway.tell_lines()
            self._next_look = asyncio.get_running_loop().call_later(_LOOK, self._look)

    def _count_others(self, refused: Iterable[tuple[UUID, int]]) -> None:
        """By the doorman."""
        for tenant, number in refused:
            self._count(tenant, number)

    def _count(self, tenant: UUID, number: int) -> None:
        if not self._untold:
            asyncio.get_running_loop().call_later(_EVERY, self._tell)
        self._untold[tenant] += number

    def _turn(self) -> None:
        now = clock.monotonic()
        took, self._turned_at = min(now - self._turned_at, _LONGEST_TURN), now
        most = max(int(took * _IN_A_SECOND), _IN_A_TURN)
        held = min(len(self._later), most)
        self._left, self._next_turn = most - held, None
        self._without_room.clear()
        if len(self._later) > held:
            self._await_turn()
        for _ in range(held):
            self._later.popleft()()
        # what came while they were held was asked for just now, and others leave before the next reads
        self._without_room.clear()

    def _tell(self) -> None:
        untold, self._untold = self._untold, Counter[UUID]()
        if not untold:
            # told when the server stopped
            return
        for tenant, number in untold.items():
            self._metrics.observe_refusals(tenant, number, route="graphql", status=OverloadedError.status)
        most = {str(tenant): number for tenant, number in untold.most_common(_NAMED)}
        log.warning("overloaded", refused=untold.total(), tenants=len(untold), most=most)
