"""How fast one organization may ask, and how much: two token buckets (GCRA) each, in this process, by plan.

Several processes each grant the full rate; the ledger over all of them is the business of a later floor.
"""

import itertools
import math
from collections.abc import Callable
from typing import Final
from uuid import UUID

from harka.errors import DocumentLimitError, RateLimitedError
from harka.fastpath import Bucket
from harka.repositories.organization import Organization
from harka.tenancy.plan import PlanLimits, limits_of

_SWEEP_EVERY: Final = 64


class Admission:
    """Buckets of the organizations that asked lately.

    A bucket idle for as long as it takes to fill is full again and equals a new one, so it is dropped: memory
    follows the active organizations, and nobody gains a fresh budget by being forgotten.
    """

    def __init__(self, limits: Callable[[str], PlanLimits] = limits_of) -> None:
        """`limits`: of a plan."""
        self._limits = limits
        # the one looked at the longest ago comes first
        self._entries: dict[UUID, _Entry] = {}
        self._until_sweep = _SWEEP_EVERY

    def __len__(self) -> int:
        return len(self._entries)

    def admit(self, organization: Organization, now: float, *, cost: float = 1.0) -> None:
        """Take `cost` requests at monotonic second `now`, or raise `RateLimitedError` and take nothing."""
        wait = self._entry(organization, now).requests.take(now, cost)
        if wait > 0.0:
            raise RateLimitedError(retry_after=wait)

    def charge(self, organization: Organization, now: float, points: float) -> None:
        """Take what an operation may cost at the most, or take nothing and raise.

        `RateLimitedError`: there are not so many points now; `DocumentLimitError`: there never will be.
        """
        entry = self._entry(organization, now)
        wait = entry.points.take(now, points)
        if wait == math.inf:
            most = self._limits(organization.plan).points
            raise DocumentLimitError(
                f"The operation may cost {points:,.0f} points; the plan's budget is {most:,}."
            )
        if wait > 0.0:
            available = max(entry.points.settle(now, 0.0), 0.0)
            raise RateLimitedError(
                f"The operation may cost {points:,.0f} points, of which {available:,.0f} are available.",
                retry_after=wait,
            )

    def settle(self, organization: Organization, now: float, change: float) -> float:
        """Take what it cost beyond what was charged, or give back (negative); how many points there are."""
        return self._entry(organization, now).points.settle(now, change)

    def _entry(self, organization: Organization, now: float) -> "_Entry":
        entry = self._entries.get(organization.id)
        if entry is None:
            entry = self._entries[organization.id] = _Entry(
                organization.plan, self._limits(organization.plan)
            )
        elif entry.plan != organization.plan:
            entry.change(organization.plan, self._limits(organization.plan))
        entry.last_use = now
        self._until_sweep -= 1
        if not self._until_sweep:
            self._forget_idle(now)
        return entry

    def _forget_idle(self, now: float) -> None:
        """Look at the next few; twice as many as can have been added, so that the backlog shrinks."""
        self._until_sweep = _SWEEP_EVERY
        for tenant, entry in list(itertools.islice(self._entries.items(), 2 * _SWEEP_EVERY)):
            del self._entries[tenant]
            if now - entry.last_use <= entry.refill:
                self._entries[tenant] = entry


class _Entry:
    """`refill`: seconds from empty to full."""

    __slots__ = ("last_use", "plan", "points", "refill", "requests")

    def __init__(self, plan: str, limits: PlanLimits) -> None:
        self.requests = Bucket(limits.requests_per_second, limits.burst)
        self.points = Bucket(limits.points_per_second, limits.points)
        self.plan = plan
        self.refill = _refill(limits)
        self.last_use = 0.0

    def change(self, plan: str, limits: PlanLimits) -> None:
        self.requests.reconfigure(limits.requests_per_second, limits.burst)
        self.points.reconfigure(limits.points_per_second, limits.points)
        self.plan = plan
        self.refill = _refill(limits)


def _refill(limits: PlanLimits) -> float:
    return max(limits.burst / limits.requests_per_second, limits.points / limits.points_per_second)
