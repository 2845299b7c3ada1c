"""Who is next: start-time fair queueing (Goyal, Vin, Cheng, SIGCOMM 1996) between organizations.

What is shared out is the time for which places are held. Each organization has a clock of its own that goes
forward by what its requests take, divided by its weight; the one whose clock is behind comes next. Who was
away does not save up: a clock is never behind that of the line.
"""

import asyncio
import enum
import heapq
import itertools
from collections import deque
from typing import Final

from harka.repositories.organization import Organization
from harka.tenancy.entitlement import limits_for

_PARTNER_TURN: Final = 4
_BULK_TURN: Final = 16
_BRIEFEST: Final = 1e-6
"""Seconds: nobody is let in for nothing."""

Waiting = asyncio.Future[None]
"""One who waits for a place; done when they have it, or with why they do not get one."""


class Rank(enum.IntEnum):
    """Within an organization, who comes first. The others get every fourth and every sixteenth turn."""

    INTERACTIVE = 0
    PARTNER = 1
    BULK = 2


class Bay:
    """All that lives in one database. `held`: places."""

    __slots__ = ("held",)

    def __init__(self) -> None:
        self.held = 0


class Flow:
    """One organization's requests. `held`: places; `waiting`: requests; `cost`: seconds a request takes."""

    __slots__ = (
        "_lines",
        "_turn",
        "bay",
        "clock",
        "cost",
        "debt",
        "held",
        "is_in_line",
        "organization",
        "waiting",
        "weight",
    )

    def __init__(self, organization: Organization, bay: Bay) -> None:
        self.bay = bay
        self.update(organization)
        self.held = self.waiting = 0
        self.cost = 0.0
        # what requests took beyond what the clock went forward by when they were let in
        self.debt = 0.0
        self.clock = 0.0
        self.is_in_line = False
        # made when somebody waits: three empty ones are two kilobytes, and most organizations are idle
        self._lines: tuple[deque[Waiting], ...] = ()
        self._turn = 0

    def update(self, organization: Organization) -> None:
        """By what the catalog says now. It is not in line."""
        self.organization = organization
        self.weight = weight_of(organization)

    def join(self, one: Waiting, rank: Rank) -> None:
        if not self._lines:
            self._lines = tuple(deque() for _ in Rank)
        self._lines[rank].append(one)
        self.waiting += 1

    def leave(self, one: Waiting, rank: Rank) -> None:
        """Take out who waits no longer, if they still do."""
        if self._lines and one in self._lines[rank]:
            self._lines[rank].remove(one)
            self.waiting -= 1

    def has_below(self, rank: Rank) -> bool:
        return any(self._lines[rank + 1 :])

    def last_below(self, rank: Rank) -> Waiting:
        """Take out the last of the lowest rank, which is below `rank`."""
        line = next(filter(None, reversed(self._lines[rank + 1 :])))
        self.waiting -= 1
        return line.pop()

    def next(self) -> Waiting:
        """Take out who comes next. Somebody waits."""
        self._turn += 1
        self.waiting -= 1
        interactive, partner, bulk = self._lines
        if bulk and not self._turn % _BULK_TURN:
            return bulk.popleft()
        if partner and not self._turn % _PARTNER_TURN:
            return partner.popleft()
        return (interactive or partner or bulk).popleft()

    def rest(self) -> None:
        """Nobody waits any more."""
        self.is_in_line = False
        self._lines = ()


class Line:
    """The organizations of which somebody waits. `weight`: of all of them."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Flow]] = []
        self._order = itertools.count()
        self._clock = 0.0
        self.weight = 0.0

    def __len__(self) -> int:
        """Organizations."""
        return len(self._heap)

    def enter(self, flow: Flow) -> None:
        """Somebody of this organization begins to wait."""
        if not flow.is_in_line:
            flow.is_in_line = True
            flow.clock = max(flow.clock, self._clock)
            self.weight += flow.weight
            self._push(flow)

    def next(self, most: int, most_of_bay: int) -> tuple[Flow, Waiting] | None:
        """Take out who comes next, where the organization holds fewer places than `most`.

        `most_of_bay`: the same for all of its database.
        """
        passed: list[tuple[float, int, Flow]] = []
        found = None
        while self._heap and found is None:
            entry = heapq.heappop(self._heap)
            flow = entry[2]
            if not flow.waiting:
                self._drop(flow)
            elif flow.held >= most or flow.bay.held >= most_of_bay:
                passed.append(entry)
            else:
                found = flow
        for entry in passed:
            heapq.heappush(self._heap, entry)
        if found is None:
            return None
        one = found.next()
        self._forward(found)
        return found, one

    def _forward(self, flow: Flow) -> None:
        """One is let in, which may be expected to take as long as those before."""
        self._clock = max(self._clock, flow.clock)
        flow.clock += max(flow.cost + flow.debt, _BRIEFEST) / flow.weight
        flow.debt = 0.0
        if flow.waiting:
            self._push(flow)
        else:
            self._drop(flow)

    def _push(self, flow: Flow) -> None:
        heapq.heappush(self._heap, (flow.clock, next(self._order), flow))

    def _drop(self, flow: Flow) -> None:
        flow.rest()
        self.weight -= flow.weight


def weight_of(organization: Organization) -> float:
    """The processor time that it bought is what places are shared out by."""
    return float(limits_for(organization).cpu_millicores)
