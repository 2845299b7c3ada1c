from collections.abc import Mapping
from typing import Final

from harka.repositories.job_run import Limits
from harka.repositories.organization import Organization
from harka.tenancy.entitlement import limits_for

_BURST: Final = 1.0
"""Seconds: so much of the rate may be saved up, and what one job takes of it at the least."""
_SLACK: Final = 1e-6
"""PostgreSQL counts in microseconds: a whole job must not come to a little less than one."""
_LONGEST: Final = 366 * 86_400.0
"""Seconds between two jobs at the most: of a rate near 0 they would be beyond any calendar."""


def allowance(organization: Organization, types: Mapping[str, int], *, long: tuple[str, ...] = ()) -> Limits:
    """What the tenant may have running. `types`: a worker's, with their limits. `long`: of these."""
    limits = limits_for(organization)
    rate = max(limits.jobs_per_second, 1.0 / _LONGEST)
    return Limits(
        running=limits.running_jobs,
        types=dict(types),
        per_second=rate,
        burst=max(_BURST, 1.0 / rate + _SLACK),
        long=long,
    )
