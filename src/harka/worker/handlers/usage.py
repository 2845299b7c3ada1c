from typing import Final

import msgspec

from harka.analytics import usage
from harka.files.store import FileStore
from harka.learning import file, idempotency
from harka.learning.work import UnitOfWork
from harka.repositories import job, rollup

DONE_JOBS_KEPT: Final = 3600.0
"""Seconds; measuring comes every minute, and a table of finished measurements helps nobody."""


class MeasureUsage(msgspec.Struct, frozen=True):
    """No payload: the tenant of the job is all there is to say."""


async def measure(work: UnitOfWork, _payload: MeasureUsage, files: FileStore) -> None:
    await job.delete_done(work.session, older_than=DONE_JOBS_KEPT)
    await idempotency.forget_old(work)
    await file.release_abandoned(work, files)
    await rollup.fold(work.session)
    await usage.measure(work)
