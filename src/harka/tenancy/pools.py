"""The pools that an organization's limits come to, and how much of each a process may keep for itself."""

from functools import lru_cache
from typing import Final

import msgspec

from harka.tenancy.plan import PlanLimits, Resource, with_grace

_WINDOW: Final = 10.0
"""Seconds in which what is kept idle is at most a hundredth of what may be taken."""
_SAVED: Final = 10.0
"""Seconds of processor time that may be saved up."""
REQUESTS: Final = 0
MONTH: Final = 1
RUNNING: Final = 2
CPU: Final = 3
POINTS: Final = 4
MEMORY: Final = 5
SOCKETS: Final = 6
BANDWIDTH: Final = 7

MONTHLY: Final = {MONTH: Resource.REQUESTS_PER_MONTH, BANDWIDTH: Resource.BANDWIDTH}
"""Those that an organization may have without a limit."""
_REMEMBERED: Final = 256
"""Plans, and what was granted beside them."""
ONE: Final = 1.0
"""Of what is counted."""
_IN_A_UNIT: Final = {Resource.CPU: 1000.0}
"""How many of what a pool counts are one of what clients are told, where that is not the same."""


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """`rate`: what comes back in a second. `monthly`: all of it comes back with the next month.

    `most`: how much may be idle, in all processes together. Without a rate and not monthly, what was taken
    comes back when it is given back.
    """

    resource: Resource
    capacity: float
    rate: float = 0.0
    monthly: bool = False
    most: float

    @property
    def is_held(self) -> bool:
        """Nothing of it is used up."""
        return self.rate == 0.0 and not self.monthly

    def told(self, amount: float) -> float:
        """So much of it, as clients are told: in the unit that `organization.quota` names."""
        return amount / _IN_A_UNIT.get(self.resource, 1.0)


TOLLS: Final = {REQUESTS: 1.0, MONTH: 1.0, RUNNING: 1.0, CPU: 1.0}
"""What a request takes at the door. Of processor time, in milliseconds, it is settled at the end."""


@lru_cache(_REMEMBERED)
def pools_of(limits: PlanLimits) -> tuple[Pool | None, ...]:
    """In the order of the constants; None for what has no limit. Processor time in milliseconds.

    `Pool.told` makes seconds of them. The same for all organizations of a plan: they are a kilobyte.
    """
    return (
        _flowing(Resource.REQUESTS_PER_SECOND, limits.requests_per_second, limits.burst),
        _monthly(Resource.REQUESTS_PER_MONTH, with_grace(limits.requests_per_month, limits.grace)),
        _held(Resource.CONCURRENT_REQUESTS, limits.concurrent_requests),
        _flowing(Resource.CPU, limits.cpu_millicores, _SAVED * limits.cpu_millicores),
        _flowing(Resource.POINTS_PER_SECOND, limits.points_per_second, limits.points),
        _held(Resource.MEMORY, limits.memory_bytes),
        _held(Resource.SOCKETS, limits.sockets),
        _monthly(Resource.BANDWIDTH, with_grace(limits.bandwidth_bytes, limits.grace)),
    )


def _flowing(resource: Resource, rate: float, capacity: float) -> Pool:
    most = _hundredth(capacity + _WINDOW * rate)
    return Pool(resource=resource, capacity=float(capacity), rate=float(rate), most=most)


def _monthly(resource: Resource, capacity: int | None) -> Pool | None:
    if capacity is None:
        return None
    return Pool(resource=resource, capacity=float(capacity), monthly=True, most=_hundredth(capacity))


def _hundredth(amount: float) -> float:
    """Less than one is of use to nobody."""
    hundredth = amount / 100.0
    return hundredth if hundredth >= 1.0 else 0.0


def _held(resource: Resource, capacity: int) -> Pool:
    return Pool(resource=resource, capacity=float(capacity), most=float(capacity // 10))
