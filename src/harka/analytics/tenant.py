"""What a tenant's people do, and what it uses: exact figures, each with the moment it is true of."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from harka.analytics import usage
from harka.analytics.health import MOST_NAMED, WARNED, Health, judge
from harka.learning.work import UnitOfWork
from harka.repositories import rollup
from harka.repositories import sso as connections
from harka.repositories import usage as usages
from harka.repositories.request_usage import RequestUsage
from harka.tenancy.entitlement import limits_for
from harka.tenancy.permission import Permission

_MILLION = 1_000_000
_DAY = 86_400.0


class ApiUsage(msgspec.Struct, frozen=True):
    """Requests of the organization's month. `quota`: how many the plan includes, None for any number."""

    requests: int
    quota: int | None
    as_of: datetime


class Storage(msgspec.Struct, frozen=True):
    """Bytes. `as_of`: of the rows, None before their first measurement; files are counted now."""

    used: int
    limit: int
    as_of: datetime | None


class Bandwidth(msgspec.Struct, frozen=True):
    """Bytes of files downloaded in the organization's calendar month. `limit`: None for any number."""

    used: int
    limit: int | None
    as_of: datetime


class Metrics(msgspec.Struct, frozen=True):
    """`average_progress`: of enrollments that are not withdrawn, 0 to 1; 0 without one."""

    active_users: int
    total_users: int
    courses_completed: int
    average_progress: float
    api_usage: ApiUsage
    storage: Storage
    bandwidth: Bandwidth


class TenantAnalytics(msgspec.Struct, frozen=True):
    """`as_of`: of what does not say otherwise. `window_days`: in which an active user was active."""

    tenant_id: UUID
    as_of: datetime
    window_days: int
    metrics: Metrics
    health: Health


async def read(work: UnitOfWork, requests: RequestUsage, *, unproven: Sequence[UUID] = ()) -> TenantAnalytics:
    """Three statements, whatever the tenant's size. Raise `ForbiddenError`.

    `requests`: of this month. `unproven`: domains whose proof is gone.
    """
    work.context.require(Permission.ANALYTICS_READ)
    work.context.require_everybody()
    organization = work.context.organization
    limits = limits_for(organization)
    totals = await rollup.read(work.session, window_days=usage.ACTIVE_DAYS, named=MOST_NAMED)
    measured = await usages.latest(work.session)
    ending = await connections.ending(work.session, within=max(WARNED) * _DAY)
    rows, as_of = (0, None) if measured is None else (measured.storage_bytes, measured.as_of)
    return TenantAnalytics(
        tenant_id=organization.id,
        as_of=totals.as_of,
        window_days=usage.ACTIVE_DAYS,
        metrics=Metrics(
            active_users=totals.active_users,
            total_users=totals.users,
            courses_completed=totals.completed,
            average_progress=totals.progress / _MILLION / max(totals.enrollments, 1),
            api_usage=ApiUsage(requests.requests, limits.requests_per_month, requests.as_of),
            storage=Storage(rows + totals.file_bytes, limits.storage_bytes, as_of),
            bandwidth=Bandwidth(requests.downloaded, limits.bandwidth_bytes, requests.as_of),
        ),
        health=judge(limits, totals, requests, measured, unproven=unproven, ending=ending),
    )
