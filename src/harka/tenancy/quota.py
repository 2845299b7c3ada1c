"""How fast one organization may ask: a token bucket (GCRA) each, in this process, sized by the plan.

Several processes each grant the full rate; the ledger over all of them is the business of a later floor.
"""

import itertools
from typing import Final
from uuid import UUID

from harka.errors import RateLimitedError
from harka.fastpath import Bucket
from harka.repositories.organization import Organization
from harka.tenancy.plan import limits_of

_SWEEP_EVERY: Final = 64


class Admission:
    """Buckets of the organizations that asked lately.

    A bucket idle for `burst / rate` seconds is full again and equals a new one, so it is dropped: memory
    follows the active organizations, and nobody gains a fresh budget by being forgotten.
    """

    def __init__(self) -> None:
        # the one looked at the longest ago comes first
        self._entries: dict[UUID, _Entry] = {}
        self._until_sweep = _SWEEP_EVERY

    def __len__(self) -> int:
        return len(self._entries)

    def admit(self, organization: Organization, now: float, *, cost: float = 1.0) -> None:
        """Take `cost` requests at monotonic second `now`, or raise `RateLimitedError` and take nothing."""
        entry = self._entries.get(organization.id)
        if entry is None:
            entry = self._entries[organization.id] = _Entry(organization.plan)
        elif entry.plan != organization.plan:
            entry.change(organization.plan)
        entry.last_use = now
        self._until_sweep -= 1
        if not self._until_sweep:
            self._forget_idle(now)
        wait = entry.bucket.take(now, cost)
        if wait > 0.0:
            raise RateLimitedError(retry_after=wait)

    def _forget_idle(self, now: float) -> None:
        """Look at the next few; twice as many as can have been added, so that the backlog shrinks."""
        self._until_sweep = _SWEEP_EVERY
        for tenant, entry in list(itertools.islice(self._entries.items(), 2 * _SWEEP_EVERY)):
            del self._entries[tenant]
            if now - entry.last_use <= entry.refill:
                self._entries[tenant] = entry


class _Entry:
    """`refill`: seconds from empty to full."""

    __slots__ = ("bucket", "last_use", "plan", "refill")

    def __init__(self, plan: str) -> None:
        limits = limits_of(plan)
        self.bucket = Bucket(limits.requests_per_second, limits.burst)
        self.plan = plan
        self.refill = limits.burst / limits.requests_per_second
        self.last_use = 0.0

    def change(self, plan: str) -> None:
        limits = limits_of(plan)
        self.bucket.reconfigure(limits.requests_per_second, limits.burst)
        self.plan = plan
        self.refill = limits.burst / limits.requests_per_second
