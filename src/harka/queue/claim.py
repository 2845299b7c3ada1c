from typing import Final

from harka.repositories import job_run
from harka.repositories.job_run import Limits, Run
from harka.storage.session import ShardSession

LEASE: Final = 20.0
"""Seconds a worker has for its jobs, from its last heartbeat on; after that another may take them."""
HEARTBEAT: Final = 2.0
"""Seconds between two heartbeats: a worker may miss several."""


async def claim(
    session: ShardSession,
    limits: Limits,
    *,
    most: int = 1,
    lost: int = 1,
    long: int | None = None,
    lease: float = LEASE,
) -> list[Run]:
    """Take the tenant's next jobs, for `lease` seconds from now: as many as may run, up to `most`.

    `lost`: how many of these may be such as lost their worker. Perhaps it died of one of them: run together
    again, the others would be lost with it until all of them are dead. `long`: how many may be of the long
    types, None for any.

    Commit before working on them. One that comes dead lost its worker on the last attempt, one that comes
    cancelled was to end when it did: neither is to be run.
    """
    return await job_run.claim(
        session, limits, most=most, lost=lost, long=most if long is None else long, lease=lease
    )
