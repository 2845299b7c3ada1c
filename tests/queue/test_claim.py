import asyncio
from uuid import UUID

from academy import Academy
from harka.queue.claim import claim
from harka.queue.enqueue import enqueue
from harka.repositories import job as jobs
from harka.repositories.job import Job


async def put(academy: Academy, *types: str, priority: int = 0) -> None:
    async with academy.work() as work:
        for type_ in types:
            await enqueue(work.session, type_, {}, priority=priority)


async def take(academy: Academy, lease: float = 60.0) -> Job | None:
    async with academy.work() as work:
        return await claim(work.session, lease=lease)


async def states(academy: Academy) -> list[str]:
    return sorted(row["state"] for row in await academy.rows("job"))


async def test_the_most_urgent_then_the_oldest_comes_first(academy: Academy) -> None:
    await put(academy, "old", "new")
    await put(academy, "urgent", priority=-1)

    taken = [await take(academy) for _ in range(4)]

    assert [each and each.type for each in taken] == ["urgent", "old", "new", None]
    assert {(each.state, each.attempts, each.fence) for each in taken if each} == {("running", 1, 1)}


async def test_claimants_at_once_take_different_jobs(academy: Academy) -> None:
    await put(academy, *(["test"] * 20))

    taken = await asyncio.gather(*(take(academy) for _ in range(30)))

    ids = [each.id for each in taken if each]
    assert len(ids) == len(set(ids)) == 20


async def test_a_tenants_jobs_are_its_own(academy: Academy, rival: Academy) -> None:
    await put(academy, "test")

    assert await take(rival) is None
    assert await take(academy) is not None


async def test_a_lost_worker_loses_its_job_to_the_next(academy: Academy) -> None:
    await put(academy, "test")
    first = await take(academy, lease=-1.0)
    second = await take(academy)
    assert first is not None
    assert second is not None

    async with academy.work() as work:
        assert not await jobs.finish(work.session, first)
        assert await jobs.fail(work.session, first, "late", delay=0) is None
        assert await jobs.finish(work.session, second)

    assert (first.id, first.fence, second.fence, second.attempts) == (second.id, 1, 2, 2)
    assert await states(academy) == ["done"]


async def test_a_job_that_loses_every_worker_is_buried(academy: Academy) -> None:
    await put(academy, "fatal", "next")
    for _ in range(3):
        taken = await take(academy, lease=-1.0)
        assert taken is not None
        assert taken.type == "fatal"

    buried, following = await take(academy), await take(academy)

    assert (buried and buried.type, buried and buried.state) == ("fatal", "dead")
    assert (following and following.type, following and following.state) == ("next", "running")
    (dead,) = [row for row in await academy.rows("job") if row["state"] == "dead"]
    assert (dead["type"], dead["attempts"], dead["error"]) == ("fatal", 3, "its worker was lost")


async def test_a_failed_job_waits_and_after_three_attempts_stays_dead(academy: Academy) -> None:
    await put(academy, "test")
    outcomes = []
    for _ in range(3):
        taken = await take(academy)
        assert taken is not None
        async with academy.work() as work:
            outcomes.append(await jobs.fail(work.session, taken, "no luck", delay=0))

    assert outcomes == ["queued", "queued", "dead"]
    assert await take(academy) is None
    (row,) = await academy.rows("job")
    assert (row["state"], row["error"], row["attempts"]) == ("dead", "no luck", 3)
    assert row["finished_at"] is not None


async def test_a_delayed_job_is_not_due(academy: Academy) -> None:
    await put(academy, "test")
    taken = await take(academy)
    assert taken is not None
    async with academy.work() as work:
        await jobs.fail(work.session, taken, "no luck", delay=60)

    assert await take(academy) is None
    assert await states(academy) == ["queued"]


async def test_done_jobs_are_forgotten_and_dead_ones_kept(academy: Academy) -> None:
    await put(academy, "done", "dead", "queued")
    async with academy.work() as work:
        done, dead = await claim(work.session), await claim(work.session)
        assert done is not None
        assert dead is not None
        await jobs.finish(work.session, done)
        for _ in range(3):
            await jobs.fail(work.session, dead, "no luck", delay=0)
            dead = await claim(work.session) or dead

    async with academy.work() as work:
        assert await jobs.delete_done(work.session, older_than=60) == 0
    async with academy.work() as work:
        assert await jobs.delete_done(work.session, older_than=-1) == 1
        found = await jobs.find_by_ids(work.session, [done.id, UUID(int=1)])

    assert found == []
    assert "done" not in await states(academy)
