"""The worker: claims jobs for its free slots, tenant after tenant in turns, woken by signals and a sweep."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final, Never
from uuid import UUID

import msgspec

from harka import logs
from harka.errors import HarkaError
from harka.learning.asking import Ask
from harka.metrics import JobOutcome
from harka.pubsub import PubSub
from harka.queue.claim import HEARTBEAT, LEASE
from harka.queue.enqueue import signal
from harka.queue.message import DELIVER_WEBHOOKS, JOBS_TOPIC, PLATFORM
from harka.repositories.job_run import Run
from harka.repositories.organization import Organization
from harka.runtime import Runtime
from harka.tenancy.entitlement import limits_for
from harka.worker import schedule
from harka.worker.alarm import Alarms
from harka.worker.dispatcher import Dispatcher
from harka.worker.execution import Claimed, Execution
from harka.worker.pulse import WorkerStoppingError
from harka.worker.registry import HANDLERS, Handler
from harka.worker.rotation import Rotation

SLOTS: Final = 16
"""Jobs at the same time in one process: they wait for the database more than they compute."""
SPARE_CONNECTIONS: Final = 6
"""Beside one for each slot: for claims, heartbeats, the schedule and the dispatcher."""
_TURN: Final = 4
"""Jobs in a turn of a tenant of weight 1: few enough to be fair soon, enough to be worth a claim."""
_TRUSTED_AFTER: Final = 5
"""Heartbeats that a job lives through which had lost its worker: then it may well be innocent of that."""
_LAST_WORDS: Final = 5.0
"""Seconds for giving back what was cut off when the worker stops."""
_UNREACHABLE_DELAY: Final = 2.0
_CAPPED_DELAYS: Final = (0.05, 1.0)
"""Seconds until a tenant is looked at again whose slots were all taken, perhaps by other workers: doubled."""

log = logs.logger("worker")


async def run(
    runtime: Runtime,
    *,
    stop: asyncio.Event,
    handlers: Mapping[str, Handler] = HANDLERS,
    period: float = schedule.PERIOD,
    slots: int = SLOTS,
    lease: float = LEASE,
    heartbeat: float = HEARTBEAT,
    ask: Ask | None = None,
) -> None:
    """Work until `stop` is set, then finish what has begun, for at most `settings.shutdown_grace` seconds.

    A job cut off after that is undone and given back, for other workers to begin at once. `period`: seconds
    between two visits of a tenant by the schedule. `lease`, `heartbeat`, `ask`: as of `Execution`.
    """
    execution = Execution(runtime, handlers=handlers, lease=lease, heartbeat=heartbeat, ask=ask)
    types = frozenset(type_ for type_, handler in handlers.items() if handler.long)
    desk = _Desk(runtime, execution, slots, long_types=types, trusted_after=_TRUSTED_AFTER * heartbeat)
    # what this worker cannot send it does not put in either
    dispatcher = Dispatcher(runtime) if DELIVER_WEBHOOKS in handlers else None

    def wake(tenant: UUID) -> None:
        desk.wake(tenant)
        if dispatcher is not None:
            dispatcher.wake(tenant)

    async with asyncio.TaskGroup() as group:
        beside = [
            group.create_task(_listen(runtime.pubsub, desk), name="signals"),
            group.create_task(schedule.run(runtime, wake, period=period), name="schedule"),
            group.create_task(execution.pulse.run(), name="pulse"),
            group.create_task(desk.serve(), name="desk"),
            *([group.create_task(dispatcher.run(), name="dispatcher")] if dispatcher is not None else []),
        ]
        await stop.wait()
        log.info("stopping")
        await desk.close(runtime.settings.shutdown_grace)
        for task in beside:
            task.cancel()


class _Desk:
    """Gives free slots to the jobs of whose turn it is.

    One claim at a time of each database: one that does not answer holds up its own tenants, and half of the
    slots for as long as it takes to notice. Jobs of the long types have half of the slots at the most: who
    waits for a short one, a letter or a webhook, waits for no other's hours.
    """

    def __init__(
        self,
        runtime: Runtime,
        execution: Execution,
        slots: int,
        *,
        long_types: frozenset[str],
        trusted_after: float,
    ) -> None:
        """`trusted_after`: seconds after which a job that had lost its worker is like any other."""
        self._runtime = runtime
        self._execution = execution
        self._slots = self._free = slots
        self._free_for_long = max(1, slots // 2)
        self._long_types = long_types
        self._trusted_after = trusted_after
        self._rotation = Rotation()
        self._alarms = Alarms(self.wake)
        self._claiming: set[str] = set()
        self._resting: set[str] = set()
        self._capped: dict[UUID, float] = {}
        self._suspects: set[UUID] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._closed = False

    def wake(self, tenant: UUID) -> None:
        """It may have work."""
        self._rotation.add(tenant)
        self._changed.set()

    async def serve(self) -> Never:
        """Until cancelled; begins nothing once closed."""
        while True:
            self._changed.clear()
            while self._free and not self._closed:
                tenant = self._rotation.take(self._is_ready)
                if tenant is None:
                    break
                self._serve(tenant)
            await self._changed.wait()

    async def close(self, grace: float) -> None:
        """Begin nothing more, and let what has begun end within `grace` seconds; give back the rest."""
        self._closed = True
        self._alarms.close()
        tenants, late = set[UUID](), set(self._tasks)
        if late:
            _, late = await asyncio.wait(late, timeout=grace)
        if late:
            log.warning("jobs cut off at shutdown", count=len(late))
            tenants = self._execution.pulse.stop(WorkerStoppingError())
            _, late = await asyncio.wait(late, timeout=_LAST_WORDS)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
        # what is left is for other workers, at once
        for tenant in tenants.union(self._rotation.waiting):
            await signal(self._runtime.pubsub, tenant)

    def _is_ready(self, tenant: UUID) -> bool:
        organization = self._runtime.directory.current.organization(tenant)
        return organization is None or not {organization.database} & (self._claiming | self._resting)

    def _serve(self, tenant: UUID) -> None:
        organization = self._runtime.directory.current.organization(tenant)
        if organization is None or organization.status != "active":
            self._rotation.settle(tenant, 0, more=False)
            return
        turn = _TURN * limits_for(organization).jobs_weight
        most = min(self._rotation.credit(tenant, turn), self._free, -(-self._slots // 2))
        # half of those, so that a claim of another database beside it finds some as well
        long = min(most, -(-self._free_for_long // 2))
        self._free -= most
        self._free_for_long -= long
        self._claiming.add(organization.database)
        self._begin(self._claim(organization, most, long))

    async def _claim(self, organization: Organization, most: int, long: int) -> None:
        tenant, claimed = organization.id, Claimed([], full=False)
        try:
            # one at a time: what a worker died of should take no others with it
            lost = 0 if self._suspects else 1
            claimed = await self._execution.claim(organization, most, lost=lost, long=long)
        except HarkaError as error:
            log.warning("queue not read", tenant=str(tenant), code=error.code)
            self._rest(organization.database)
            self._alarms.set(tenant, _UNREACHABLE_DELAY)
        finally:
            self._claiming.discard(organization.database)
            self._free += most - len(claimed.runs)
            self._free_for_long += long - sum(run.type in self._long_types for run in claimed.runs)
            self._rotation.settle(tenant, len(claimed.runs), more=claimed.full, capped=claimed.outlook.waits)
            self._changed.set()
        if self._closed:
            await asyncio.gather(*(self._execution.give_back(organization, run) for run in claimed.runs))
            return
        for run in claimed.runs:
            if run.was_lost:
                self._suspect(run.id)
            self._begin(self._run(organization, run))
        self._look_ahead(tenant, claimed)

    def _look_ahead(self, tenant: UUID, claimed: Claimed) -> None:
        """When to claim again what cannot be claimed now, unless something happens before."""
        seconds = claimed.outlook.seconds
        # a lease that has ended, too: of a job that is not given out beside another like it
        if claimed.outlook.waits or (seconds is not None and seconds <= 0):
            shortest, longest = _CAPPED_DELAYS
            before = 0.0 if claimed.runs else self._capped.get(tenant, 0.0)
            self._capped[tenant] = delay = min(longest, max(shortest, 2 * before))
            self._alarms.set(tenant, delay if seconds is None or seconds <= 0 else min(delay, seconds))
            return
        self._capped.pop(tenant, None)
        if seconds is not None:
            self._alarms.set(tenant, seconds)

    async def _run(self, organization: Organization, run: Run) -> None:
        outcome = None
        try:
            outcome = await self._execution.run(organization, run)
        finally:
            self._free += 1
            self._free_for_long += run.type in self._long_types
            self._suspects.discard(run.id)
            # one that is to be done again, too: when, the claim finds out
            if run.was_lost or outcome is JobOutcome.RETRY or organization.id in self._capped:
                self._rotation.add(organization.id)
            self._changed.set()

    def _suspect(self, job: UUID) -> None:
        """For a while, or until it ends. Other lost jobs have alarms of their own, and need not be told."""
        self._suspects.add(job)
        asyncio.get_running_loop().call_later(self._trusted_after, self._suspects.discard, job)

    def _rest(self, database: str) -> None:
        """Nobody asks a database that has not answered, for a while."""

        def over() -> None:
            self._resting.discard(database)
            self._changed.set()

        self._resting.add(database)
        asyncio.get_running_loop().call_later(_UNREACHABLE_DELAY, over)

    def _begin(self, what: Any) -> None:
        task = asyncio.create_task(what)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # a bug of ours: the job comes back when its lease runs out, and the worker goes on
            log.error("worker task failed", exc_info=error)


async def _listen(pubsub: PubSub, desk: _Desk) -> None:
    async with pubsub.subscribe(PLATFORM, JOBS_TOPIC) as events:
        async for event in events:
            # signals lost before a resync are made up for by the schedule's round
            if not event.resync:
                _hear(event.payload, desk)


def _hear(payload: Mapping[str, Any], desk: _Desk) -> None:
    try:
        signal_ = msgspec.convert(payload, _Signal)
    except msgspec.ValidationError:
        log.warning("unreadable signal")
        return
    desk.wake(signal_.tenant)


class _Signal(msgspec.Struct, frozen=True):
    tenant: UUID
