"""Which handler does which type of job."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec

from harka.queue.message import (
    DELIVER_WEBHOOKS,
    MEASURE_USAGE,
    RECHECK_DOMAINS,
    RECOUNT_COURSE,
    RECOUNT_PATH,
    UNLOCK_PATHS,
)
from harka.worker.handlers import course, domain, path, usage, webhook


class Handler(msgspec.Struct, frozen=True):
    """`payload`: the struct a payload must be. `run`: does the work, in the unit that also ends the job.

    `takes_files`: it is called with the file store, too. `takes_units`: and with `Units`. `reports`: and
    with a `Report`, at the end.
    `timeout`: seconds for an attempt. `at_once`: how many of a tenant's may run, over all workers.
    """

    payload: type[msgspec.Struct]
    run: Callable[..., Awaitable[object]]
    takes_files: bool = False
    takes_units: bool = False
    reports: bool = False
    timeout: float = 60.0
    at_once: int = 100


HANDLERS: Final[Mapping[str, Handler]] = {
    RECOUNT_COURSE: Handler(course.RecountCourse, course.recount),
    RECOUNT_PATH: Handler(path.RecountPath, path.recount),
    UNLOCK_PATHS: Handler(path.UnlockPaths, path.unlock),
    RECHECK_DOMAINS: Handler(domain.RecheckDomains, domain.recheck, at_once=1),
    DELIVER_WEBHOOKS: Handler(
        webhook.DeliverWebhooks, webhook.deliver, takes_units=True, at_once=webhook.AT_ONCE
    ),
    MEASURE_USAGE: Handler(usage.MeasureUsage, usage.measure, takes_files=True, at_once=1),
}
