"""What an organization may have, what it has, and what another plan would mean."""

import enum
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from harka import clock
from harka.analytics import usage
from harka.learning.work import UnitOfWork
from harka.repositories import dependent, job, rollup
from harka.repositories import usage as usages
from harka.repositories.dependent import Dependent
from harka.repositories.organization import Organization
from harka.repositories.request_usage import RequestUsage
from harka.storage.session import ShardSession
from harka.tenancy.entitlement import is_shadow, limits_for
from harka.tenancy.entitling import PlanChange, plan_change
from harka.tenancy.month import next_month
from harka.tenancy.permission import Permission
from harka.tenancy.plan import Plan, Resource, with_grace


class QuotaState(enum.StrEnum):
    """Of one limit. In grace, what is beyond the plan still passes."""

    WITHIN = "within"
    GRACE = "grace"
    EXHAUSTED = "exhausted"


class Quota(msgspec.Struct, frozen=True):
    """Of one resource, in its unit. `soft`: what the plan includes; `limit`: beyond it nothing passes.

    Both None for as much as they like. `resets_at`: None for what is given back, not forgotten.
    """

    resource: Resource
    used: float
    soft: float | None
    limit: float | None
    resets_at: datetime | None = None

    @property
    def grace(self) -> float:
        """How much passes beyond what the plan includes."""
        return 0.0 if self.soft is None or self.limit is None else self.limit - self.soft

    @property
    def state(self) -> QuotaState:
        if self.limit is None or self.soft is None or self.used < self.soft:
            return QuotaState.WITHIN
        return QuotaState.EXHAUSTED if self.used >= self.limit else QuotaState.GRACE


class Quotas(msgspec.Struct, frozen=True):
    """Of one organization. `shadow`: what is beyond a limit is only counted."""

    organization: Organization
    as_of: datetime
    shadow: bool
    limits: Sequence[Quota]

    @property
    def plan(self) -> str:
        return self.organization.plan

    @property
    def used(self) -> Mapping[Resource, float]:
        return {each.resource: each.used for each in self.limits}

    def after(self, plan: Plan) -> PlanChange:
        """What another plan would mean."""
        return plan_change(self.organization, plan, self.used)


async def read(
    work: UnitOfWork, requests: RequestUsage, live: Sequence[Quota] = (), *, cached: int = 0
) -> Quotas:
    """Three statements. Raise `ForbiddenError`.

    `requests`: of this month. `live`: of what runs now. `cached`: bytes in Valkey.
    """
    work.context.require(Permission.ANALYTICS_READ)
    work.context.require_everybody()
    organization = work.context.organization
    limits = limits_for(organization)
    # counted as whoever puts one in does, who holds the queue besides
    queued = await job.count_queued(work.session, most=limits.queued_jobs)
    # neither stands in the way of a smaller plan: both go by themselves
    passing = [
        Quota(Resource.QUEUED_JOBS, queued, limits.queued_jobs, limits.queued_jobs),
        Quota(Resource.CACHE, cached, limits.cache_bytes, limits.cache_bytes),
    ]
    return Quotas(
        organization,
        clock.now(),
        is_shadow(organization),
        [*await measure(work.session, organization, requests), *live, *passing],
    )


async def dependents(work: UnitOfWork) -> Sequence[Dependent]:
    """What acts only as long as the organization has a feature, of every feature. Two statements.

    Raise `ForbiddenError`.
    """
    work.context.require(Permission.ORGANIZATION_WRITE)
    work.context.require_everybody()
    return await dependent.list_all(work.outside.catalog, work.session, work.context.id)


async def measure(session: ShardSession, organization: Organization, requests: RequestUsage) -> list[Quota]:
    """Of what is kept: people, bytes, and what was asked for this month. Two statements."""
    limits = limits_for(organization)
    totals = await rollup.read(session, window_days=usage.ACTIVE_DAYS)
    measured = await usages.latest(session)
    stored = totals.file_bytes + (0 if measured is None else measured.storage_bytes)
    resets_at = next_month(clock.now(), organization.timezone)
    included = limits.requests_per_month
    return [
        Quota(Resource.USERS, totals.users_active, limits.users, limits.users),
        Quota(Resource.STORAGE, stored, limits.storage_bytes, limits.storage_bytes),
        Quota(
            Resource.REQUESTS_PER_MONTH,
            requests.requests,
            included,
            with_grace(included, limits.grace),
            resets_at,
        ),
        Quota(
            Resource.BANDWIDTH,
            requests.downloaded,
            limits.bandwidth_bytes,
            with_grace(limits.bandwidth_bytes, limits.grace),
            resets_at,
        ),
    ]
