"""Requests that are refused because there are too many: nearly free, or refusing would be the overload.

A plain `POST /graphql` that came whole is looked at before anything is made for it: no task, no scope, no
line in the log. Whose it is says the catalog's snapshot, as for every request; its body is not read.
Everything else is refused further in, by the tenant door.

In each turn of the event loop only so many are refused: those that were let in come first.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from typing import Final
from uuid import UUID

from harka import logs
from harka.errors import OverloadedError
from harka.metrics import OTHER
from harka.runtime import Runtime
from harka.tenancy.line import Flow
from harka.web.callers import Caller, Callers

log = logs.logger("web")

REFUSALS: Final = "harka.refusals"
"""Where the protocol finds them: in the state that an application hands its server at the start."""
_EVERY: Final = 1.0
"""Seconds between two lines in the log."""
_NAMED: Final = 5
_IN_A_TURN: Final = 32


class Refusals:
    def __init__(self, runtime: Runtime) -> None:
        self.callers = Callers(runtime)
        self._gate, self._metrics = runtime.gate, runtime.metrics
        self._untold: Counter[UUID] = Counter()
        self._left = _IN_A_TURN
        self._later: deque[Callable[[], None]] = deque()
        # let through in this turn, and not yet at the gate: a task begins in the next one
        self._coming: dict[Flow, int] = {}
        self._next_turn: asyncio.Handle | None = None

    @property
    def are_due(self) -> bool:
        """Whether anybody could be refused now."""
        return self._gate.waiting > 0

    def refuses(self, caller: Caller) -> bool:
        """Whether there is no room for one more request of theirs; otherwise it is expected at the gate."""
        flow = self._gate.flow(caller.organization)
        coming = self._coming.get(flow, 0)
        if not self._gate.has_room(flow, caller.rank, coming):
            return True
        self._coming[flow] = coming + 1
        self._await_turn()
        return False

    def may_go_on(self) -> bool:
        """Whether one more may be refused in this turn of the loop; otherwise hand that to `later`."""
        self._await_turn()
        self._left -= 1
        return self._left >= 0

    def later(self, refuse: Callable[[], None]) -> None:
        """In one of the next turns, in order."""
        self._later.append(refuse)

    def answer(self, caller: Caller) -> bytes:
        """See `Caller.refusal`; it is counted."""
        self._note(caller.organization.id)
        return caller.refusal()

    def _await_turn(self) -> None:
        if self._next_turn is None:
            self._next_turn = asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        held = min(len(self._later), _IN_A_TURN)
        self._left, self._next_turn = _IN_A_TURN - held, None
        self._coming.clear()
        for _ in range(held):
            self._later.popleft()()
        if self._later:
            self._await_turn()

    def _note(self, tenant: UUID) -> None:
        """Count it at once, and tell of it within a second, with all others."""
        self._metrics.observe_request(
            tenant=tenant, operation=OTHER, route="graphql", status=OverloadedError.status, seconds=0.0
        )
        if not self._untold:
            asyncio.get_running_loop().call_later(_EVERY, self._tell)
        self._untold[tenant] += 1

    def _tell(self) -> None:
        most = {str(tenant): number for tenant, number in self._untold.most_common(_NAMED)}
        log.warning("overloaded", refused=self._untold.total(), tenants=len(self._untold), most=most)
        self._untold.clear()
