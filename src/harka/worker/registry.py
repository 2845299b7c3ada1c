"""Which handler does which type of job."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec

from harka.learning.bulk_change import EnrollLater, WriteLater
from harka.learning.bulk_operation import RunQuery
from harka.learning.mail import Mail
from harka.learning.password_request import ResetAsked
from harka.learning.webhook_delivery import RetryLater
from harka.queue.message import (
    BULK_ENROLL,
    BULK_OPERATION,
    BULK_USERS,
    DELIVER_WEBHOOKS,
    MEASURE_USAGE,
    RECHECK_DOMAINS,
    RECOUNT_COURSE,
    RECOUNT_PATH,
    RESET_PASSWORD,
    RETRY_WEBHOOKS,
    SEND_MAIL,
    UNLOCK_PATHS,
)
from harka.worker.handlers import (
    bulk_change,
    bulk_operation,
    course,
    domain,
    mail,
    password,
    path,
    usage,
    webhook,
    webhook_retry,
)


class Handler(msgspec.Struct, frozen=True):
    """`payload`: the struct a payload must be. `run`: does the work, in the unit that also ends the job.

    `takes_files`: it is called with the file store, too. `takes_units`: and with `Units`. `reports`: and
    with a `Report`, at the end.
    `timeout`: seconds for an attempt. `at_once`: how many of a tenant's may run, over all workers.
    `long`: it may run for minutes and more; such jobs have half of a worker's slots at the most, together.
    """

    payload: type[msgspec.Struct]
    run: Callable[..., Awaitable[object]]
    takes_files: bool = False
    takes_units: bool = False
    reports: bool = False
    timeout: float = 60.0
    at_once: int = 100
    long: bool = False


HANDLERS: Final[Mapping[str, Handler]] = {
    RECOUNT_COURSE: Handler(course.RecountCourse, course.recount),
    RECOUNT_PATH: Handler(path.RecountPath, path.recount),
    UNLOCK_PATHS: Handler(path.UnlockPaths, path.unlock),
    RECHECK_DOMAINS: Handler(domain.RecheckDomains, domain.recheck, at_once=1),
    DELIVER_WEBHOOKS: Handler(
        webhook.DeliverWebhooks, webhook.deliver, takes_units=True, at_once=webhook.AT_ONCE
    ),
    RETRY_WEBHOOKS: Handler(RetryLater, webhook_retry.retry, takes_units=True, reports=True, at_once=1),
    BULK_ENROLL: Handler(
        EnrollLater,
        bulk_change.enroll,
        takes_units=True,
        reports=True,
        timeout=bulk_change.TIMEOUT,
        at_once=1,
        long=True,
    ),
    BULK_USERS: Handler(
        WriteLater,
        bulk_change.write,
        takes_units=True,
        reports=True,
        timeout=bulk_change.TIMEOUT,
        at_once=1,
        long=True,
    ),
    BULK_OPERATION: Handler(
        RunQuery,
        bulk_operation.run,
        takes_files=True,
        takes_units=True,
        reports=True,
        timeout=bulk_operation.TIMEOUT,
        at_once=1,
        long=True,
    ),
    RESET_PASSWORD: Handler(ResetAsked, password.reset, takes_units=True, at_once=2),
    SEND_MAIL: Handler(Mail, mail.send, takes_units=True, timeout=mail.TIMEOUT, at_once=mail.AT_ONCE),
    MEASURE_USAGE: Handler(usage.MeasureUsage, usage.measure, takes_files=True, takes_units=True, at_once=1),
}
