"""What became of what an endpoint was to be told, for who may say where events are told."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from harka import clock
from harka.errors import ConflictError, NotFoundError
from harka.ids import new_id
from harka.learning import event as event_rules
from harka.learning.moment import accept_moment
from harka.learning.webhook_endpoint import SECONDS_TRIED, announce, no_endpoint, require
from harka.learning.work import UnitOfWork
from harka.queue.enqueue import find_waiting
from harka.queue.message import RETRY_WEBHOOKS
from harka.repositories import job as jobs
from harka.repositories import webhook_delivery as deliveries
from harka.repositories import webhook_endpoint as endpoints
from harka.repositories.job import Job
from harka.repositories.page import OLDEST_FIRST, Order, Position
from harka.repositories.webhook_delivery import WebhookDelivery, WebhookDeliveryState
from harka.rows import ByKey
from harka.storage.session import ForeignKeyError
from harka.tenancy.entitlement import require_feature

TEST: Final = "webhook.test"
"""The type of what was asked for as a test."""
DELIVERED_KEPT: Final = timedelta(days=7)
DEAD_KEPT: Final = timedelta(days=30)
_FORGOTTEN_AT_ONCE: Final = 10_000
MOST_RETRIED: Final = 10_000
"""Of an endpoint, by one job."""


class RetryLater(msgspec.Struct, frozen=True):
    """The payload of a job. `dead_by`: what is given up later is not meant.

    `since`: only what happened from then on, None for all.
    """

    endpoint_id: UUID
    dead_by: datetime
    since: datetime | None = None


async def find_many(work: UnitOfWork, ids: Sequence[UUID]) -> ByKey[WebhookDelivery]:
    require(work)
    return ByKey(await deliveries.find_by_ids(work.session, ids))


async def list_page(
    work: UnitOfWork,
    endpoint_id: UUID,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
    state: str | None = None,
) -> Sequence[WebhookDelivery]:
    """The next `first` of an endpoint, of this state, in that order."""
    require(work)
    return await deliveries.list_page(
        work.session, endpoint_id, after=after, first=first, order=order, state=state
    )


async def count(work: UnitOfWork, endpoint_id: UUID, *, state: str | None = None) -> int:
    require(work)
    return await deliveries.count(work.session, endpoint_id, state=state)


async def send_test(work: UnitOfWork, endpoint_id: UUID, *, event_id: UUID | None = None) -> WebhookDelivery:
    """Tell the endpoint an event, or that this is a test. Raise `NotFoundError`, `FeatureNotInPlanError`."""
    require(work)
    require_feature(work.context.organization, "api_access")
    now = clock.now()
    type_, subject, happened = TEST, None, now
    if event_id is not None:
        found = (await event_rules.find_many(work, [event_id])).aligned([event_id])[0]
        if found is None:
            raise NotFoundError("There is no such event here.", field="eventId")
        type_, subject, happened = found.type, found.subject_id, found.created_at
    new = WebhookDelivery(
        id=new_id(),
        endpoint_id=endpoint_id,
        event_id=event_id,
        event_type=type_,
        subject_id=subject,
        happened_at=happened,
        state=str(WebhookDeliveryState.PENDING),
        attempts=0,
        response_code=None,
        error=None,
        next_attempt_at=now,
        give_up_at=now,
        last_attempt_at=None,
        finished_at=None,
        created_at=now,
        updated_at=now,
        version=1,
    )
    try:
        made = await deliveries.insert(work.session, new, seconds=SECONDS_TRIED)
    except ForeignKeyError as error:
        raise no_endpoint("webhookEndpointId") from error
    announce(work)
    return made


async def retry(work: UnitOfWork, id_: UUID, *, version: int | None = None) -> WebhookDelivery:
    """Have one that was given up tried again, for as long as a new one.

    Raise `ConflictError` for any other, and for another `version`; `NotFoundError`, `FeatureNotInPlanError`.
    """
    require(work)
    require_feature(work.context.organization, "api_access")
    again = await deliveries.retry(work.session, id_, version, seconds=SECONDS_TRIED)
    if again is None:
        found = await deliveries.find_by_ids(work.session, [id_])
        if not found:
            raise NotFoundError("There is no such delivery here.", field="id")
        if version not in {None, found[0].version}:
            raise ConflictError
        raise ConflictError(f"This delivery is {found[0].state}.", field="id")
    announce(work)
    return again


async def retry_all(work: UnitOfWork, endpoint_id: UUID, *, since: datetime | None = None) -> Job:
    """Have a job try again what was given up, of what happened `since`; the one that waits for it already.

    Raise `NotFoundError`, `FeatureNotInPlanError`, `QueueLimitError`.
    """
    require(work)
    require_feature(work.context.organization, "api_access")
    if since is not None:
        accept_moment(since, "since")
    if not await endpoints.find_by_ids(work.session, [endpoint_id]):
        raise no_endpoint("webhookEndpointId")
    key = f"{endpoint_id} {since or ''}"
    id_ = await find_waiting(work.session, RETRY_WEBHOOKS, key)
    if id_ is None:
        await work.require_room()
        payload = RetryLater(endpoint_id, clock.now(), since)
        id_ = await work.enqueue(RETRY_WEBHOOKS, msgspec.to_builtins(payload), dedupe_key=key)
    return (await jobs.find_by_ids(work.session, [id_]))[0]


async def retry_part(work: UnitOfWork, payload: RetryLater, *, most: int) -> int:
    """Up to `most` of them, the oldest first; how many. For jobs."""
    done = await deliveries.retry_many(
        work.session,
        payload.endpoint_id,
        dead_by=payload.dead_by,
        since=payload.since,
        most=most,
        seconds=SECONDS_TRIED,
    )
    if done:
        announce(work)
    return done


async def forget_old(work: UnitOfWork) -> int:
    """Those that ended long ago, so many at a time; how many."""
    return await deliveries.delete_old(
        work.session,
        delivered=DELIVERED_KEPT.total_seconds(),
        dead=DEAD_KEPT.total_seconds(),
        most=_FORGOTTEN_AT_ONCE,
    )
