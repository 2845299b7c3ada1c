"""Events become deliveries, and deliveries that are due jobs: looked after in every worker, lost in none.

Where an endpoint has read to, what is to be sent and the jobs are in the tenant's database, moved on in one
transaction. What wakes a dispatcher is haste alone: the schedule wakes it for every tenant once a period.
"""

import asyncio
from collections import defaultdict
from typing import Final
from uuid import UUID

import msgspec

from harka import logs
from harka.codec import json_bytes
from harka.errors import HarkaError
from harka.ids import new_id
from harka.learning.webhook_endpoint import SECONDS_TRIED
from harka.queue.enqueue import enqueue_many, signal
from harka.queue.message import DELIVER_WEBHOOKS, FIGURES_TOPIC, PLATFORM, WEBHOOKS_TOPIC
from harka.repositories import webhook_delivery as deliveries
from harka.repositories import webhook_endpoint as endpoints
from harka.repositories.job import NewJob
from harka.repositories.organization import Organization
from harka.runtime import Runtime
from harka.storage.session import open_session
from harka.tenancy.entitlement import features_for
from harka.worker.alarm import Alarms

MOST_EVENTS: Final = 500
"""Of each endpoint, in one look."""
MOST_WAITING: Final = 5_000
"""Deliveries of an endpoint; the events after these wait in the stream."""
_TIMEOUT: Final = 5.0
_UNREACHABLE_DELAY: Final = 2.0
_UNSETTLED_DELAY: Final = 0.25
_BUSY_DELAY: Final = 1.0
"""Seconds until it is looked at again whose job was begun, perhaps before it could see all."""
_AT_ONCE: Final = 2
"""Tenants of one database."""

log = logs.logger("webhooks")


class Look(msgspec.Struct, frozen=True):
    """`active`: endpoints that are not paused. `seconds`: until there may be something to do, or None."""

    active: int
    seconds: float | None = None


async def look(runtime: Runtime, organization: Organization) -> Look:
    """Put in what is due, for one tenant. A few statements however many events; one without an endpoint.

    Raise `HarkaError` when the database does not answer.
    """
    if not features_for(organization).api_access:
        return Look(0)
    session = open_session(
        runtime.databases,
        organization.location,
        organization.id,
        read_only=True,
        single=True,
        timeout=_TIMEOUT,
    )
    try:
        active = await endpoints.count_active(session)
    finally:
        await session.rollback()
    if not active:
        return Look(0)
    # not in a unit of work, which would tell everybody of a change, this one among them
    session = open_session(
        runtime.databases, organization.location, organization.id, read_only=False, timeout=_TIMEOUT
    )
    try:
        done = await deliveries.dispatch(
            session, most=MOST_EVENTS, waiting=MOST_WAITING, seconds=SECONDS_TRIED
        )
        due = await deliveries.due(session)
        ready = [each.endpoint_id for each in due if each.seconds <= 0]
        put_in = await enqueue_many(session, [_job(each) for each in ready]) if ready else set()
        await session.commit()
    finally:
        await session.rollback()
    if put_in:
        await signal(runtime.pubsub, organization.id)
    waits = [each.seconds for each in due if each.seconds > 0]
    if done.scanned >= MOST_EVENTS:
        waits.append(0.0)
    if done.unsettled:
        waits.append(_UNSETTLED_DELAY)
    if len(put_in) < len(ready):
        waits.append(_BUSY_DELAY)
    return Look(active, min(waits, default=None))


class Dispatcher:
    """Looks at whom it is woken for, and listens to the changes of those that have endpoints."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._alarms = Alarms(self.wake)
        self._woken: set[UUID] = set()
        self._looking: dict[UUID, asyncio.Task[None]] = {}
        self._listening: dict[UUID, asyncio.Task[None]] = {}
        self._closed = False
        self._lanes: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(_AT_ONCE))

    def wake(self, tenant: UUID) -> None:
        """There may be something to do."""
        self._woken.add(tenant)
        if tenant not in self._looking and not self._closed:
            self._looking[tenant] = asyncio.create_task(self._look_at(tenant), name="webhooks")

    async def run(self) -> None:
        """Hear of what people ask for, until cancelled."""
        try:
            async with self._runtime.pubsub.subscribe(PLATFORM, WEBHOOKS_TOPIC) as events:
                async for event in events:
                    # what was lost before a resync is made up for by the schedule's round
                    if not event.resync:
                        self._hear(event.payload)
            # the process is stopping
            await asyncio.Future()
        finally:
            await self._close()

    async def _close(self) -> None:
        self._closed = True
        self._alarms.close()
        tasks = [*self._looking.values(), *self._listening.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _hear(self, payload: object) -> None:
        try:
            self.wake(msgspec.convert(payload, _Signal).tenant)
        except msgspec.ValidationError:
            log.warning("unreadable signal")

    async def _look_at(self, tenant: UUID) -> None:
        try:
            while tenant in self._woken:
                self._woken.discard(tenant)
                await self._once(tenant)
        except Exception:
            # a bug of ours: the schedule wakes it again
            log.exception("webhooks not looked at", tenant=str(tenant))
        finally:
            del self._looking[tenant]

    async def _once(self, tenant: UUID) -> None:
        organization = self._runtime.directory.current.organization(tenant)
        if organization is None or organization.status != "active":
            self._attend(tenant, active=False)
            return
        async with self._lanes[organization.database]:
            try:
                found = await look(self._runtime, organization)
            except HarkaError as error:
                log.warning("webhooks not looked at", tenant=str(tenant), code=error.code)
                self._alarms.set(tenant, _UNREACHABLE_DELAY)
                return
        self._attend(tenant, active=found.active > 0)
        if found.seconds is not None:
            self._alarms.set(tenant, found.seconds)

    def _attend(self, tenant: UUID, *, active: bool) -> None:
        """Listen to a tenant with endpoints, and to no other."""
        known = self._listening.get(tenant)
        if active and (known is None or known.done()):
            self._listening[tenant] = asyncio.create_task(self._listen(tenant), name="webhooks")
        elif not active and known is not None:
            known.cancel()
            del self._listening[tenant]

    async def _listen(self, tenant: UUID) -> None:
        """To whatever is written: events are written with it."""
        async with self._runtime.pubsub.subscribe(tenant, FIGURES_TOPIC) as events:
            # what came before it was listened to
            self.wake(tenant)
            async for _ in events:
                self.wake(tenant)


def _job(endpoint: UUID) -> NewJob:
    return NewJob(
        id=new_id(),
        type=DELIVER_WEBHOOKS,
        payload=json_bytes({"endpoint_id": endpoint}).decode(),
        dedupe_key=str(endpoint),
    )


class _Signal(msgspec.Struct, frozen=True):
    tenant: UUID
