"""What is due of an endpoint: taken for a while, sent by a worker, and what came of it noted.

An endpoint that failed altogether rests, longer each time, and is then tried with one delivery until it
answers: however much waits for it, a receiver that hangs costs one place of a worker now and then.
"""

import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec

from harka import clock
from harka.learning.webhook_endpoint import HOURS_TRIED
from harka.learning.work import UnitOfWork
from harka.repositories import webhook_delivery as deliveries
from harka.repositories import webhook_endpoint as endpoints
from harka.repositories.webhook_delivery import Outcome, WebhookDelivery, WebhookDeliveryState
from harka.repositories.webhook_endpoint import Health, Secrets, WebhookEndpoint, WebhookPauseReason

AT_ONCE: Final = 8
"""Of an endpoint, over all workers."""
LEASE: Final = 60.0
"""Seconds in which who has taken some sends them, or is believed dead: of usual patience with receivers."""
_DELAYS: Final = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 7200.0, 14_400.0, 28_800.0)
"""Seconds after each failed attempt; the last one from then on."""
_LONGEST_REST: Final = 300.0
_UNTRIED_REST: Final = 5.0
"""Where nothing could be asked for: perhaps nothing can be for a while, however much waits."""
LONGEST_ASKED: Final = 3600.0
"""Seconds that a receiver may ask to be left alone for; it may ask again."""
_LONGEST_ERROR: Final = 500
_GONE: Final = 410


class Batch(msgspec.Struct, frozen=True):
    endpoint: WebhookEndpoint
    secrets: Secrets
    deliveries: Sequence[WebhookDelivery]


class Sent(msgspec.Struct, frozen=True):
    """`code`: of the answer, None without one. `error`: None when it was delivered.

    `retry_after`: seconds, where the answer asks to be left alone. `was_tried`: not when we had nothing to
    send, which says nothing of the receiver.
    """

    delivery: WebhookDelivery
    code: int | None = None
    error: str | None = None
    retry_after: float | None = None
    was_tried: bool = True


async def take(work: UnitOfWork, endpoint_id: UUID, *, lease: float = LEASE) -> Batch | None:
    """What may be sent now, within `lease` seconds.

    None when that is nothing, or the endpoint is gone, paused or rests.
    """
    endpoint = await endpoints.lock(work.session, endpoint_id)
    if endpoint is None or endpoint.paused_at is not None:
        return None
    if endpoint.rest_until is not None and endpoint.rest_until > clock.now():
        return None
    most = 1 if endpoint.failures else AT_ONCE
    free = most - await deliveries.count_leased(work.session, endpoint_id)
    taken = await deliveries.take(work.session, endpoint_id, most=free, lease=lease) if free > 0 else ()
    secrets = await endpoints.find_secrets(work.session, endpoint_id) if taken else None
    return None if secrets is None else Batch(endpoint, secrets, taken)


async def note(work: UnitOfWork, batch: Batch, sent: Sequence[Sent]) -> None:
    """What came of it: delivered, to be tried again, or given up; and how the endpoint is."""
    outcomes = [_outcome(each) for each in sent]
    tried = [each for each in sent if each.was_tried]
    is_delivered = any(each.error is None for each in tried)
    pause = None
    if any(each.code == _GONE for each in tried):
        pause = WebhookPauseReason.GONE
    elif tried and not is_delivered and _has_failed_long(batch.endpoint):
        pause = WebhookPauseReason.FAILING
    rest = max(_own_rest(batch, tried, is_delivered=is_delivered), *map(_asked, tried), 0.0)
    # in the order in which they are locked everywhere: the endpoint first
    health = Health(
        delivered=is_delivered,
        failed=any(each.error is not None for each in tried),
        rest=rest or None,
        pause=None if pause is None else str(pause),
    )
    await endpoints.note(work.session, batch.endpoint.id, health)
    await deliveries.note(work.session, outcomes)


async def give_back(
    work: UnitOfWork, batch: Batch, *, pause: WebhookPauseReason | None = None, delay: float = 0.0
) -> None:
    """These were not tried after all. `pause`: and nothing will be. `delay`: seconds until they are."""
    if pause is not None:
        health = Health(delivered=False, failed=False, pause=str(pause))
        await endpoints.note(work.session, batch.endpoint.id, health)
    await deliveries.release(
        work.session, batch.deliveries, delay=_spread(min(LONGEST_ASKED, delay)) if delay else 0.0
    )


def _own_rest(batch: Batch, tried: Sequence[Sent], *, is_delivered: bool) -> float:
    """Seconds: longer each time that it took nothing."""
    if is_delivered:
        return 0.0
    if not tried:
        return _spread(_UNTRIED_REST)
    return _spread(min(_LONGEST_REST, 2.0 ** min(batch.endpoint.failures + 1, 20)))


def _outcome(sent: Sent) -> Outcome:
    delivery, now = sent.delivery, clock.now()
    state, delay = WebhookDeliveryState.DELIVERED, 0.0
    if sent.error is not None:
        left = (delivery.give_up_at - now).total_seconds()
        state = WebhookDeliveryState.PENDING if left > 0 else WebhookDeliveryState.DEAD
        # the last attempt is when its time is over
        own = _spread(_DELAYS[min(delivery.attempts, len(_DELAYS)) - 1])
        delay = max(0.0, min(left, max(own, _asked(sent))))
    error = None if sent.error is None else sent.error[:_LONGEST_ERROR]
    return Outcome(delivery.id, delivery.attempts, str(state), sent.code, error, delay)


def _asked(sent: Sent) -> float:
    """Whoever asks for a year does not keep us from noticing that they are well again."""
    return 0.0 if sent.retry_after is None else _spread(min(LONGEST_ASKED, sent.retry_after))


def _has_failed_long(endpoint: WebhookEndpoint) -> bool:
    since = endpoint.failing_since
    return since is not None and clock.now() - since >= timedelta(hours=HOURS_TRIED)


def _spread(seconds: float) -> float:
    """Up to a fifth longer, so that what failed together does not come back together."""
    return seconds * random.uniform(1.0, 1.2)  # noqa: S311 - spreads load, guards nothing
