"""How many requests are under way at once in this process, and who waits for a place.

While there is room, a request takes a place and gives it back: a few comparisons. When there is none it
waits in its organization's line, which is short, or is refused at once: what would wait for longer than
people do had better not be begun. Requests on other processes are not known here; each has its own share of
the load.

Who waits for a shard that is late with its answer keeps no processor busy, and gives the place back
meanwhile: however many shards hang or are slow at once, an eighth of the places is left to others. While
somebody waits the storage is asked how many these are.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final, Protocol
from uuid import UUID
from weakref import WeakValueDictionary

from harka import clock
from harka.errors import DeadlineExceededError, OverloadedError
from harka.repositories.organization import Organization
from harka.tenancy.concurrency import LEAST, Concurrency
from harka.tenancy.line import Bay, Database, Flow, Line, Rank, Waiting

_SHARE: Final = 7 / 8
"""Of all places, for one organization, and for all of one shard, or database: whatever hangs, others pass."""
_LONGEST: Final = 10
"""Times `patience`: who waited that long is refused. It comes to that when what is under way hangs."""
_LATE: Final = 4
"""Times `patience`: a shard that takes longer to answer is late."""
_LOOK: Final = 2
"""The same, between two looks at that."""
_PERIOD: Final = 0.005
"""Seconds at least between two looks at who has waited for too long: how late an end may come."""
_NEWEST: Final = 0.125
"""How much the latest request says of what the next one takes."""
_CROWD: Final = 3
"""Times the room in all lines: how many organizations, each of which may wait for one place, may do so."""
_TELLERS: Final = LEAST // 2
"""Of one organization at a time."""
_ENDLESS: Final = 1 << 31
"""Requests: room where nobody waits."""
_FLOWS: Final = 1024
"""Of idle organizations, before they are forgotten: at the most these, or as many as have requests."""


_Error = type[DeadlineExceededError | OverloadedError]
_End = tuple[float, _Error, Flow, Rank]
"""When who waits is told to wait no longer (monotonic seconds), by which error, and where they stand."""


class Storage(Protocol):
    """The part of `storage.databases.Databases` that is asked."""

    def same(self, name: str) -> str: ...
    def late(self, name: str, seconds: float) -> Mapping[str, int]: ...


class Gate:
    def __init__(self, *, most: int, patience: float, storage: Storage | None = None) -> None:
        """`most`: requests under way, whatever is measured; late ones as many again, and a few per shard.

        `patience`: seconds one may expect to wait. `storage`: what knows how many are late.
        """
        self._patience = patience
        self._most = most
        self._storage = storage
        self._late_after = _LATE * patience
        self._all_late = 0
        self._late: list[Bay] = []
        self._next_look: asyncio.TimerHandle | None = None
        self._turn: asyncio.Handle | None = None
        self._ends: dict[Waiting, _End] = {}
        self._next_end = math.inf
        self._ending: asyncio.TimerHandle | None = None
        self._concurrency = Concurrency(most, self._changed)
        self._flows: dict[UUID, Flow] = {}
        self._tellers: WeakValueDictionary[UUID, asyncio.Semaphore] = WeakValueDictionary()
        self._databases: dict[str, Database] = {}
        # by database and schema
        self._bays: dict[tuple[str, str], Bay] = {}
        self._line = Line()
        self._sweep_at = _FLOWS
        self.under_way = 0
        self.waiting = 0
        self._changed()

    @property
    def limit(self) -> int:
        return self._limit

    def state(self) -> Mapping[str, float]:
        """For a gauge."""
        return {
            "limit": self._limit,
            "under_way": self.under_way,
            "waiting": self.waiting,
            "late": self._all_late,
        }

    def flow(self, organization: Organization) -> Flow:
        """What is known of an organization's requests here."""
        flow = self._flows.get(organization.id)
        if flow is None or flow.organization is not organization:
            return self._renewed(flow, organization)
        return flow

    def enter(self, flow: Flow) -> bool:
        """Take a place, which is to be given back with `leave`, if there is one and nobody waits for it."""
        bay = flow.bay
        if (
            self.under_way >= self._limit
            or flow.held >= self._most_of_one
            or bay.held >= self._most_of_bay
            or bay.database.under_way >= self._most_of_database
            or flow.waiting
            or (bay.is_late and bay.held >= self._most_of_late())
        ):
            return False
        self.under_way += 1
        flow.held += 1
        bay.held += 1
        bay.database.under_way += 1
        if self.under_way > self._busy:
            self._concurrency.press(clock.monotonic())
        return True

    def leave(self, flow: Flow, began: float) -> None:
        """Give a place back that was held since `began` (monotonic seconds)."""
        # written out, not called: nearly every request comes by here
        now, under_way, cost, bay = clock.monotonic(), self.under_way, flow.cost, flow.bay
        seconds = now - began
        self.under_way = under_way - 1
        flow.held -= 1
        bay.held -= 1
        bay.database.under_way -= 1
        if flow.is_in_line:
            flow.debt += seconds - cost
        flow.cost = cost + _NEWEST * (seconds - cost) if cost else seconds
        if seconds <= self._late_after:
            bay.answers = True
        if bay.late and (seconds > self._late_after or bay.late > bay.held):
            # it had given its place back already
            bay.late -= 1
            self._all_late -= 1
            self.under_way = under_way
            bay.database.under_way += 1
        if self._concurrency.watches:
            self._concurrency.record(seconds, under_way, now)
        if self.waiting:
            self._admit(now)

    def give_back(self, flow: Flow, began: float, *, was_in_line: bool) -> None:
        """Like `leave`, of who did not come to what is behind the gate: it says nothing of its speed."""
        now, bay = clock.monotonic(), flow.bay
        flow.held -= 1
        bay.held -= 1
        if bay.late > bay.held:
            # as in `leave`
            bay.late -= 1
            self._all_late -= 1
        else:
            self.under_way -= 1
            bay.database.under_way -= 1
        # only who was let in from the line has paid in advance
        if was_in_line:
            self._correct(flow, now - began - flow.cost)
        elif flow.is_in_line:
            flow.debt += now - began
        self._admit(now)

    @staticmethod
    def _correct(flow: Flow, seconds: float) -> None:
        """Of what one paid in advance who was let in: also the last of its organization, which has left."""
        if flow.is_in_line:
            flow.debt += seconds
        else:
            flow.clock += seconds / flow.weight
            flow.left += seconds / flow.weight

    def has_room(self, flow: Flow, rank: Rank) -> bool:
        """Whether the line of this organization is short enough for one more, or lines are few enough."""
        if not self.waiting:
            return True
        if not flow.waiting:
            organizations, _ = self._line.rivals(flow.bay)
            return organizations < _CROWD * self._room
        return self.room(flow, rank) > 0

    def room(self, flow: Flow, rank: Rank) -> int:
        """For how many more of this rank there is in line; where nobody waits, for more than there are."""
        if not flow.waiting:
            return _ENDLESS
        left = self._longest(flow) - flow.length(rank)
        return left if left > 0 else int(flow.is_first(rank) or flow.has_below(rank))

    def _show(self, flow: Flow) -> None:
        """Its line has changed."""
        for rank, sign in flow.signs.items():
            sign.show(self.room(flow, rank))

    def is_crowded(self) -> bool:
        """Whether somebody else was let in in this turn of the loop, and begins in it.

        Then one begins in the next, holding the place. What is done without waiting for anything would be
        over before the next one asks for a place: the loop would be the queue, and the gate never see it.
        """
        if self._turn is not None:
            return True
        self._turn = asyncio.get_running_loop().call_soon(self._end_turn)
        return False

    def _end_turn(self) -> None:
        self._turn = None

    async def wait(self, flow: Flow, rank: Rank, deadline: float, *, begun: bool = False) -> float:
        """Take a place when it is one's turn, for whom `enter` had none. The moment since when it is held.

        `deadline`, and what is answered: monotonic seconds. `begun`: see `line_up`. Raise `OverloadedError`
        when the line is too long, or somebody of a higher rank needs the place in it;
        `DeadlineExceededError` when the deadline passes.
        """
        one: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.line_up(one, flow, rank, deadline, begun=begun)
        # since `enter` a place may have been given back, when nobody waited: another `leave` need never come
        self._admit(clock.monotonic())
        try:
            return await one
        except BaseException:
            if one in self._ends:
                self.withdraw(one)
            elif not one.cancelled() and one.exception() is None:
                # let in at the very moment of giving up
                self.give_back(flow, clock.monotonic(), was_in_line=True)
            raise

    @asynccontextmanager
    async def passing(
        self, organization: Organization, rank: Rank, deadline: float, *, begun: bool = False
    ) -> AsyncIterator[None]:
        """A place while the block runs; raise like `wait`."""
        flow = self.flow(organization)
        enters = self.enter(flow)
        began = clock.monotonic() if enters else await self.wait(flow, rank, deadline, begun=begun)
        try:
            if enters and self.is_crowded():
                await asyncio.sleep(0)
            yield
        finally:
            self.leave(flow, began)

    async def take_turn(self, organization: Organization, rank: Rank, deadline: float) -> None:
        """Wait for a turn with which nothing is done yet: they have `begun` then. Raise like `wait`."""
        flow = self.flow(organization)
        enters = self.enter(flow)
        if not enters:
            await self.wait(flow, rank, deadline)
        try:
            if enters and self.is_crowded():
                await asyncio.sleep(0)
        finally:
            self.give_back(flow, clock.monotonic(), was_in_line=not enters)

    def tellers(self, organization: Organization) -> asyncio.Semaphore:
        """Who tells its events to those who listen: a few at a time, be there thousands.

        They wait here and not in line, where nobody new would find room behind them.
        """
        found = self._tellers.get(organization.id)
        if found is None:
            found = self._tellers[organization.id] = asyncio.Semaphore(_TELLERS)
        return found

    def line_up(self, one: Waiting, flow: Flow, rank: Rank, deadline: float, *, begun: bool = False) -> None:
        """Have `one` wait, for whom `enter` has just had no place: it is told what comes of that, once.

        `deadline`: monotonic seconds. `begun`: with what was let in before, of which something would be lost.
        It finds room in any line, is the first of its rank, and waits until its deadline. So whoever is new,
        and of no higher rank, finds less room: at the door, where a refusal costs nothing.
        Raise `OverloadedError`, and tell the errors, that `wait` raises.
        """
        if not begun:
            self._make_room(flow, rank)
        now = clock.monotonic()
        self._concurrency.press(now)
        flow.join(one, rank, begun=begun)
        self._line.enter(flow)
        self.waiting += 1
        latest = math.inf if begun else now + _LONGEST * self._patience
        if deadline <= latest:
            self._ends[one] = deadline, DeadlineExceededError, flow, rank
        else:
            self._ends[one] = latest, OverloadedError, flow, rank
        self._end_by(min(deadline, latest), now)
        if flow.signs:
            self._show(flow)
        if self._next_look is None:
            self._look_later()

    def _make_room(self, flow: Flow, rank: Rank) -> None:
        """Raise `OverloadedError` where there is none; the last of a lower rank is pushed out.

        The first of a rank finds room in any line that its organization has.
        """
        if not flow.waiting:
            if not self.has_room(flow, rank):
                raise OverloadedError
        elif flow.length(rank) >= self._longest(flow):
            if not flow.has_below(rank):
                if flow.is_first(rank):
                    return
                raise OverloadedError
            last = flow.last_below(rank)
            self.waiting -= 1
            del self._ends[last]
            _give_up(last, OverloadedError)

    def withdraw(self, one: Waiting) -> None:
        """One waits no longer, who is told nothing."""
        _, _, flow, rank = self._ends.pop(one)
        flow.leave(one, rank)
        self.waiting -= 1
        if not flow.waiting:
            self._line.leave(flow)
        if flow.signs:
            self._show(flow)

    def _end_by(self, moment: float, now: float) -> None:
        """One timer for all who wait, for the earliest: one for each is half of what waiting costs (0031)."""
        if moment < self._next_end:
            if self._ending is not None:
                self._ending.cancel()
            seconds = max(moment - now, 0.0)
            self._next_end, self._ending = moment, asyncio.get_running_loop().call_later(seconds, self._end)

    def _end(self) -> None:
        now = clock.monotonic()
        self._next_end, self._ending = math.inf, None
        over = [(one, error) for one, (end, error, _, _) in self._ends.items() if end <= now]
        for one, error in over:
            self.withdraw(one)
            _give_up(one, error)
        if self._ends:
            earliest = min(end for end, _, _, _ in self._ends.values())
            self._end_by(max(earliest, now + _PERIOD), now)

    def _longest(self, flow: Flow) -> int:
        """How many of this organization may wait: what its share of the rate comes to in the time."""
        room, changes = self._room, self._line.changes
        if flow.longest_at != changes or flow.longest_of != room:
            _, weight = self._line.rivals(flow.bay)
            all_of_them = weight if flow.is_in_line else weight + flow.weight
            flow.longest = max(int(room * flow.weight / all_of_them), 1)
            flow.longest_at, flow.longest_of = changes, room
        return flow.longest

    def _admit(self, now: float) -> None:
        while self.under_way < self._limit:
            most_of_late = self._most_of_late() if self._late else 0
            found = self._line.next(
                self._most_of_one, self._most_of_bay, most_of_late, self._most_of_database
            )
            if found is None:
                return
            flow, one = found
            self.waiting -= 1
            if flow.signs:
                self._show(flow)
            end, error, _, _ = self._ends.pop(one)
            if end <= now or one.done():
                # nobody has looked at that yet, or it is cancelled: that was no turn of theirs
                self._correct(flow, -flow.cost)
                _give_up(one, error)
            else:
                self.under_way += 1
                flow.held += 1
                flow.bay.held += 1
                flow.bay.database.under_way += 1
                one.set_result(now)

    def _most_of_late(self) -> int:
        """Of all places, for one shard that is late.

        Together they hold what one may. Where as many are late as may be under way it is a few for each: one
        that answers again can show it.
        """
        if sum(bay.held - bay.late for bay in self._late) >= self._most_of_one:
            return 0
        return self._few if self._all_late >= self._limit else self._most_of_bay

    def _look_later(self) -> None:
        # with one shard nobody else could use the places
        if self._storage is not None and len(self._bays) > 1:
            self._next_look = asyncio.get_running_loop().call_later(
                _LOOK * self._patience, self._look, self._storage
            )

    def _look(self, storage: Storage) -> None:
        """Who waits for a shard that is late holds no place; who does no more, holds one again."""
        self._next_look = None
        under_way = self.under_way + self._all_late
        late = {name: storage.late(name, self._late_after) for name in self._databases}
        for database in self._databases.values():
            database.under_way = 0
        for (name, schema), bay in self._bays.items():
            bay.late = min(late[name].get(schema, 0), bay.held)
            bay.is_late = bay.late > self._few or (bay.is_late and not bay.answers)
            bay.answers = False
            bay.database.under_way += bay.held - bay.late
        self._late = [bay for bay in self._bays.values() if bay.is_late]
        self._line.look()
        self._all_late = sum(bay.late for bay in self._bays.values())
        self.under_way = under_way - self._all_late
        self._concurrency.hold(is_held=self._all_late > self._few)
        self._changed()
        self._admit(clock.monotonic())
        if self.waiting or self._all_late:
            self._look_later()

    def _changed(self) -> None:
        """There is a new limit, or others are late."""
        self._limit, self._busy = self._concurrency.limit, self._concurrency.busy
        rate = self._concurrency.rate
        self._room = max(int(rate * self._patience), LEAST) if rate else self._concurrency.steady
        self._most_of_one = max(int(self._limit * _SHARE), 1)
        self._few = max(self._limit - self._most_of_one, 1)
        self._most_of_database = self._most_of_one if len(self._databases) > 1 else self._limit
        if self._all_late >= self._most:
            # or one shard after the other would come to be late with all that it may hold
            self._most_of_bay = self._few
        else:
            self._most_of_bay = self._most_of_one if len(self._bays) > 1 else self._limit

    def _renewed(self, flow: Flow | None, organization: Organization) -> Flow:
        """A flow by what the catalog says now. One with requests is kept: its places are counted in it."""
        if flow is not None and (flow.held or flow.is_in_line):
            if flow.organization.location == organization.location:
                self._line.update(flow, organization)
            return flow
        if len(self._flows) >= self._sweep_at:
            self._forget_idle()
        bay = self._bay(organization)
        made = self._flows[organization.id] = Flow(organization, bay)
        if flow is not None:
            made.clock, made.left, made.cost = flow.left - bay.lead, flow.left, flow.cost
        return made

    def _bay(self, organization: Organization) -> Bay:
        """That of where it lives."""
        name, schema = organization.database, organization.schema
        if self._storage is not None:
            name = self._storage.same(name)
        bay = self._bays.get((name, schema))
        if bay is None:
            database = self._databases.setdefault(name, Database())
            bay = self._bays[name, schema] = Bay(database)
            self._changed()
        return bay

    def _forget_idle(self) -> None:
        self._flows = {key: flow for key, flow in self._flows.items() if flow.held or flow.is_in_line}
        used = {flow.bay for flow in self._flows.values()}
        self._bays = {key: bay for key, bay in self._bays.items() if bay in used or bay.is_late}
        self._databases = {name: bay.database for (name, _), bay in self._bays.items()}
        self._sweep_at = max(_FLOWS, 2 * len(self._flows))


def _give_up(one: Waiting, error: _Error) -> None:
    if not one.done():
        one.set_exception(error())
