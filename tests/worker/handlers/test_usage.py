import pytest

from academy import Academy
from harka.analytics import usage
from harka.files.store import FileStore
from harka.learning import idempotency
from harka.queue.enqueue import enqueue
from harka.worker.handlers.usage import MeasureUsage, measure

NO_FILES = FileStore(None, bytes(32))


async def test_measuring_forgets_old_jobs_on_the_way(academy: Academy) -> None:
    await academy.user()
    async with academy.work() as work:
        await enqueue(work.session, "test", {})
    async with academy.work() as work:
        await academy.finished(work, await academy.claimed(work))

    async with academy.work() as work:
        await measure(work, MeasureUsage(), NO_FILES)

    assert academy.statements == 11
    assert len(await academy.rows("job")) == 1, "done a moment ago"
    async with academy.work(read_only=True) as work:
        found = await usage.latest(work)
    assert found is not None
    assert found.total_users == 1


async def test_measuring_forgets_old_answers_on_the_way(
    academy: Academy, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with academy.work() as work:
        await idempotency.take(work, "key", bytes(32), secret=bytes(32))
    monkeypatch.setattr(idempotency, "KEPT", -1.0)
    async with academy.work() as work:
        await measure(work, MeasureUsage(), NO_FILES)
    assert await academy.rows("idempotency") == []
