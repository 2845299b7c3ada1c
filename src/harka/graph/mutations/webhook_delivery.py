from datetime import datetime
from typing import Annotated

import msgspec
import strawberry

from harka.graph.context import Info
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.payload import MutationInput, Payload
from harka.graph.types.job import TenantJob
from harka.graph.types.webhook_delivery import WebhookDelivery
from harka.ids import NodeKind
from harka.learning import webhook_delivery
from harka.learning.webhook_delivery import MOST_RETRIED
from harka.repositories.job import Job as JobRow
from harka.repositories.webhook_delivery import WebhookDelivery as DeliveryRow
from harka.tenancy.permission import Permission


class Put(msgspec.Struct, frozen=True):
    webhook_delivery: DeliveryRow


class PutIn(msgspec.Struct, frozen=True):
    job: JobRow


@graph_input
class TestWebhookEndpointInput(MutationInput):
    """Whom to tell something, to see whether it answers."""

    webhook_endpoint_id: strawberry.ID = value("The endpoint.")
    event_id: strawberry.ID | None = value(
        "What to tell it, whatever its types are; omit it for a message of the type `webhook.test` without "
        "data.",
        default=None,
    )


@graph_input
class RetryWebhookDeliveryInput(MutationInput):
    """What to try again."""

    id: strawberry.ID = value("The delivery.")
    version: int | None = value(
        "The version that was read; omit it to retry whatever there is.", default=None
    )


@graph_input
class RetryWebhookDeliveriesInput(MutationInput):
    """Of which endpoint, and since when."""

    webhook_endpoint_id: strawberry.ID = value("The endpoint.")
    since: datetime | None = value("Only what happened from then on; omit it for all.", default=None)


@graph_type
class TestWebhookEndpointPayload(Payload):
    """What is sent."""

    webhook_delivery: WebhookDelivery | None = leaf("The delivery: look again what became of it.")


@graph_type
class RetryWebhookDeliveryPayload(Payload):
    """What is tried again."""

    webhook_delivery: WebhookDelivery | None = leaf("The delivery as it is now.")


@graph_type
class RetryWebhookDeliveriesPayload(Payload):
    """Who does it."""

    job: TenantJob | None = leaf(
        "The job, or the one that waits for the same already. `done` tells how many it has found so far."
    )


async def _test(
    info: Info,
    given: Annotated[TestWebhookEndpointInput, strawberry.argument(name="input", description="Whom.")],
) -> Put:
    context = info.context
    endpoint = context.open_id(NodeKind.WEBHOOK_ENDPOINT, given.webhook_endpoint_id, "webhookEndpointId")
    event = None if given.event_id is None else context.open_id(NodeKind.EVENT, given.event_id, "eventId")
    return Put(await webhook_delivery.send_test(context.work, endpoint, event_id=event))


async def _retry(
    info: Info,
    given: Annotated[RetryWebhookDeliveryInput, strawberry.argument(name="input", description="What.")],
) -> Put:
    id_ = info.context.open_id(NodeKind.WEBHOOK_DELIVERY, given.id, "id")
    return Put(await webhook_delivery.retry(info.context.work, id_, version=given.version))


async def _retry_all(
    info: Info,
    given: Annotated[
        RetryWebhookDeliveriesInput, strawberry.argument(name="input", description="Of which endpoint.")
    ],
) -> PutIn:
    context = info.context
    endpoint = context.open_id(NodeKind.WEBHOOK_ENDPOINT, given.webhook_endpoint_id, "webhookEndpointId")
    return PutIn(await webhook_delivery.retry_all(context.work, endpoint, since=given.since))


@strawberry.type
class WebhookDeliveryMutation:
    test_webhook_endpoint: TestWebhookEndpointPayload | None = mutation(
        _test,
        "Send an endpoint a message, like any other: signed, and tried again when it is not taken. While the "
        "endpoint is paused it waits.",
        requires=Permission.ORGANIZATION_WRITE,
    )
    retry_webhook_delivery: RetryWebhookDeliveryPayload | None = mutation(
        _retry,
        "Have a delivery that was given up tried again, for as long as a new one.",
        requires=Permission.ORGANIZATION_WRITE,
    )
    retry_webhook_deliveries: RetryWebhookDeliveriesPayload | None = mutation(
        _retry_all,
        "Have everything tried again that an endpoint was not told in time, the oldest first, by a job: at "
        f"most {MOST_RETRIED:,} deliveries; ask again for more. QUEUE_LIMIT_EXCEEDED while as many jobs wait "
        "as the plan allows.",
        requires=Permission.ORGANIZATION_WRITE,
    )
