"""Events to their receivers: each is asked for as whom the endpoint acts for, signed, and sent."""

import asyncio
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec

from harka import clock
from harka.codec import json_bytes
from harka.errors import ForbiddenError, HarkaError, RateLimitedError, UnauthenticatedError
from harka.ids import NodeKind
from harka.learning import webhook_sending, webhook_signature
from harka.learning.event import SUBJECTS
from harka.learning.webhook_endpoint import delegate_for
from harka.learning.webhook_sending import Batch, Sent
from harka.learning.work import UnitOfWork
from harka.outbound import fetch
from harka.queue.message import DELIVER_WEBHOOKS
from harka.repositories.webhook_delivery import WebhookDelivery
from harka.repositories.webhook_endpoint import WebhookPauseReason
from harka.tenancy.context import TenantContext
from harka.tenancy.entitlement import features_for
from harka.tenancy.permission import Permission
from harka.worker.units import Units

AT_ONCE: Final = 3
"""Endpoints of an organization that are sent to at the same time: receivers that hang leave it other jobs."""
_TURN: Final = 20.0
"""Seconds after which what is left has a turn of its own, behind other jobs."""
_TIMEOUT: Final = 10.0
_PATIENCES: Final = 6
"""As often as long as a receiver has to answer, what was taken is given to nobody else."""
_ASKING: Final = 10.0
"""Seconds after which no other query of a batch is begun: it is sent, and noted, within the lease."""
_OUTAGE_DELAY: Final = 30.0
"""Seconds until what could not be asked for is looked at again."""
_AGENT: Final = "HARKA-Webhooks/1"
_SERVER_ERROR: Final = 500
_OK: Final = range(200, 300)
_ELSEWHERE: Final = range(300, 400)
_BUSY: Final = frozenset({429, 503})


class DeliverWebhooks(msgspec.Struct, frozen=True):
    endpoint_id: UUID


class _Asked(msgspec.Struct, frozen=True):
    """`bodies`: what to send. `failed`: what was not answered.

    `left`: what was not asked for, not to be before `delay` seconds have passed.
    """

    bodies: list[tuple[WebhookDelivery, bytes]]
    failed: list[Sent]
    left: Sequence[WebhookDelivery] = ()
    delay: float = 0.0


async def deliver(work: UnitOfWork, payload: DeliverWebhooks, units: Units) -> None:
    """What is due of an endpoint. No transaction is open while a receiver is waited for."""
    if not features_for(units.organization).api_access:
        # nothing is taken, so nothing is to be given back: what waits is sent once the feature is back, when
        # the dispatcher looks at the organization again
        return
    began = clock.monotonic()
    lease = _PATIENCES * units.runtime.settings.webhook_timeout
    while clock.monotonic() - began < _TURN:
        async with units.begin(work.context, timeout=_TIMEOUT) as taking:
            batch = await webhook_sending.take(taking, payload.endpoint_id, lease=lease)
        if batch is None or not await _send(work, units, batch):
            return
    await work.enqueue(
        DELIVER_WEBHOOKS, {"endpoint_id": payload.endpoint_id}, dedupe_key=str(payload.endpoint_id)
    )


async def _send(work: UnitOfWork, units: Units, batch: Batch) -> bool:
    """Whether there may be more to send now: not to an endpoint that is paused, nor while we cannot ask."""
    try:
        acting = await _acting(units, batch)
        asked = await _ask(units, acting, batch)
    except _PausedError as error:
        await _give_back(work, units, batch, pause=error.reason)
        return False
    except HarkaError:
        await _give_back(work, units, batch, delay=_OUTAGE_DELAY)
        raise
    sent = await asyncio.gather(*(_post(units, batch, each, body) for each, body in asked.bodies))
    async with units.begin(work.context, timeout=_TIMEOUT) as noting:
        await webhook_sending.note(noting, batch, [*sent, *asked.failed])
        if asked.left:
            rest = msgspec.structs.replace(batch, deliveries=asked.left)
            await webhook_sending.give_back(noting, rest, delay=asked.delay)
    return bool(sent) and not asked.delay


async def _give_back(
    work: UnitOfWork,
    units: Units,
    batch: Batch,
    *,
    pause: WebhookPauseReason | None = None,
    delay: float = 0.0,
) -> None:
    async with units.begin(work.context, timeout=_TIMEOUT) as noting:
        await webhook_sending.give_back(noting, batch, pause=pause, delay=delay)


async def _acting(units: Units, batch: Batch) -> TenantContext:
    """Afresh each time: they may have been let in no more meanwhile."""
    try:
        acting = await units.acting(delegate_for(batch.endpoint))
        acting.require(Permission.EVENT_READ)
        acting.require_everybody()
    except (UnauthenticatedError, ForbiddenError) as error:
        raise _PausedError(WebhookPauseReason.NOT_ALLOWED) from error
    return acting


async def _ask(units: Units, acting: TenantContext, batch: Batch) -> _Asked:
    """One after the other, each judged by itself. Raise `_PausedError` for a document that does not fit."""
    ask, asked = units.ask, _Asked([], [])
    until = clock.monotonic() + _ASKING
    for number, delivery in enumerate(batch.deliveries):
        if clock.monotonic() >= until:
            # what hangs must not keep the others until the lease is over
            return msgspec.structs.replace(asked, left=batch.deliveries[number:])
        message = {"type": delivery.event_type, "timestamp": delivery.happened_at, "data": None}
        if delivery.event_id is not None and delivery.subject_id is not None:
            reply = await ask(acting, batch.endpoint.document, _variables(units, delivery))
            if isinstance(reply.failure, RateLimitedError):
                delay = reply.failure.retry_after
                return msgspec.structs.replace(asked, left=batch.deliveries[number:], delay=delay)
            if reply.failure is not None:
                # what may be over in a while is not the document's fault
                if reply.failure.status < _SERVER_ERROR:
                    raise _PausedError(WebhookPauseReason.DOCUMENT_INVALID)
                why = f"The document was not answered: {reply.failure.message}"
                asked.failed.append(Sent(delivery, error=why, was_tried=False))
                continue
            message |= reply.body
        asked.bodies.append((delivery, json_bytes(message)))
    return asked


def _variables(units: Units, delivery: WebhookDelivery) -> dict[str, str]:
    assert delivery.event_id is not None  # noqa: S101 - asked for before
    assert delivery.subject_id is not None  # noqa: S101 - likewise
    return {
        "event": _sealed(units, NodeKind.EVENT, delivery.event_id),
        "subject": _sealed(units, SUBJECTS[delivery.event_type.partition(".")[0]], delivery.subject_id),
    }


async def _post(units: Units, batch: Batch, delivery: WebhookDelivery, body: bytes) -> Sent:
    settings = units.runtime.settings
    id_ = (
        _sealed(units, NodeKind.WEBHOOK_DELIVERY, delivery.id)
        if delivery.event_id is None
        else _sealed(units, NodeKind.EVENT, delivery.event_id)
    )
    signed = webhook_signature.headers(_secrets(units, batch), id_, clock.now(), body)
    headers = {"content-type": "application/json", "user-agent": _AGENT, **signed}
    try:
        answer = await fetch(
            batch.endpoint.url,
            private=settings.outbound_private,
            content=body,
            headers=headers,
            patience=settings.webhook_timeout,
        )
    except HarkaError as error:
        return Sent(delivery, error=error.message)
    if answer.status in _OK:
        return Sent(delivery, answer.status)
    # what else comes with that header does not mean the message (RFC 9110)
    asked = answer.retry_after if answer.status in _BUSY else None
    if answer.status in _ELSEWHERE:
        return Sent(delivery, answer.status, "It leads elsewhere, where nobody follows.")
    return Sent(delivery, answer.status, f"It answered {answer.status}.", asked)


def _secrets(units: Units, batch: Batch) -> list[bytes]:
    key, tenant, sealed = units.runtime.keyring.seal, units.organization.id, batch.secrets
    return [
        webhook_signature.open_secret(key, each, tenant=tenant, endpoint=batch.endpoint.id)
        for each in (sealed.current, sealed.old)
        if each is not None
    ]


def _sealed(units: Units, kind: NodeKind, id_: UUID) -> str:
    return units.runtime.node_ids.seal(units.organization.id, kind, id_)


class _PausedError(Exception):
    """Nothing can be sent to the endpoint until somebody looks after it."""

    def __init__(self, reason: WebhookPauseReason) -> None:
        super().__init__(reason)
        self.reason = reason
