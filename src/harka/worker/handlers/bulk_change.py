"""Very many people at once, in parts. What a person or key may not do any more ends it."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from harka.errors import ForbiddenError, HarkaError, NotFoundError, UnauthenticatedError
from harka.learning import bulk_change
from harka.learning.bulk_change import EnrollLater, WriteLater
from harka.learning.work import UnitOfWork
from harka.repositories.bulk_change import Standing
from harka.worker.pulse import Report
from harka.worker.units import Units

G = TypeVar("G", EnrollLater, WriteLater)

TIMEOUT: Final = 900.0
"""Seconds for all parts."""
_PART_TIMEOUT: Final = 300.0

# what would be the same again; an address that somebody else took just now would not
_LASTING: Final = (ForbiddenError, UnauthenticatedError, NotFoundError)


async def enroll(work: UnitOfWork, payload: EnrollLater, units: Units, report: Report) -> None:
    await _in_parts(work, payload, units, report, bulk_change.enroll_part)


async def write(work: UnitOfWork, payload: WriteLater, units: Units, report: Report) -> None:
    await _in_parts(work, payload, units, report, bulk_change.write_part)


async def _in_parts(
    work: UnitOfWork,
    payload: G,
    units: Units,
    report: Report,
    do_part: Callable[[UnitOfWork, G], Awaitable[Standing]],
) -> None:
    """Each in a unit of its own, as who asked; `work`, which ends the job, does nothing else."""
    try:
        outcome = None
        while outcome is None:
            # afresh for each part: they may have been let in no more meanwhile
            acting = await units.acting(payload.delegate)
            async with units.begin(acting, timeout=_PART_TIMEOUT) as part:
                standing = await do_part(part, payload)
            report.tell(standing.done, standing.total)
            outcome = standing.outcome
    except _LASTING as error:
        await _note(work, payload, units, error)


async def _note(work: UnitOfWork, payload: G, units: Units, error: HarkaError) -> None:
    async with units.begin(work.context, timeout=_PART_TIMEOUT) as noting:
        await bulk_change.fail(noting, payload.change_id, error)
