"""All that an endpoint was not told is tried again: once, in parts, and nobody else's."""

from datetime import timedelta
from uuid import UUID

import msgspec
import pytest

from academy import Academy
from harka import clock
from harka.errors import QueueLimitError
from harka.learning import webhook_delivery
from harka.learning.webhook_delivery import RetryLater
from harka.repositories.job import Job
from harka.repositories.organization import Granted
from harka.runtime import Runtime
from harka.storage.statement import Statement
from harka.worker.execution import Execution
from harka.worker.handlers import webhook_retry
from harka.worker.pulse import Report
from harka.worker.units import Units
from learning.test_webhook_sending import hooked

BURY = Statement(
    "test.bury",
    """UPDATE {schema}.webhook_delivery SET state = 'dead', finished_at = now(), error = 'x', attempts = 9,
      happened_at = now() - make_interval(days => CASE WHEN $3 THEN 2 ELSE 0 END)
    WHERE tenant_id = $1 AND endpoint_id = $2::uuid""",
)


async def bury(academy: Academy, endpoint: UUID, *, long_ago: bool = False) -> None:
    async with academy.work() as work:
        await work.session.execute(BURY, endpoint, long_ago)


async def states(academy: Academy, endpoint: UUID) -> list[str]:
    rows = await academy.rows("webhook_delivery")
    return [row["state"] for row in rows if row["endpoint_id"] == str(endpoint)]


async def asked(academy: Academy, endpoint: UUID) -> Job:
    boss = await academy.user("admin")
    async with academy.work(academy.acting(boss)) as work:
        return await webhook_delivery.retry_all(work, endpoint)


async def test_one_that_waits_already_is_answered_in_a_full_queue(academy: Academy) -> None:
    endpoint, other = await hooked(academy), await hooked(academy)
    one = Granted(limits={"queued_jobs": 1}, shadow=False, version=1)
    academy.organization = msgspec.structs.replace(academy.organization, granted=one)
    first = await asked(academy, endpoint)
    assert (await asked(academy, endpoint)).id == first.id
    with pytest.raises(QueueLimitError):
        await asked(academy, other)


async def test_everything_of_the_endpoint_is_tried_again(
    runtime: Runtime, academy: Academy, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint, other = await hooked(academy, 5), await hooked(academy, 2)
    await bury(academy, endpoint)
    await bury(academy, other)
    monkeypatch.setattr(webhook_retry, "PART", 2)
    job = await asked(academy, endpoint)
    execution = Execution(runtime)
    for run in (await execution.claim(academy.organization, 8)).runs:
        assert run.id == job.id
        await execution.run(academy.organization, run)
    assert await states(academy, endpoint) == ["pending"] * 5
    assert await states(academy, other) == ["dead"] * 2
    rows = await academy.rows("webhook_delivery")
    assert all(row["finished_at"] is None for row in rows if row["endpoint_id"] == str(endpoint))


async def test_it_is_bounded_and_says_how_far_it_is(
    runtime: Runtime, academy: Academy, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = await hooked(academy, 5)
    await bury(academy, endpoint)
    monkeypatch.setattr(webhook_retry, "PART", 2)
    monkeypatch.setattr(webhook_retry, "MOST_RETRIED", 4)
    report, units = Report(), Units(runtime, academy.organization, "test")
    async with academy.work() as work:
        await webhook_retry.retry(work, RetryLater(endpoint, clock.now()), units, report)
    assert (report.done, report.message) == (4, "There may be more.")
    assert sorted(await states(academy, endpoint)) == ["dead"] + ["pending"] * 4


async def test_what_is_given_up_later_or_happened_before_is_not_meant(academy: Academy) -> None:
    endpoint, now = await hooked(academy, 1), clock.now()
    await bury(academy, endpoint, long_ago=True)
    hour = timedelta(hours=1)
    for payload in (RetryLater(endpoint, now - hour), RetryLater(endpoint, now + hour, since=now - hour)):
        async with academy.work() as work:
            assert await webhook_delivery.retry_part(work, payload, most=9) == 0
    async with academy.work() as work:
        assert await webhook_delivery.retry_part(work, RetryLater(endpoint, now + hour), most=9) == 1
