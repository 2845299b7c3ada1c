from typing import Final

from harka.repositories import job
from harka.repositories.job import Job
from harka.storage.session import ShardSession

LEASE: Final = 60.0
"""Seconds a worker has for a job; after that another may take it, and the first can no longer finish it."""


async def claim(session: ShardSession, *, lease: float = LEASE) -> Job | None:
    """Take the tenant's next job, for `lease` seconds from now, or None when none is due.

    Commit before working on it. One that comes dead lost its worker on the last attempt: it is not to be run.
    """
    return await job.claim(session, lease)
