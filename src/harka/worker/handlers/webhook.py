"""Events to their receivers: each is asked for as whom the endpoint acts for, signed, and sent."""

import asyncio
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
from harka.tenancy.entitlement import require_feature
from harka.tenancy.permission import Permission
from harka.worker.units import Units

AT_ONCE: Final = 3
"""Endpoints of an organization that are sent to at the same time: receivers that hang leave it other jobs."""
_TURN: Final = 20.0
"""Seconds after which what is left has a turn of its own, behind other jobs."""
_TIMEOUT: Final = 10.0
_PATIENCES: Final = 6
"""As often as long as a receiver has to answer, what was taken is given to nobody else."""
_AGENT: Final = "HARKA-Webhooks/1"
_SERVER_ERROR: Final = 500
_OK: Final = range(200, 300)
_ELSEWHERE: Final = range(300, 400)
_BUSY: Final = frozenset({429, 503})


class DeliverWebhooks(msgspec.Struct, frozen=True):
    endpoint_id: UUID


async def deliver(work: UnitOfWork, payload: DeliverWebhooks, units: Units) -> None:
    """What is due of an endpoint. No transaction is open while a receiver is waited for."""
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
    """Whether it was sent, delivered or not; otherwise the endpoint is paused."""
    try:
        acting = await _acting(units, batch)
        bodies = [await _body(units, acting, batch, each) for each in batch.deliveries]
    except _PausedError as error:
        await _give_back(work, units, batch, error.reason)
        return False
    except HarkaError:
        await _give_back(work, units, batch)
        raise
    sent = await asyncio.gather(
        *(_post(units, batch, each, body) for each, body in zip(batch.deliveries, bodies, strict=True))
    )
    async with units.begin(work.context, timeout=_TIMEOUT) as noting:
        await webhook_sending.note(noting, batch, sent)
    return True


async def _give_back(
    work: UnitOfWork, units: Units, batch: Batch, pause: WebhookPauseReason | None = None
) -> None:
    async with units.begin(work.context, timeout=_TIMEOUT) as noting:
        await webhook_sending.give_back(noting, batch, pause)


async def _acting(units: Units, batch: Batch) -> TenantContext:
    """Afresh each time: they may have been let in no more meanwhile."""
    try:
        require_feature(units.organization, "api_access")
        acting = await units.acting(delegate_for(batch.endpoint))
        acting.require(Permission.EVENT_READ)
        acting.require_everybody()
    except (UnauthenticatedError, ForbiddenError) as error:
        raise _PausedError(WebhookPauseReason.NOT_ALLOWED) from error
    return acting


async def _body(units: Units, acting: TenantContext, batch: Batch, delivery: WebhookDelivery) -> bytes:
    message = {"type": delivery.event_type, "timestamp": delivery.happened_at, "data": None}
    if delivery.event_id is not None and delivery.subject_id is not None:
        variables = {
            "event": _sealed(units, NodeKind.EVENT, delivery.event_id),
            "subject": _sealed(units, SUBJECTS[delivery.event_type.partition(".")[0]], delivery.subject_id),
        }
        reply = await units.ask(acting, batch.endpoint.document, variables)
        if reply.failure is not None:
            # what is over in a while is not the document's fault
            if isinstance(reply.failure, RateLimitedError) or reply.failure.status >= _SERVER_ERROR:
                raise reply.failure
            raise _PausedError(WebhookPauseReason.DOCUMENT_INVALID)
        message |= reply.body
    return json_bytes(message)


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
