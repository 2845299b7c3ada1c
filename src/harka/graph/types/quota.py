from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import strawberry

from harka.analytics import quota
from harka.analytics.quota import Quota, Quotas
from harka.graph.context import Info
from harka.graph.enums import DependentKind, Plan, QuotaResource, QuotaState
from harka.graph.field import field, graph_type, leaf
from harka.graph.loaders.dependent import DependentsByOrganizationLoader
from harka.repositories.dependent import Dependent as DependentRow
from harka.tenancy.entitling import PlanChange as PlanChangeRow
from harka.tenancy.entitling import left_without
from harka.tenancy.permission import Permission


@graph_type
class QuotaLimit:
    """One limit and what is used of it, in the unit of the resource: numbers that may be beyond 32 bits."""

    resource: QuotaResource = leaf("What is bounded.")
    used: float = leaf("How much is used.")
    soft: float | None = leaf("How much the plan includes; null for as much as they like.")
    grace: float = leaf("How much passes beyond that.")
    limit: float | None = leaf(
        "Beyond this nothing passes: `soft` and `grace` together; null without a limit."
    )
    resets_at: datetime | None = leaf(
        "When `used` is 0 again if nothing more is used; null for what is freed, not forgotten."
    )
    state: QuotaState = leaf("How it stands.")


@graph_type
class QuotaExcess:
    """What there is too much of for a limit."""

    resource: QuotaResource = leaf("What it is.")
    used: float = leaf("How much there is.")
    limit: float = leaf("How much there may be.")
    over: float = leaf("How much must go.")


@graph_type
class Dependent:
    """What acts only as long as the organization has a feature."""

    feature: str = leaf("The feature, by its name in `features`.")
    kind: DependentKind = leaf("What it is.")
    name: str = leaf("What it is called: of a sender its address, of an endpoint its URL.")


async def _dependents(root: PlanChangeRow, info: Info) -> Sequence[DependentRow]:
    if not root.lost_features:
        return []
    # read once, however many plans are asked for
    loader = info.context.loaders.of(DependentsByOrganizationLoader)
    return left_without(root.lost_features, await loader.load(info.context.tenant.id))


@graph_type
class PlanChange:
    """What another plan would mean to the organization, as it is now."""

    excess: list[QuotaExcess] = leaf("What must go before: empty where nothing stands in the way.")
    lost_features: list[str] = leaf("Features that would be turned off, by their names in `features`.")
    dependents: list[Dependent] | None = field(
        _dependents,
        "What must go before with these features, by its name: forced all the same, it stays and does not "
        "act until the feature is back.",
        requires=Permission.ORGANIZATION_WRITE,
    )


ToPlan = Annotated[Plan, strawberry.argument(description="The plan to change to.")]


def _after(root: Quotas, to: ToPlan) -> PlanChangeRow:
    return root.after(to)


@graph_type
class OrganizationQuota:
    """What an organization may use and uses. Over several servers figures are up to some seconds old."""

    plan: Plan = leaf("What it has bought; exceptions made for it are in `limits`.")
    shadow: bool = leaf("Whether what is beyond a limit is only counted, and passes.")
    as_of: datetime = leaf("The moment that the figures are true of.")
    limits: list[QuotaLimit] = leaf("Every limit there is.")
    plan_change: PlanChange = field(_after, "What another plan would mean.")


async def quota_of(info: Info) -> Quotas:
    """Of the caller's organization; there is no other."""
    context = info.context
    requests = await context.runtime.requests.this_month(context.tenant.organization)
    live = [
        Quota(each.resource, max(each.used, 0.0), each.limit, each.limit, each.resets_at)
        for each in await context.runtime.admission.levels(context.tenant.organization)
    ]
    cached = await context.runtime.cache.stored_bytes(context.tenant.id)
    return await quota.read(context.work, requests, live, cached=cached)
