from collections.abc import Mapping
from typing import Final

from harka.repositories.job_run import Limits
from harka.repositories.organization import Organization
from harka.tenancy.entitlement import limits_for

_BURST: Final = 1.0
"""Seconds: so much of the rate may be saved up."""


def allowance(organization: Organization, types: Mapping[str, int], *, long: tuple[str, ...] = ()) -> Limits:
    """What the tenant may have running. `types`: a worker's, with their limits. `long`: of these."""
    limits = limits_for(organization)
    return Limits(
        running=limits.running_jobs,
        types=dict(types),
        per_second=limits.jobs_per_second,
        burst=_BURST,
        long=long,
    )
