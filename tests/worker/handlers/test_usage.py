from datetime import timedelta

import pytest

from academy import Academy
from harka.analytics import alert, usage
from harka.files.store import FileStore
from harka.learning import idempotency
from harka.queue.enqueue import enqueue
from harka.queue.message import MEASURE_USAGE
from harka.runtime import Runtime
from harka.storage.statement import Statement
from harka.worker.execution import Execution
from harka.worker.handlers import usage as usage_handler
from harka.worker.handlers.usage import MeasureUsage, measure
from harka.worker.units import Units
from smtp_server import smtp_server
from worker.handlers.test_mail import posting

BURY = Statement(
    "test.bury",
    "UPDATE {schema}.job SET state = 'dead', finished_at = now(), error = 'x' WHERE tenant_id = $1",
)
NO_FILES = FileStore(None, bytes(32))


def units(runtime: Runtime, academy: Academy) -> Units:
    return Units(runtime, academy.organization, "test")


async def test_measuring_forgets_old_jobs_on_the_way(runtime: Runtime, academy: Academy) -> None:
    await academy.user()
    async with academy.work() as work:
        await enqueue(work.session, "test", {})
    async with academy.work() as work:
        await academy.finished(work, await academy.claimed(work))

    async with academy.work() as work:
        await measure(work, MeasureUsage(), NO_FILES, units(posting(runtime, None), academy))

    assert academy.statements == 13
    assert len(await academy.rows("job")) == 1, "done a moment ago"
    async with academy.work(read_only=True) as work:
        found = await usage.latest(work)
    assert found is not None
    assert found.total_users == 1


async def test_measuring_forgets_old_answers_on_the_way(
    runtime: Runtime, academy: Academy, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with academy.work() as work:
        await idempotency.take(work, "key", bytes(32), secret=bytes(32))
    monkeypatch.setattr(idempotency, "KEPT", -1.0)
    async with academy.work() as work:
        await measure(work, MeasureUsage(), NO_FILES, units(runtime, academy))
    assert await academy.rows("idempotency") == []


async def test_who_is_in_charge_is_told_what_was_given_up(
    runtime: Runtime, academy: Academy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the job that is dead to the server that takes the e-mail."""
    owner = await academy.user("owner")
    monkeypatch.setattr(usage_handler, "LOOK_EVERY", 1)
    monkeypatch.setattr(alert, "STANDING", timedelta(0))
    async with academy.work() as work:
        await enqueue(work.session, "test", {})
    async with academy.work() as work:
        await work.session.execute(BURY)
        await enqueue(work.session, MEASURE_USAGE, {})
    async with smtp_server() as server:
        execution = Execution(posting(runtime, server.url))
        for _ in range(2):
            for run in (await execution.claim(academy.organization, 9)).runs:
                await execution.run(academy.organization, run)
    (came,) = server.received
    assert owner.email in came["To"]
    assert "Background jobs were given up (1)" in came.get_body(("plain",)).get_content()  # type: ignore[union-attr]  # it has one
    assert came["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


async def test_without_a_server_nobody_looks(
    runtime: Runtime, academy: Academy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage_handler, "LOOK_EVERY", 1)
    await academy.user("owner")
    async with academy.work() as work:
        await enqueue(work.session, "test", {})
        await work.session.execute(BURY)
    closed = posting(runtime, None)
    async with academy.work() as work:
        await measure(work, MeasureUsage(), NO_FILES, units(closed, academy))
    assert await academy.rows("health_alert") == []
