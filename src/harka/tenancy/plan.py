"""What each plan buys (DESIGN §4): numbers here, enforcement in `tenancy.quota` and the ledgers."""

import enum
from collections.abc import Mapping

import msgspec

KIBI = 1024
MEBI = KIBI**2
GIBI = KIBI**3
TEBI = KIBI**4
GIGA = 10**9
TERA = 10**12
MOST = 2**53
"""Of any limit: what a float tells exactly, and a bucket takes."""


class Plan(enum.StrEnum):
    """The values are what `control.organization.plan` holds."""

    STARTER = "STARTER"
    GROWTH = "GROWTH"
    ENTERPRISE = "ENTERPRISE"


class Features(msgspec.Struct, frozen=True, kw_only=True):
    sso: bool = False
    custom_branding: bool = False
    api_access: bool = True
    advanced_analytics: bool = False
    custom_ai: bool = False


class Resource(enum.StrEnum):
    """What a plan bounds."""

    USERS = "users"
    STORAGE = "storage"
    REQUESTS_PER_MONTH = "requests_per_month"
    BANDWIDTH = "bandwidth"
    REQUESTS_PER_SECOND = "requests_per_second"
    POINTS_PER_SECOND = "points_per_second"
    CONCURRENT_REQUESTS = "concurrent_requests"
    SOCKETS = "sockets"
    CPU = "cpu"
    MEMORY = "memory"
    QUEUED_JOBS = "queued_jobs"
    CACHE = "cache"


class PlanLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What is None has no limit. `requests_per_month`, `bandwidth_bytes`: of the tenant's calendar month.

    `points_per_second`, `points`: of what operations cost (`graph.cost`), and how many may be saved up.
    `memory_bytes`: of what operations under way may answer. `grace`: which share of a month's limit passes
    beyond it, so that nobody is cut off without having been told.
    `cache_bytes`: of what is kept in Valkey.
    `queued_jobs`, `running_jobs`, `jobs_per_second`: how many may wait, run over all workers, and begin.
    `jobs_weight`: how long a turn of the tenant is, compared with others' turns.
    """

    users: int | None
    requests_per_month: int | None
    requests_per_second: float
    burst: int
    points_per_second: float
    points: int
    concurrent_requests: int
    sockets: int
    cpu_millicores: int
    memory_bytes: int
    cache_bytes: int
    storage_bytes: int
    bandwidth_bytes: int | None
    grace: float = 0.1
    queued_jobs: int
    running_jobs: int
    jobs_per_second: float
    jobs_weight: int
    features: Features


LIMITS: Mapping[Plan, PlanLimits] = {
    Plan.STARTER: PlanLimits(
        users=100,
        requests_per_month=1_000_000,
        requests_per_second=200.0,
        burst=400,
        points_per_second=5_000.0,
        points=50_000,
        concurrent_requests=100,
        sockets=500,
        cpu_millicores=100,
        memory_bytes=256 * MEBI,
        cache_bytes=4 * MEBI,
        storage_bytes=10 * GIBI,
        bandwidth_bytes=100 * GIGA,
        queued_jobs=10_000,
        running_jobs=4,
        jobs_per_second=100.0,
        jobs_weight=1,
        features=Features(),
    ),
    Plan.GROWTH: PlanLimits(
        users=1_000,
        requests_per_month=10_000_000,
        requests_per_second=1_000.0,
        burst=2_000,
        points_per_second=25_000.0,
        points=250_000,
        concurrent_requests=400,
        sockets=5_000,
        cpu_millicores=500,
        memory_bytes=1 * GIBI,
        cache_bytes=32 * MEBI,
        storage_bytes=100 * GIBI,
        bandwidth_bytes=1 * TERA,
        queued_jobs=50_000,
        running_jobs=8,
        jobs_per_second=500.0,
        jobs_weight=2,
        features=Features(sso=True, custom_branding=True),
    ),
    Plan.ENTERPRISE: PlanLimits(
        users=None,
        requests_per_month=None,
        requests_per_second=5_000.0,
        burst=10_000,
        points_per_second=100_000.0,
        points=1_000_000,
        concurrent_requests=2_000,
        sockets=50_000,
        cpu_millicores=2_000,
        memory_bytes=4 * GIBI,
        cache_bytes=128 * MEBI,
        storage_bytes=1 * TEBI,
        bandwidth_bytes=None,
        queued_jobs=200_000,
        running_jobs=12,
        jobs_per_second=2_000.0,
        jobs_weight=4,
        features=Features(sso=True, custom_branding=True, advanced_analytics=True, custom_ai=True),
    ),
}


def limits_of(plan: str) -> PlanLimits:
    """Raise `ValueError` for a plan that does not exist."""
    return LIMITS[Plan(plan)]


def with_grace(included: int | None, grace: float) -> int | None:
    """Beyond which nothing of a month's passes; None for as much as they like."""
    return None if included is None else min(round(included * (1.0 + grace)), MOST)


def least_plan_with(feature: str) -> Plan | None:
    """The smallest that has the feature; None when none has."""
    return next((plan for plan in Plan if getattr(LIMITS[plan].features, feature)), None)


def features_of(plan: str, overrides: Mapping[str, bool]) -> Features:
    """Lay one organization's `overrides` over its plan's features; unknown names are ignored."""
    known = {name: bool(overrides[name]) for name in Features.__struct_fields__ if name in overrides}
    return msgspec.structs.replace(limits_of(plan).features, **known)
