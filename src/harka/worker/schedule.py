"""What comes round by itself: every tenant is measured, and looked at for work whose signal was lost."""

import asyncio
from collections.abc import Callable
from typing import Final, Never
from uuid import UUID

from harka import logs
from harka.errors import HarkaError
from harka.learning import domain
from harka.queue.enqueue import enqueue_unless_recent
from harka.queue.message import MEASURE_USAGE, RECHECK_DOMAINS
from harka.repositories.organization import Organization
from harka.runtime import Runtime
from harka.storage.session import open_session

PERIOD: Final = 60.0
"""Seconds from one visit of a tenant to the next."""
_SHARE: Final = 0.9
"""Of the period; a measurement younger than that is not repeated, whichever worker asked for it."""
_TIMEOUT: Final = 5.0
_LONGEST_PAUSE: Final = 1.0

log = logs.logger("schedule")


async def run(runtime: Runtime, wake: Callable[[UUID], object], *, period: float = PERIOD) -> Never:
    """Visit every tenant of the directory once a `period`, evenly spread, until cancelled."""
    # what an earlier worker left behind should not wait for a whole round
    for organization in runtime.directory.current.organizations:
        wake(organization.id)
    visited: dict[UUID, float] = {}
    loop = asyncio.get_running_loop()
    while True:
        organizations = runtime.directory.current.organizations
        began = loop.time()
        visited = {each.id: visited.get(each.id, -period) for each in organizations}
        for organization in organizations:
            if loop.time() - visited[organization.id] >= period:
                visited[organization.id] = loop.time()
                await visit(runtime, organization, seconds=period * _SHARE)
                wake(organization.id)
                # a full round takes half a period at most: the rest is left for newcomers
                await asyncio.sleep(period / 2 / len(organizations))
        await asyncio.sleep(max(0.0, min(_LONGEST_PAUSE, period) - (loop.time() - began)))


async def visit(runtime: Runtime, organization: Organization, *, seconds: float) -> bool:
    """Ask for a measurement, unless one was asked for within `seconds`; answers whether it was."""
    session = open_session(
        runtime.databases, organization.location, organization.id, read_only=False, timeout=_TIMEOUT
    )
    try:
        asked = await enqueue_unless_recent(session, MEASURE_USAGE, seconds=seconds)
        if organization.domain is not None:
            await enqueue_unless_recent(session, RECHECK_DOMAINS, seconds=domain.PERIOD)
        await session.commit()
    except HarkaError as error:
        log.warning("tenant not visited", tenant=str(organization.id), code=error.code)
        return False
    finally:
        await session.rollback()
    return asked
