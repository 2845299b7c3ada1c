from collections.abc import Awaitable
from datetime import datetime
from typing import Annotated

import strawberry

from harka import clock
from harka.graph.context import Info
from harka.graph.enums import OrderDirection
from harka.graph.event_enums import EventType
from harka.graph.field import field, graph_input, leaf, value
from harka.graph.loaders.webhook_endpoint import WebhookEndpointByIdLoader
from harka.graph.node import Node, node_type
from harka.graph.order_enums import WebhookEndpointOrder
from harka.graph.pagination import After, Connection, First, Rules, Slice, ordered, paginate_by
from harka.graph.webhook_enums import WebhookPauseReason
from harka.ids import NodeKind
from harka.learning import webhook_endpoint
from harka.learning.event import DAYS_KEPT
from harka.repositories.webhook_endpoint import WebhookEndpoint as EndpointRow
from harka.tenancy.permission import Permission


def _user_id(root: EndpointRow, info: Info) -> str | None:
    context = info.context
    if root.user_id is None:
        return None
    return context.runtime.node_ids.seal(context.tenant.id, NodeKind.USER, root.user_id)


def _rotating_until(root: EndpointRow) -> datetime | None:
    until = root.old_secret_until
    return until if until is not None and until > clock.now() else None


@node_type(EndpointRow, NodeKind.WEBHOOK_ENDPOINT, WebhookEndpointByIdLoader)
class WebhookEndpoint(Node):
    """Where events are told, by HTTP requests that are signed as Standard Webhooks says.

    Each is sent at least once, in no particular order, and tried again for three days.
    """

    url: str = leaf("Where they are sent, by POST.")
    description: str = leaf("What it is for; may be empty.")
    types: list[EventType] = leaf("Of which types alone it is told events; none for all.")
    document: str = leaf("What is asked of each event: the query whose answer is sent.")
    scopes: list[str] = leaf("What the query may do at the most: permissions by name.")
    user_id: strawberry.ID | None = field(
        _user_id,
        "As whom the query is executed, who never lets it do more than they may; null for a program.",
    )
    rotating_until: datetime | None = field(
        _rotating_until, "Until when the secret before signs, too; null when there is one secret only."
    )
    paused_at: datetime | None = leaf("Since when nothing is sent; null when it is.")
    pause_reason: WebhookPauseReason | None = leaf("Why nothing is sent; null when it is.")
    failures: int = leaf("How often in a row nothing was taken; 0 when it answers well.")
    failing_since: datetime | None = leaf("Since when; null when it answers well.")
    last_delivered_at: datetime | None = leaf("When it last took something; null when it never did.")
    last_failed_at: datetime | None = leaf("When it last did not; null when it always did.")
    events_lost_at: datetime | None = leaf(
        "Since when something is gone that it was to be told: it was paused while events came to be older "
        f"than {DAYS_KEPT} days. Read anew what its receiver keeps a copy of, and `replayWebhook`; from then "
        "on it is null, as where nothing is gone."
    )
    created_at: datetime = leaf("When it was made.")
    updated_at: datetime = leaf("When it last changed, being sent to included.")
    version: int = leaf("Grows with every change, not with what is sent.")


@graph_input
class WebhookEndpointFilter:
    """Which endpoints; what is omitted leaves out none."""

    is_paused: bool | None = value(
        "Only those to which nothing is sent, or only those to which something is.", default=None
    )


@graph_input
class WebhookEndpointOrderBy:
    """How endpoints are ordered."""

    field: WebhookEndpointOrder = value("By what.")
    direction: OrderDirection = value("Which end comes first.", default=OrderDirection.ASC)


Matching = Annotated[
    WebhookEndpointFilter | None,
    strawberry.argument(name="filter", description="Which endpoints; omit it for all."),
]
Ordered = Annotated[
    WebhookEndpointOrderBy | None,
    strawberry.argument(description="Omit it for the oldest first."),
]


_LISTED = Rules(webhook_endpoint.list_page, webhook_endpoint.count, WebhookEndpointByIdLoader)


async def _endpoints(
    info: Info,
    first: First,
    after: After = None,
    matching: Matching = None,
    order_by: Ordered = None,
) -> Slice:
    return await paginate_by(
        _LISTED,
        info.context,
        "webhookEndpoints",
        only={"is_paused": None if matching is None else matching.is_paused},
        order=ordered(order_by),
        first=first,
        after=after,
    )


def _endpoint(
    info: Info,
    id_: Annotated[strawberry.ID, strawberry.argument(name="id", description="The id of the endpoint.")],
) -> Awaitable[EndpointRow | None]:
    context = info.context
    return context.loaders.of(WebhookEndpointByIdLoader).want(context.open_id(NodeKind.WEBHOOK_ENDPOINT, id_))


@strawberry.type
class WebhookEndpointQuery:
    webhook_endpoints: Connection[WebhookEndpoint] | None = field(
        _endpoints,
        "Where the organization's events are told. Not for who manages some groups only.",
        requires=Permission.ORGANIZATION_WRITE,
    )
    webhook_endpoint: WebhookEndpoint | None = field(
        _endpoint,
        "One endpoint; null when there is none. Not for who manages some groups only.",
        requires=Permission.ORGANIZATION_WRITE,
    )
