import pytest

from academy import Academy
from harka.errors import ConflictError
from harka.queue.enqueue import enqueue, enqueue_unless_recent, signal
from harka.queue.message import JOBS_TOPIC, MEASURE_USAGE, PLATFORM


async def test_a_job_exists_with_the_commit_of_its_writer(academy: Academy) -> None:
    async def fail() -> None:
        async with academy.work() as work:
            await enqueue(work.session, "test", {})
            raise ConflictError

    with pytest.raises(ConflictError):
        await fail()
    assert await academy.rows("job") == []

    async with academy.work() as work:
        id_ = await enqueue(work.session, "test", {"course_id": academy.organization.id}, priority=5)

    (job,) = await academy.rows("job")
    assert (job["id"], job["type"], job["payload"]) == (
        str(id_),
        "test",
        {"course_id": str(academy.organization.id)},
    )
    assert (job["state"], job["priority"], job["attempts"], job["max_attempts"]) == ("queued", 5, 0, 3)


async def test_a_recurring_job_is_put_in_once_a_period(academy: Academy) -> None:
    async def ask(seconds: float) -> bool:
        async with academy.work() as work:
            return await enqueue_unless_recent(work.session, MEASURE_USAGE, seconds=seconds)

    assert await ask(60)
    assert not await ask(60)
    assert not await ask(0), "one is waiting"
    async with academy.work() as work:
        job = await academy.claimed(work)
        await academy.finished(work, job)
    assert not await ask(60), "one was put in a moment ago"
    assert await ask(0)


async def test_other_tenants_jobs_do_not_count(academy: Academy, rival: Academy) -> None:
    for each in (academy, rival):
        async with each.work() as work:
            assert await enqueue_unless_recent(work.session, MEASURE_USAGE, seconds=60)


async def test_a_signal_names_the_tenant(academy: Academy) -> None:
    async with academy.parts.pubsub.subscribe(PLATFORM, JOBS_TOPIC) as signals:
        await signal(academy.parts.pubsub, academy.organization.id)
        assert (await anext(signals)).payload == {"tenant": str(academy.organization.id)}
