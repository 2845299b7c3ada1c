"""What an endpoint was not told in time is tried again, however much it is."""

from typing import Final

from harka.learning import webhook_delivery
from harka.learning.webhook_delivery import MOST_RETRIED, RetryLater
from harka.learning.work import UnitOfWork
from harka.worker.pulse import Report
from harka.worker.units import Units

PART: Final = 500
_PART_TIMEOUT: Final = 10.0


async def retry(work: UnitOfWork, payload: RetryLater, units: Units, report: Report) -> None:
    """In parts that stay whatever becomes of the job: who goes on finds the rest still given up."""
    done = 0
    while done < MOST_RETRIED:
        async with units.begin(work.context, timeout=_PART_TIMEOUT) as part:
            again = await webhook_delivery.retry_part(part, payload, most=PART)
        done += again
        report.tell(done)
        if again < PART:
            return
    report.tell(done, message="There may be more.")
