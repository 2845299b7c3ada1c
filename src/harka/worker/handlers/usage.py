from typing import Final

import msgspec

from harka.analytics import usage
from harka.files.store import FileStore
from harka.learning import (
    bulk_change,
    bulk_operation,
    event,
    file,
    idempotency,
    session,
    sso,
    webhook_delivery,
)
from harka.learning.work import UnitOfWork
from harka.queue.message import ROUTINE
from harka.repositories import job, rollup

ENDED_JOBS_KEPT: Final = 86_400.0
"""Seconds that a job which is done or cancelled can be looked at."""
ROUTINE_JOBS_KEPT: Final = 3600.0
"""Seconds; measuring comes every minute, and a table of finished measurements helps nobody."""


class MeasureUsage(msgspec.Struct, frozen=True):
    """No payload: the tenant of the job is all there is to say."""


async def measure(work: UnitOfWork, _payload: MeasureUsage, files: FileStore) -> None:
    await job.delete_ended(work.session, older_than=ENDED_JOBS_KEPT, sooner=ROUTINE_JOBS_KEPT, types=ROUTINE)
    await idempotency.forget_old(work)
    await session.forget_old(work)
    await event.forget_old(work)
    await webhook_delivery.forget_old(work)
    await bulk_change.forget_old(work)
    await bulk_operation.forget_old(work, files)
    await sso.forget_old(work)
    await file.release_abandoned(work, files)
    await rollup.fold(work.session)
    await usage.measure(work)
