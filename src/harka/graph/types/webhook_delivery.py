from collections.abc import Awaitable
from datetime import datetime
from typing import Annotated

import strawberry

from harka.graph.context import Info
from harka.graph.enums import OrderDirection
from harka.graph.field import field, graph_input, leaf, related, value
from harka.graph.loaders.webhook_delivery import WebhookDeliveryByIdLoader
from harka.graph.loaders.webhook_endpoint import WebhookEndpointByIdLoader
from harka.graph.node import Node, node_type
from harka.graph.order_enums import WebhookDeliveryOrder
from harka.graph.pagination import After, Connection, First, Rules, Slice, ordered, paginate_by
from harka.graph.types.webhook_endpoint import WebhookEndpoint
from harka.graph.webhook_enums import WebhookDeliveryState
from harka.ids import NodeKind
from harka.learning import webhook_delivery
from harka.repositories.webhook_delivery import WebhookDelivery as DeliveryRow
from harka.tenancy.permission import Permission


def _event_id(root: DeliveryRow, info: Info) -> str | None:
    context = info.context
    if root.event_id is None:
        return None
    return context.runtime.node_ids.seal(context.tenant.id, NodeKind.EVENT, root.event_id)


def _next_attempt_at(root: DeliveryRow) -> datetime | None:
    return root.next_attempt_at if root.state == WebhookDeliveryState.PENDING else None


@node_type(DeliveryRow, NodeKind.WEBHOOK_DELIVERY, WebhookDeliveryByIdLoader)
class WebhookDelivery(Node):
    """Something that an endpoint is to be told, and what became of it.

    It is kept for seven days after it was delivered, and for thirty after it was given up.
    """

    webhook_endpoint: WebhookEndpoint = related(
        WebhookEndpointByIdLoader, "endpoint_id", "Who is to be told."
    )
    event_id: strawberry.ID | None = field(
        _event_id, "What has happened: the event may be forgotten since. Null for a test."
    )
    event_type: str = leaf(
        "What has happened, as receivers are told: `user.created`; `webhook.test` for a test."
    )
    happened_at: datetime = leaf("When it happened.")
    state: WebhookDeliveryState = leaf("What has become of it.")
    attempts: int = leaf("How often it was sent.")
    response_code: int | None = leaf(
        "What the receiver answered last, as an HTTP status; null when it did not."
    )
    error: str | None = leaf("Why the last attempt failed, in English; null when none did.")
    next_attempt_at: datetime | None = field(
        _next_attempt_at,
        "Not before then it is sent, for the first time or again; null when it will not be.",
    )
    give_up_at: datetime = leaf("When it is sent for the last time.")
    last_attempt_at: datetime | None = leaf("When it was last sent; null before.")
    finished_at: datetime | None = leaf("When it was delivered or given up; null before.")
    created_at: datetime = leaf("When it was put in.")
    updated_at: datetime = leaf("When it last changed.")
    version: int = leaf("Grows with every change.")


@graph_input
class WebhookDeliveryFilter:
    """Which deliveries; what is omitted leaves out none."""

    state: WebhookDeliveryState | None = value("In this state.", default=None)


@graph_input
class WebhookDeliveryOrderBy:
    """How deliveries are ordered."""

    field: WebhookDeliveryOrder = value("By what.")
    direction: OrderDirection = value("Which end comes first.", default=OrderDirection.ASC)


Matching = Annotated[
    WebhookDeliveryFilter | None,
    strawberry.argument(name="filter", description="Which deliveries; omit it for all."),
]
Ordered = Annotated[
    WebhookDeliveryOrderBy | None,
    strawberry.argument(description="Omit it for the oldest first."),
]


_LISTED = Rules(webhook_delivery.list_page, webhook_delivery.count, WebhookDeliveryByIdLoader)


async def _deliveries(
    info: Info,
    webhook_endpoint_id: Annotated[strawberry.ID, strawberry.argument(description="Of which endpoint.")],
    first: First,
    after: After = None,
    matching: Matching = None,
    order_by: Ordered = None,
) -> Slice:
    return await paginate_by(
        _LISTED,
        info.context,
        "webhookDeliveries",
        of=(info.context.open_id(NodeKind.WEBHOOK_ENDPOINT, webhook_endpoint_id),),
        only={"state": None if matching is None else matching.state},
        order=ordered(order_by),
        first=first,
        after=after,
    )


def _delivery(
    info: Info,
    id_: Annotated[strawberry.ID, strawberry.argument(name="id", description="The id of the delivery.")],
) -> Awaitable[DeliveryRow | None]:
    context = info.context
    return context.loaders.of(WebhookDeliveryByIdLoader).want(context.open_id(NodeKind.WEBHOOK_DELIVERY, id_))


@strawberry.type
class WebhookDeliveryQuery:
    webhook_deliveries: Connection[WebhookDelivery] | None = field(
        _deliveries,
        "What an endpoint was to be told lately, and what became of it."
        " Not for who manages some groups only.",
        requires=Permission.ORGANIZATION_WRITE,
    )
    webhook_delivery: WebhookDelivery | None = field(
        _delivery,
        "One delivery; null when there is none. Not for who manages some groups only.",
        requires=Permission.ORGANIZATION_WRITE,
    )
