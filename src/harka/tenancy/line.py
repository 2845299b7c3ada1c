"""Who is next: start-time fair queueing (Goyal, Vin, Cheng, SIGCOMM 1996) between organizations.

What is shared out is the time for which places are held. Each organization has a clock of its own that goes
forward by what its requests take, divided by its weight; the one whose clock is behind comes next. Who cannot
be let in does not save up: who was away begins where the line is, and who holds all the places that it may
stays behind whoever is let in by one turn of theirs at the most, and by no more turns of its own than it may
hold places. A shard that holds all it may is put forward as a whole: its organizations keep their order.
"""

import enum
import heapq
import itertools
import math
from collections import deque
from typing import Final, Protocol

from harka.errors import HarkaError
from harka.repositories.organization import Organization
from harka.tenancy.entitlement import limits_for

_PARTNER_TURN: Final = 4
_BULK_TURN: Final = 16
_BRIEFEST: Final = 1e-6
"""Seconds: nobody is let in for nothing."""
_STALE: Final = 4
"""Times the shards in line: of so many places in it some are left, and are forgotten."""


class Waiting(Protocol):
    """One who waits for a place, and is told since when they hold it, or why they get none: a future is one.

    In monotonic seconds. `done`: told already, or cancelled.
    """

    def done(self) -> bool: ...
    def set_result(self, _result: float, /) -> None: ...
    def set_exception(self, _error: HarkaError, /) -> None: ...


class Sign(Protocol):
    """Shows how many more find room in a line."""

    def show(self, _room: int, /) -> None: ...


class Rank(enum.IntEnum):
    """Within an organization, who comes first. The others get every fourth and every sixteenth turn."""

    INTERACTIVE = 0
    PARTNER = 1
    BULK = 2


class Database:
    """`under_way`: requests that are, without those that are late."""

    __slots__ = ("under_way",)

    def __init__(self) -> None:
        self.under_way = 0


class Bay:
    """All that lives in one shard, a schema of a database. `held`: requests; `late`: of these, see `gate`.

    `is_late`: more than a few are, or were, and since then none has ended in time; `answers`: one has now.
    `flows`: those in line by their clocks, which the line's time is ahead of by `lead`; `weight`: of these.
    `place`: in line, by who comes next of them.
    """

    __slots__ = ("answers", "database", "flows", "held", "is_late", "late", "lead", "place", "weight")

    def __init__(self, database: Database | None = None) -> None:
        self.database = database or Database()
        self.held = self.late = 0
        self.is_late = self.answers = False
        self.lead = self.weight = 0.0
        self.flows: list[tuple[float, int, Flow]] = []
        self.place: tuple[float, int, Bay] | None = None


class Flow:
    """One organization's requests. `held`: places; `waiting`: requests; `cost`: seconds a request takes.

    `begun`: of those who wait, how many go on with what was let in before. `signs`: where the room in its
    line is shown, by rank. `longest`: how long its line may be where all have `longest_of` room, and who is
    in line has changed `longest_at` times.
    """

    __slots__ = (
        "_begun",
        "_lines",
        "_turn",
        "bay",
        "begun",
        "clock",
        "cost",
        "debt",
        "held",
        "is_in_line",
        "left",
        "longest",
        "longest_at",
        "longest_of",
        "organization",
        "signs",
        "waiting",
        "weight",
    )

    def __init__(self, organization: Organization, bay: Bay) -> None:
        self.bay = bay
        self.update(organization)
        self.held = self.waiting = self.begun = 0
        self.longest = self.longest_of = 0
        self.signs: dict[Rank, Sign] = {}
        self.cost = 0.0
        # what requests took beyond what the clock went forward by when they were let in
        self.debt = 0.0
        self.clock = 0.0
        # in the line's time: its clock, when the last of it was let in or gave up
        self.left = 0.0
        self.is_in_line = False
        # made when somebody waits: three empty ones are two kilobytes, and most organizations are idle
        self._lines: tuple[deque[Waiting], ...] = ()
        self._begun: tuple[deque[Waiting], ...] = ()
        self._turn = 0

    def update(self, organization: Organization) -> None:
        """By what the catalog says now; see `Line.update`."""
        self.organization = organization
        self.weight = weight_of(organization)
        self.longest_at = -1

    def join(self, one: Waiting, rank: Rank, *, begun: bool = False) -> None:
        if not self._lines:
            self._lines = tuple(deque() for _ in Rank)
        if begun and not self._begun:
            self._begun = tuple(deque() for _ in Rank)
        (self._begun if begun else self._lines)[rank].append(one)
        self.waiting += 1
        self.begun += begun

    def leave(self, one: Waiting, rank: Rank) -> None:
        """Take out who waits no longer."""
        self.waiting -= 1
        if self.begun and one in self._begun[rank]:
            self._begun[rank].remove(one)
            self.begun -= 1
        else:
            self._lines[rank].remove(one)

    def length(self, rank: Rank) -> int:
        """Of the line as those of a rank find it: without who waits below them and cannot be pushed out."""
        length = self.waiting - sum(map(bool, self._lines[rank + 1 :]))
        return length - sum(map(len, self._begun[rank + 1 :])) if self.begun else length

    def is_first(self, rank: Rank) -> bool:
        """Whether nobody of this rank waits."""
        return not (self._lines[rank] or (self.begun and self._begun[rank]))

    def has_below(self, rank: Rank) -> bool:
        """Whether somebody may be pushed out: nobody who has begun, nor the first of a rank.

        Or lower ranks would lose the turns that they get: whoever is pushed out in time gets none.
        """
        return any(len(line) > 1 for line in self._lines[rank + 1 :])

    def last_below(self, rank: Rank) -> Waiting:
        """Take out the last of the lowest rank of which somebody may be pushed out, which is below `rank`."""
        line = next(line for line in reversed(self._lines[rank + 1 :]) if len(line) > 1)
        self.waiting -= 1
        return line.pop()

    def next(self) -> Waiting:
        """Take out who comes next. Somebody waits."""
        self._turn += 1
        self.waiting -= 1
        lines = self._lines
        if self.begun:
            # in each rank what has begun is finished first
            lines = tuple(begun or new for begun, new in zip(self._begun, lines, strict=True))
        interactive, partner, bulk = lines
        if bulk and not self._turn % _BULK_TURN:
            line = bulk
        elif partner and not self._turn % _PARTNER_TURN:
            line = partner
        else:
            line = interactive or partner or bulk
        if self.begun and any(line is each for each in self._begun):
            self.begun -= 1
        return line.popleft()

    def rest(self) -> None:
        """Nobody waits any more."""
        self.is_in_line = False
        self._lines = self._begun = ()


class Line:
    """The organizations of which somebody waits. `changes`: how often these have, or what they share."""

    def __init__(self) -> None:
        self.changes = 0
        self._bays: dict[Bay, None] = {}
        # theirs, and some where they are no more
        self._places: list[tuple[float, int, Bay]] = []
        self._order = itertools.count()
        self._clock = 0.0
        self._count = 0
        self._weight = 0.0
        # of shards that are late
        self._late_count = 0
        self._late_weight = 0.0

    def update(self, flow: Flow, organization: Organization) -> None:
        """By what the catalog says now: who floods is always in line, and has a new weight all the same."""
        before = flow.weight
        flow.update(organization)
        if flow.is_in_line:
            self.changes += 1
            change = flow.weight - before
            self._weight += change
            flow.bay.weight += change
            if flow.bay.is_late:
                self._late_weight += change

    def rivals(self, bay: Bay) -> tuple[int, float]:
        """How many organizations are in line for the same places, and their weight.

        Those of shards that are late are in nobody's way but their neighbours'.
        """
        count, weight = self._count - self._late_count, self._weight - self._late_weight
        return (count + len(bay.flows), weight + bay.weight) if bay.is_late else (count, weight)

    def look(self) -> None:
        """Others are late than before."""
        self.changes += 1
        late = [bay for bay in self._bays if bay.is_late]
        self._late_count = sum(len(bay.flows) for bay in late)
        self._late_weight = sum(bay.weight for bay in late)

    def enter(self, flow: Flow) -> None:
        """Somebody of this organization begins to wait."""
        if not flow.is_in_line:
            self.changes += 1
            bay = flow.bay
            flow.is_in_line = True
            earliest = math.inf
            if bay.flows:
                # as early as who comes next of its neighbours, if these are behind
                earliest = bay.flows[0][0]
            else:
                # its shard may have been put forward since, and what it owes is owed to the line
                flow.clock = min(flow.clock, flow.left - bay.lead)
            flow.clock = max(flow.clock, min(self._clock - bay.lead, earliest))
            self._count += 1
            self._weight += flow.weight
            bay.weight += flow.weight
            if bay.is_late:
                self._late_count += 1
                self._late_weight += flow.weight
            self._bays[bay] = None
            self._push(flow)

    def leave(self, flow: Flow) -> None:
        """Nobody of this organization waits any more."""
        bay = flow.bay
        bay.flows = [each for each in bay.flows if each[2] is not flow]
        heapq.heapify(bay.flows)
        self._drop(flow)

    def next(
        self, most: int, most_of_bay: int, most_of_late: int, most_of_database: float = math.inf
    ) -> tuple[Flow, Waiting] | None:
        """Take out who comes next, where the organization holds fewer places than `most`.

        `most_of_bay`, `most_of_late`: the same for all of its shard, and for all of one that is late.
        """
        found, begins = None, math.inf
        full: list[Bay] = []
        aside: list[Flow] = []
        while found is None and self._places:
            place = heapq.heappop(self._places)
            bay = place[2]
            if bay.place is not place:
                continue
            bay.place = None
            if (
                bay.held >= (most_of_late if bay.is_late else most_of_bay)
                or bay.database.under_way >= most_of_database
            ):
                full.append(bay)
            elif bay.flows[0][2].held >= most:
                aside.append(heapq.heappop(bay.flows)[2])
                self._place(bay)
            else:
                found, begins = heapq.heappop(bay.flows)[2], place[0]
        if found is not None:
            # those full and aside that come later are not behind
            self._clock = max(self._clock, begins)
            turn = found.cost / found.weight
            for bay in full:
                head = bay.flows[0][2]
                to = begins - min(turn, most_of_bay * head.cost / head.weight)
                bay.lead = max(bay.lead, to - head.clock)
            for flow in aside:
                to = begins - min(turn, most * flow.cost / flow.weight)
                flow.clock = max(flow.clock, to - flow.bay.lead)
        for bay in full:
            self._place(bay)
        for flow in aside:
            self._push(flow)
        return None if found is None else (found, self._let_in(found))

    def _let_in(self, flow: Flow) -> Waiting:
        """One, which may be expected to take as long as those before."""
        one = flow.next()
        flow.clock += max(flow.cost + flow.debt, _BRIEFEST) / flow.weight
        flow.debt = 0.0
        if flow.waiting:
            self._push(flow)
        else:
            self._drop(flow)
        return one

    def _push(self, flow: Flow) -> None:
        heapq.heappush(flow.bay.flows, (flow.clock, next(self._order), flow))
        self._place(flow.bay)

    def _place(self, bay: Bay) -> None:
        """Where it stands, by who comes next there."""
        if not bay.flows:
            bay.place = None
            return
        clock, order, _ = bay.flows[0]
        start, place = clock + bay.lead, bay.place
        if place is None or place[0] != start or place[1] != order:
            bay.place = start, order, bay
            heapq.heappush(self._places, bay.place)
            if len(self._places) > _STALE * len(self._bays):
                self._places[:] = [each.place for each in self._bays if each.place is not None]
                heapq.heapify(self._places)

    def _drop(self, flow: Flow) -> None:
        self.changes += 1
        bay = flow.bay
        flow.rest()
        flow.left = flow.clock + bay.lead
        self._count -= 1
        self._weight -= flow.weight
        bay.weight -= flow.weight
        if bay.is_late:
            self._late_count -= 1
            self._late_weight -= flow.weight
        if not bay.flows:
            del self._bays[bay]
        self._place(bay)


def weight_of(organization: Organization) -> float:
    """The processor time that it bought is what places are shared out by."""
    return float(limits_for(organization).cpu_millicores)
