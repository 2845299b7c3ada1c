from typing import Final

import msgspec

from harka import clock, logs
from harka.analytics import alert, tenant, usage
from harka.errors import HarkaError
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
from harka.repositories import domain as domains
from harka.repositories import job, rollup
from harka.worker.units import Units

ENDED_JOBS_KEPT: Final = 86_400.0
"""Seconds that a job which is done or cancelled can be looked at."""
ROUTINE_JOBS_KEPT: Final = 3600.0
"""Seconds; measuring comes every minute, and a table of finished measurements helps nobody."""


LOOK_EVERY: Final = 5
"""Minutes between two looks at a tenant's health, each tenant at minutes of its own."""

log = logs.logger("worker")


class MeasureUsage(msgspec.Struct, frozen=True):
    """No payload: the tenant of the job is all there is to say."""


async def measure(work: UnitOfWork, _payload: MeasureUsage, files: FileStore, units: Units) -> None:
    await job.delete_ended(work.session, older_than=ENDED_JOBS_KEPT, sooner=ROUTINE_JOBS_KEPT, types=ROUTINE)
    await idempotency.forget_old(work)
    await session.forget_old(work)
    await event.forget_old(work)
    await webhook_delivery.forget_old(work)
    await bulk_change.forget_old(work)
    await bulk_operation.end_left(work, files)
    await bulk_operation.forget_old(work, files)
    await sso.forget_old(work)
    await file.release_abandoned(work, files)
    await rollup.fold(work.session)
    await usage.measure(work)
    await _watch(work, units)


async def _watch(work: UnitOfWork, units: Units) -> None:
    """Who is in charge is told what is wrong, where e-mails go anywhere."""
    runtime, organization = units.runtime, work.context.organization
    is_turn = clock.now().minute % LOOK_EVERY == organization.id.int % LOOK_EVERY
    if not (is_turn and runtime.mailer.is_open):
        return
    try:
        requests = await runtime.requests.this_month(organization)
        unproven = await domains.find_missing(runtime.catalog, organization.id)
    except HarkaError as error:
        # of the catalog: what was measured stays, and a minute later it is looked at again
        log.warning("health not looked at", tenant=str(organization.id), code=error.code)
        return
    await alert.watch(work, (await tenant.read(work, requests, unproven=unproven)).health)
