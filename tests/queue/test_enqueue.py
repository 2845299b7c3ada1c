import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from academy import Academy
from harka import clock
from harka.errors import ConflictError, QueueLimitError
from harka.ids import new_id
from harka.queue.enqueue import enqueue, enqueue_many, enqueue_unless_recent, require_room, signal
from harka.queue.message import JOBS_TOPIC, MEASURE_USAGE, PLATFORM
from harka.repositories.job import NewJob, Rank


async def test_a_job_exists_with_the_commit_of_its_writer(academy: Academy) -> None:
    async def fail() -> None:
        async with academy.work() as work:
            await enqueue(work.session, "test", {})
            raise ConflictError

    with pytest.raises(ConflictError):
        await fail()
    assert await academy.rows("job") == []

    async with academy.work() as work:
        id_ = await enqueue(work.session, "test", {"course_id": academy.organization.id}, priority=Rank.LOW)

    (job,) = await academy.rows("job")
    assert (job["id"], job["type"], job["payload"]) == (
        str(id_),
        "test",
        {"course_id": str(academy.organization.id)},
    )
    assert (job["state"], job["priority"], job["attempts"], job["max_attempts"]) == ("queued", 1, 0, 3)


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


async def test_what_people_put_in_does_not_keep_a_recurring_job_away(academy: Academy) -> None:
    async with academy.work() as work:
        later = clock.now() + timedelta(days=365)
        await enqueue(work.session, MEASURE_USAGE, {}, run_at=later)
        await enqueue(work.session, MEASURE_USAGE, {}, run_at=later, cron="0 3 1 1 *")
        assert await enqueue_unless_recent(work.session, MEASURE_USAGE, seconds=60)
        assert not await enqueue_unless_recent(work.session, MEASURE_USAGE, seconds=60)


async def test_whoever_asks_at_once_puts_in_one_recurring_job(academy: Academy) -> None:
    async def ask() -> bool:
        async with academy.work() as work:
            return await enqueue_unless_recent(work.session, MEASURE_USAGE, seconds=60)

    assert sum(await asyncio.gather(*(ask() for _ in range(8)))) == 1


async def test_the_limit_holds_under_a_hundred_at_once(academy: Academy) -> None:
    async def ask() -> bool:
        async with academy.work() as work:
            try:
                await require_room(work.session, 1, most=40)
            except QueueLimitError:
                return False
            await enqueue(work.session, "test", {})
            return True

    assert sum(await asyncio.gather(*(ask() for _ in range(100)))) == 40
    assert len(await academy.rows("job")) == 40


async def test_many_are_put_in_by_one_statement(academy: Academy) -> None:
    new = [NewJob(id=new_id(), type="test", dedupe_key=str(n % 3)) for n in range(10)]
    async with academy.work() as work:
        assert await enqueue_many(work.session, new) == {each.id for each in new[:3]}
    assert academy.statements == 1


async def test_while_one_of_a_key_waits_there_is_no_other(academy: Academy) -> None:
    async def ask(key: str = "k") -> UUID:
        async with academy.work() as work:
            return await enqueue(work.session, "course.recount", {}, dedupe_key=key)

    first = await asyncio.gather(*(ask() for _ in range(5)))
    assert len(set(first)) == 1
    assert await ask("other") not in first
    async with academy.work() as work:
        begun = await academy.claimed(work)
    assert begun.id == first[0]
    assert await ask() not in first, "what was begun may not have seen the change"


async def test_the_one_that_waits_is_not_begun_before_the_change_can_be_seen(academy: Academy) -> None:
    async with academy.work() as work:
        await enqueue(work.session, "course.recount", {}, dedupe_key="k")
    async with academy.work() as writer:
        await enqueue(writer.session, "course.recount", {}, dedupe_key="k")
        async with academy.work() as other:
            with pytest.raises(ValueError, match="not enough values"):
                await academy.claimed(other)
    async with academy.work() as work:
        assert (await academy.claimed(work)).attempts == 1


async def test_personal_data_are_sealed_at_rest(academy: Academy) -> None:
    async with academy.work() as work:
        await enqueue(work.session, "test", {"email": "ada@example.com"}, seal_key=bytes(32))
    (row,) = await academy.rows("job")
    assert (row["payload"], "example" in str(row)) == ({}, False)
    assert row["sealed"]


async def test_other_tenants_jobs_do_not_count(academy: Academy, rival: Academy) -> None:
    for each in (academy, rival):
        async with each.work() as work:
            assert await enqueue_unless_recent(work.session, MEASURE_USAGE, seconds=60)


async def test_a_signal_names_the_tenant(academy: Academy) -> None:
    async with academy.parts.pubsub.subscribe(PLATFORM, JOBS_TOPIC) as signals:
        await signal(academy.parts.pubsub, academy.organization.id)
        assert (await anext(signals)).payload == {"tenant": str(academy.organization.id)}
