import asyncio
from datetime import timedelta

import msgspec
import pytest

from academy import Academy
from harka import clock
from harka.queue.claim import claim
from harka.queue.enqueue import enqueue
from harka.repositories import job as jobs
from harka.repositories import job_run
from harka.repositories.job import Rank
from harka.repositories.job_run import Beat, Limits, Run
from harka.repositories.organization import Granted
from harka.storage.statement import Statement
from harka.worker.allowance import allowance

TYPES = ("test", "old", "new", "urgent", "fatal", "next")
LIMITS = Limits(running=100, types=dict.fromkeys(TYPES, 100), per_second=1e6, burst=1.0)


async def put(academy: Academy, *types: str, priority: int = 0) -> None:
    async with academy.work() as work:
        for type_ in types:
            await enqueue(work.session, type_, {}, priority=priority)


async def take(academy: Academy, most: int = 1, lease: float = 60.0, limits: Limits = LIMITS) -> list[Run]:
    async with academy.work() as work:
        return await claim(work.session, limits, most=most, lease=lease)


async def take_one(academy: Academy, lease: float = 60.0) -> Run:
    (run,) = await take(academy, lease=lease)
    return run


async def states(academy: Academy) -> list[str]:
    return sorted(row["state"] for row in await academy.rows("job"))


async def test_the_most_urgent_then_the_oldest_comes_first(academy: Academy) -> None:
    await put(academy, "next", priority=Rank.LOW)
    await put(academy, "old", "new")
    await put(academy, "urgent", priority=Rank.HIGH)

    taken = [*await take(academy), *await take(academy, 10)]

    assert [each.type for each in taken] == ["urgent", "old", "new", "next"]
    assert {(each.state, each.attempts, each.fence) for each in taken} == {("running", 1, 1)}
    assert await take(academy) == []


async def test_claimants_at_once_take_different_jobs_and_keep_the_cap(academy: Academy) -> None:
    await put(academy, *(["test"] * 20), *(["old"] * 5))
    narrow = Limits(running=7, types={"test": 5, "old": 100}, per_second=1e6, burst=1.0)

    taken = await asyncio.gather(*(take(academy, 2, limits=narrow) for _ in range(12)))

    runs = [run for each in taken for run in each]
    assert len({run.id for run in runs}) == len(runs) == 7
    assert [run.type for run in runs].count("test") == 5, "no more of a type than may run at once"


async def test_what_may_not_run_does_not_hold_up_what_may(academy: Academy) -> None:
    await put(academy, *(["test"] * 3), priority=Rank.HIGH)
    await put(academy, "old")
    narrow = Limits(running=5, types={"test": 1, "old": 1}, per_second=1e6, burst=1.0)

    assert [run.type for run in await take(academy, 10, limits=narrow)] == ["test", "old"]
    async with academy.work() as work:
        seen = await job_run.outlook(work.session, narrow)
    assert seen.waits
    assert seen.seconds is not None
    assert 50 < seen.seconds <= 60, "when a lease ends"


async def test_a_type_that_a_worker_does_not_know_is_left_for_one_that_does(academy: Academy) -> None:
    await put(academy, "unheard-of")

    assert await take(academy) == []
    assert await states(academy) == ["queued"]


async def test_no_more_begin_than_the_rate_allows_and_no_attempt_is_lost(academy: Academy) -> None:
    await put(academy, *(["test"] * 20))
    slow = Limits(running=100, types={"test": 100}, per_second=5.0, burst=1.0)

    taken = [*await take(academy, 3, limits=slow), *await take(academy, 10, limits=slow)]
    async with academy.work() as work:
        seen = await job_run.outlook(work.session, slow)

    assert 5 <= len(taken) <= 6, "what a second allows, and perhaps what came since"
    assert seen.waits
    assert seen.seconds is not None
    assert 0 < seen.seconds <= 0.2
    assert sum(row["attempts"] for row in await academy.rows("job")) == len(taken)


@pytest.mark.parametrize("rate", [0.9, 0.7, 1 / 3, 1e-3, 1e-9, 5e-324])
async def test_less_than_one_a_second_is_not_none(academy: Academy, rate: float) -> None:
    granted = Granted({"jobs_per_second": rate}, shadow=False, version=1)
    slow = allowance(msgspec.structs.replace(academy.organization, granted=granted), {"test": 100})
    await put(academy, "test", "test")

    assert len(await take(academy, 9, limits=slow)) == 1
    assert await take(academy, 9, limits=slow) == [], "the next waits for its turn"
    async with academy.work() as work:
        seen = await job_run.outlook(work.session, slow)
    assert seen.seconds is not None
    assert min(1 / rate - 1, 58) < seen.seconds <= 60, "or until a lease ends"


async def test_a_tenants_jobs_are_its_own(academy: Academy, rival: Academy) -> None:
    await put(academy, "test")

    assert await take(rival) == []
    assert len(await take(academy)) == 1


async def test_a_lost_worker_loses_its_job_to_the_next(academy: Academy) -> None:
    await put(academy, "test")
    first = await take_one(academy, lease=-1.0)
    second = await take_one(academy)

    async with academy.work() as work:
        assert await job_run.finish(work.session, [first]) == set()
        assert await job_run.fail(work.session, first, "late", delay=0) is None
        assert await job_run.defer(work.session, first, delay=0) is None
        assert await job_run.beat(work.session, [Beat(first.id, first.fence)], lease=60) == {}
        assert await job_run.finish(work.session, [second]) == {second.id}

    assert (first.id, first.fence, second.fence, second.attempts) == (second.id, 1, 2, 2)
    assert await states(academy) == ["done"]


async def test_a_job_that_loses_every_worker_is_buried(academy: Academy) -> None:
    await put(academy, "fatal", "next")
    for _ in range(3):
        assert (await take_one(academy, lease=-1.0)).type == "fatal"

    buried, following = await take(academy, 2)

    assert (buried.type, buried.state, following.type, following.state) == (
        "fatal",
        "dead",
        "next",
        "running",
    )
    (dead,) = [row for row in await academy.rows("job") if row["state"] == "dead"]
    assert (dead["type"], dead["attempts"], dead["error"]) == ("fatal", 3, "its worker was lost")


async def test_one_whose_type_nobody_knows_any_more_is_buried_after_a_day(academy: Academy) -> None:
    """It holds a slot of its tenant, and nobody else would end it."""
    day = 24 * 3600.0
    await put(academy, "old", "fatal")
    await take(academy, 2, lease=-1.0)
    async with academy.work() as work:
        await work.session.execute(LOSE, "old", 2 * day)
        await work.session.execute(LOSE, "fatal", day / 2)
    fresh = Limits(running=100, types={"new": 100}, per_second=1e6, burst=1.0)

    assert [(run.type, run.state) for run in await take(academy, 8, limits=fresh)] == [("old", "dead")]
    assert await take(academy, 8, limits=fresh) == []
    rows = {row["type"]: row for row in await academy.rows("job")}
    assert (rows["old"]["state"], rows["old"]["error"]) == ("dead", "its worker was lost")
    assert rows["old"]["finished_at"] is not None
    assert rows["fatal"]["state"] == "running"


LOSE = Statement(
    "test.lose",
    """UPDATE {schema}.job SET leased_until = now() - make_interval(secs => $3::float8)
    WHERE tenant_id = $1 AND type = $2::text""",
)


async def test_what_lost_its_worker_is_given_out_alone(academy: Academy) -> None:
    """One of them may be what the worker died of: together, all would be dead in the end."""
    await put(academy, *(["test"] * 4))
    await take(academy, 3, lease=-1.0)

    assert [run.was_lost for run in await take(academy, 4)] == [True, False]
    async with academy.work() as work:
        assert await claim(work.session, LIMITS, most=4, lost=0) == []
    assert [run.was_lost for run in await take(academy, 4)] == [True]


async def test_no_more_long_ones_are_taken_than_there_is_room_for(academy: Academy) -> None:
    await put(academy, "old", "old", "new", "test")
    limits = msgspec.structs.replace(LIMITS, long=("old", "new"))

    async def taken(long: int) -> list[str]:
        async with academy.work() as work:
            runs = await claim(work.session, limits, most=9, long=long, lease=-1.0)
        return sorted(run.type for run in runs)

    assert await taken(1) == ["old", "test"]
    # what was lost has been one of them, and is one again
    assert await taken(0) == ["test"]
    assert await taken(1) == ["old"]
    assert {"new", "old"} <= set(await taken(9))


async def test_a_heartbeat_keeps_the_lease_and_hears_of_a_cancellation(academy: Academy) -> None:
    await put(academy, "test", "test")
    first, second = await take(academy, 2, lease=-1.0)
    beats = [Beat(first.id, first.fence, 5, 10, "Half."), Beat(second.id, second.fence)]
    async with academy.work() as work:
        assert await job_run.beat(work.session, beats, lease=60) == {first.id: False, second.id: False}
        await jobs.cancel(work.session, second.id, None)
        assert await job_run.beat(work.session, beats, lease=60) == {first.id: False, second.id: True}

    assert await take(academy) == [], "the leases last"
    rows = {row["id"]: row for row in await academy.rows("job")}
    told = rows[str(first.id)]
    assert (told["done"], told["total"], told["message"]) == (5, 10, "Half.")


async def test_a_cancelled_job_that_loses_its_worker_is_over(academy: Academy) -> None:
    await put(academy, "test")
    run = await take_one(academy, lease=-1.0)
    async with academy.work() as work:
        await jobs.cancel(work.session, run.id, None)

    assert [each.state for each in await take(academy)] == ["cancelled"]
    assert await states(academy) == ["cancelled"]


async def test_a_failed_job_waits_and_after_three_attempts_stays_dead(academy: Academy) -> None:
    await put(academy, "test")
    outcomes = []
    for _ in range(3):
        taken = await take_one(academy)
        async with academy.work() as work:
            outcomes.append(await job_run.fail(work.session, taken, "no luck", delay=0))

    assert outcomes == ["queued", "queued", "dead"]
    assert await take(academy) == []
    (row,) = await academy.rows("job")
    assert (row["state"], row["error"], row["attempts"]) == ("dead", "no luck", 3)
    assert row["finished_at"] is not None


async def test_a_deferral_is_no_attempt(academy: Academy) -> None:
    await put(academy, "test")
    for _ in range(4):
        taken = await take_one(academy)
        assert taken.attempts == 1
        async with academy.work() as work:
            assert await job_run.defer(work.session, taken, delay=0) == "queued"


async def test_a_delayed_job_is_not_due_and_it_is_known_when(academy: Academy) -> None:
    async with academy.work() as work:
        await enqueue(work.session, "test", {}, run_at=clock.now() + timedelta(seconds=60))

    assert await take(academy) == []
    async with academy.work() as work:
        seen = await job_run.outlook(work.session, LIMITS)
    assert not seen.waits
    assert seen.seconds is not None
    assert 55 < seen.seconds < 61


async def test_ended_jobs_are_forgotten_and_dead_ones_kept(academy: Academy) -> None:
    await put(academy, "old", "fatal", "next", "test")
    done, dead, routine = await take(academy, 3)
    async with academy.work() as work:
        await job_run.finish(work.session, [done, routine])
        await work.session.execute(BURY, dead.id)

    async with academy.work() as work:
        assert await jobs.delete_ended(work.session, older_than=60, sooner=-1, types=["next"]) == 1
        assert await jobs.delete_ended(work.session, older_than=-1, sooner=-1, types=[]) == 1

    assert await states(academy) == ["dead", "queued"]


BURY = Statement("test.bury", "UPDATE {schema}.job SET state = 'dead' WHERE tenant_id = $1 AND id = $2::uuid")
