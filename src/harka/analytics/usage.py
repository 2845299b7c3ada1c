"""What a tenant uses: measured by a job, kept as one row a day, told to every process for its gauges."""

from typing import Final

from harka.learning.work import UnitOfWork
from harka.queue.message import USAGE_TOPIC
from harka.repositories import usage as usages
from harka.repositories.usage import Usage
from harka.tenancy.permission import Permission

ACTIVE_DAYS: Final = 30
"""A user is active whose progress was recorded within so many days."""


async def measure(work: UnitOfWork) -> Usage:
    """Measure now: active users, all users, and the bytes of the tenant's rows, indexes not included."""
    work.context.require(Permission.ORGANIZATION_READ)
    usage = await usages.measure(work.session, window_days=ACTIVE_DAYS)
    work.announce(
        USAGE_TOPIC,
        {
            "tenant": str(work.context.id),
            "activeUsers": usage.active_users,
            "totalUsers": usage.total_users,
            "storageBytes": usage.storage_bytes,
        },
    )
    return usage


async def latest(work: UnitOfWork) -> Usage | None:
    """The last measurement, at most about a minute old while a worker runs; None before the first."""
    work.context.require(Permission.ORGANIZATION_READ)
    return await usages.latest(work.session)
