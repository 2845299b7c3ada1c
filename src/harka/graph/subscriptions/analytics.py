"""Who is told that an organization's figures have changed: the event says only that, the figures are read."""

from collections.abc import AsyncIterator

import strawberry

from harka.analytics.tenant import TenantAnalytics as TenantAnalyticsRow
from harka.graph.context import Info, RequestContext
from harka.graph.field import field, graph_type, leaf, subscription
from harka.graph.subscriptions.event import Notice, Notices
from harka.graph.types.analytics import TenantAnalytics, tenant_analytics
from harka.pubsub import Event
from harka.queue.message import FIGURES_TOPIC
from harka.tenancy.permission import Permission


class Figures(Notice, frozen=True):
    resync: bool

    async def is_visible(self, context: RequestContext) -> bool:
        context.require(Permission.ANALYTICS_READ)
        context.tenant.require_everybody()
        return True


async def _figures(info: Info) -> TenantAnalyticsRow:
    return await tenant_analytics(info.context)


@graph_type
class TenantAnalyticsChange:
    """That an organization's figures have changed."""

    analytics: TenantAnalytics | None = field(_figures, "The figures as they are now.")
    resync: bool = leaf("Whether events may have been lost: this one stands for them.")


async def _tenant_analytics_changed(info: Info) -> AsyncIterator[Notice]:
    # the figures would be refused at the first event only
    info.context.tenant.require_everybody()
    return await Notices.of_topic(info.context, FIGURES_TOPIC, _read)


def _read(event: Event) -> Figures:
    return Figures(event.resync)


@strawberry.type
class AnalyticsSubscription:
    tenant_analytics_changed: TenantAnalyticsChange = subscription(
        _tenant_analytics_changed,
        "The organization's figures, within a second of a change; changes at one time are told once. Not for "
        "callers who manage some groups only.",
        requires=Permission.ANALYTICS_READ,
    )
