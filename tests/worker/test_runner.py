import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from academy import Academy
from harka import clock
from harka.errors import RateLimitedError
from harka.ids import new_id
from harka.learning import course, enrollment
from harka.learning import progress as progresses
from harka.learning.work import UnitOfWork
from harka.queue.claim import claim
from harka.queue.enqueue import enqueue, signal
from harka.queue.message import JOBS_TOPIC, PLATFORM
from harka.queue.retry import MAX_ATTEMPTS
from harka.runtime import Runtime
from harka.storage.location import app_url, database_name
from harka.storage.migrate import connected
from harka.storage.statement import Statement
from harka.tenancy.placement import Mode
from harka.tenancy.plan import Plan, limits_of
from harka.worker.allowance import allowance
from harka.worker.execution import Execution
from harka.worker.registry import HANDLERS, Handler
from harka.worker.runner import run

Working = Callable[..., AbstractAsyncContextManager[asyncio.Event]]
Found = Callable[..., Awaitable[Academy]]


class Payload(msgspec.Struct, frozen=True):
    n: int = 0


class Desk:
    """A handler that notes what it did, in order; `gate` holds it up."""

    def __init__(self, *academies: Academy) -> None:
        self.tenants = {each.organization.id for each in academies}
        self.done: asyncio.Queue[tuple[str, int]] = asyncio.Queue()
        self.begun = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    @property
    def handlers(self) -> dict[str, Handler]:
        return {**HANDLERS, "test": Handler(Payload, self.run)}

    async def run(self, work: UnitOfWork, payload: Payload) -> None:
        # other tests leave jobs behind, and a worker does whatever it finds
        if work.context.id not in self.tenants:
            return
        self.begun.set()
        await self.gate.wait()
        note = work.context.organization.slug, payload.n
        work.after_commit(lambda: self.done.put(note))


async def put(academy: Academy, *numbers: int) -> None:
    async with academy.work() as work:
        for n in numbers:
            await work.enqueue("test", {"n": n})


@pytest.mark.parametrize("mode", list(Mode))
async def test_a_job_is_done_at_once_wherever_the_tenant_lives(
    found: Found, working: Working, mode: Mode
) -> None:
    academy = await found(mode=mode)
    desk = Desk(academy)

    async with working(desk.handlers, period=3600.0):
        await put(academy, 1)
        assert await desk.done.get() == (academy.organization.slug, 1)

    assert {row["state"] for row in await academy.rows("job") if row["type"] == "test"} == {"done"}


async def test_a_published_course_is_recounted(academy: Academy, working: Working) -> None:
    subject, desk = await academy.course(weights=(1, 1)), Desk(academy)
    learner, (lesson, _) = await academy.user(), await academy.lessons(subject)
    made = await academy.enrollment(learner, subject)
    async with academy.work() as work:
        await progresses.record(work, enrollment_id=made.id, lesson_id=lesson.id, fraction=1)
        await course.archive(work, subject.id)
        await work.session.execute(SPOIL)

    # one slot, so that the second job is done after the first
    async with working(desk.handlers, period=3600.0, slots=1):
        async with academy.work() as work:
            await course.publish(work, subject.id)
            await work.enqueue("test", {})
        await desk.done.get()

    async with academy.work(read_only=True) as work:
        assert (await enrollment.find_many(work, [made.id]))[made.id].progress == 0.5


SPOIL = Statement("test.spoil", "UPDATE {schema}.enrollment SET progress = 0.1 WHERE tenant_id = $1")


async def test_a_busy_tenant_does_not_hold_up_another(found: Found, working: Working) -> None:
    busy, calm = await found(plan="STARTER"), await found()
    desk = Desk(busy, calm)
    desk.gate.clear()

    async with working(desk.handlers, period=3600.0, slots=1):
        await put(busy, *range(20))
        await desk.begun.wait()
        async with calm.parts.pubsub.subscribe(PLATFORM, JOBS_TOPIC) as signals:
            await put(calm, 0)
            assert (await anext(signals)).payload == {"tenant": str(calm.organization.id)}
        desk.gate.set()
        order = [(await desk.done.get())[0] for _ in range(21)]

    assert order.index(calm.organization.slug) <= 5, "after the turn that had begun, not after all"


async def test_a_shard_that_is_away_stops_its_own_tenants_alone_and_comes_back(
    found: Found, working: Working, runtime: Runtime, servers: Any
) -> None:
    away, calm = await found(mode=Mode.DEDICATED), await found()
    await put(away, 0)
    desk = Desk(away, calm)
    database = database_name(app_url(runtime.settings, away.organization.database))
    async with connected(servers.admin_url) as connection:
        await connection.execute(f"ALTER DATABASE {database} ALLOW_CONNECTIONS false")
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", database
        )
        async with working(desk.handlers, period=3600.0, slots=2):
            await put(calm, *range(1, 9))
            assert {await desk.done.get() for _ in range(8)} == {
                (calm.organization.slug, n) for n in range(1, 9)
            }
            await connection.execute(f"ALTER DATABASE {database} ALLOW_CONNECTIONS true")
            assert await desk.done.get() == (away.organization.slug, 0)


async def test_a_delayed_job_is_begun_when_it_is_due(academy: Academy, working: Working) -> None:
    desk = Desk(academy)
    async with working(desk.handlers, period=3600.0):
        async with academy.work() as work:
            await work.enqueue("test", {"n": 1}, run_at=clock.now() + timedelta(seconds=0.3))
        assert await desk.done.get() == (academy.organization.slug, 1)
        (job,) = [row for row in await academy.rows("job") if row["type"] == "test"]
    assert job["started_at"] >= job["run_at"]


async def test_no_more_run_at_once_than_the_plan_allows_over_all_workers(
    found: Found, working: Working
) -> None:
    academy = await found(plan=Plan.STARTER)
    running: list[int] = [0]
    most: list[int] = []
    desk = Desk(academy)

    async def crowd(work: UnitOfWork, payload: Payload) -> None:
        # not of those that other tests left behind
        if work.context.id not in desk.tenants:
            return
        running[0] += 1
        most.append(running[0])
        for _ in range(20):
            await asyncio.sleep(0)
        running[0] -= 1
        await desk.run(work, payload)

    handlers = {**HANDLERS, "test": Handler(Payload, crowd)}
    async with working(handlers, period=3600.0), working(handlers, period=3600.0):
        await put(academy, *range(24))
        assert len({(await desk.done.get())[1] for _ in range(24)}) == 24
    assert max(most) <= limits_of(Plan.STARTER).running_jobs


async def test_long_jobs_leave_half_of_the_slots_to_others(found: Found, working: Working) -> None:
    busy, calm = [await found() for _ in range(3)], await found()
    desk, held = Desk(calm), asyncio.Semaphore(0)
    begun: list[int] = []
    gate = asyncio.Event()

    async def slow(work: UnitOfWork, payload: Payload) -> None:
        if work.context.id in {each.organization.id for each in busy}:
            begun.append(payload.n)
            held.release()
            await gate.wait()

    for each in busy:
        async with each.work() as work:
            for n in range(2):
                await work.enqueue("slow", {"n": n})
    handlers = {**desk.handlers, "slow": Handler(Payload, slow, at_once=2, long=True)}
    async with working(handlers, period=3600.0, slots=4):
        for _ in range(2):
            await held.acquire()
        await put(calm, *range(9))
        assert {(await desk.done.get())[1] for _ in range(9)} == set(range(9))
        assert len(begun) == 2
        gate.set()
        for _ in range(4):
            await held.acquire()


async def test_a_lost_job_that_goes_on_for_long_holds_up_no_other_lost_one(
    runtime: Runtime, found: Found, working: Working
) -> None:
    long, short = await found(), await found()
    desk, begun, gate = Desk(short), asyncio.Event(), asyncio.Event()

    async def slow(work: UnitOfWork, _payload: Payload) -> None:
        if work.context.id == long.organization.id:
            begun.set()
            await gate.wait()

    handlers = {"slow": Handler(Payload, slow), "test": desk.handlers["test"]}
    died = Execution(runtime, handlers=handlers, lease=-1.0)
    async with long.work() as work:
        await work.enqueue("slow", {})
    await died.claim(long.organization, 1)
    async with working(handlers, period=3600.0, heartbeat=0.1):
        await begun.wait()
        async with short.work() as work:
            # in one transaction: the live worker is not to be faster
            await enqueue(work.session, "test", {"n": 1}, run_at=clock.now() - timedelta(hours=1))
            limits = allowance(short.organization, {"test": 1})
            (lost,) = await claim(work.session, limits, lease=-1.0)
        await signal(runtime.pubsub, short.organization.id)
        assert await desk.done.get() == (short.organization.slug, 1)
        gate.set()
    assert lost.attempts == 1


async def test_a_job_that_failed_is_begun_again_when_it_is_due(academy: Academy, working: Working) -> None:
    desk, failed = Desk(academy), asyncio.Event()

    async def fail_once(work: UnitOfWork, payload: Payload) -> None:
        if work.context.id == academy.organization.id and not failed.is_set():
            failed.set()
            raise RateLimitedError(retry_after=0.2)
        await desk.run(work, payload)

    # whose lease would not end, which has somebody look
    async with working({"test": Handler(Payload, fail_once)}, period=3600.0, lease=3600.0):
        await put(academy, 1)
        assert await desk.done.get() == (academy.organization.slug, 1)
    assert failed.is_set()


async def test_a_job_without_a_signal_is_found_by_the_round(academy: Academy, working: Working) -> None:
    desk = Desk(academy)
    async with academy.work() as work:
        await enqueue(work.session, "test", {"n": 1})

    async with working(desk.handlers, period=0.2):
        assert await desk.done.get() == (academy.organization.slug, 1)


async def test_a_garbled_signal_harms_nobody(academy: Academy, working: Working) -> None:
    desk = Desk(academy)

    async with working(desk.handlers, period=3600.0):
        for payload in ({}, {"tenant": 1}, {"tenant": "x"}, {"tenant": str(new_id())}):
            await academy.parts.pubsub.publish(PLATFORM, JOBS_TOPIC, payload)
        await put(academy, 1)
        assert await desk.done.get() == (academy.organization.slug, 1)


async def test_stopping_lets_what_has_begun_finish(academy: Academy, working: Working) -> None:
    desk = Desk(academy)
    desk.gate.clear()

    async with working(desk.handlers, period=3600.0, slots=1) as stop:
        await put(academy, 1, 2)
        await desk.begun.wait()
        stop.set()
        desk.gate.set()

    assert desk.done.qsize() == 1
    assert sorted(row["state"] for row in await academy.rows("job") if row["type"] == "test") == [
        "done",
        "queued",
    ]


async def test_what_does_not_finish_in_time_is_undone_and_given_back_however_often(
    runtime: Runtime, academy: Academy
) -> None:
    """More often than there are attempts: a long job outlives any number of deployments."""
    desk = Desk(academy)
    desk.gate.clear()
    hasty = msgspec.structs.replace(
        runtime, settings=msgspec.structs.replace(runtime.settings, shutdown_grace=0.05)
    )
    await put(academy, 1, 2)
    async with academy.parts.pubsub.subscribe(PLATFORM, JOBS_TOPIC) as signals:
        for _ in range(MAX_ATTEMPTS + 1):
            desk.begun.clear()
            stop = asyncio.Event()
            worker = asyncio.create_task(run(hasty, stop=stop, handlers=desk.handlers, period=3600.0))
            await desk.begun.wait()
            stop.set()
            await worker
            rows = [row for row in await academy.rows("job") if row["type"] == "test"]
            assert [(row["state"], row["attempts"], row["error"]) for row in rows] == [
                ("queued", 0, None)
            ] * 2
            # others' tenants are left jobs, too
            while (await anext(signals)).payload != {"tenant": str(academy.organization.id)}:
                pass
    assert desk.done.empty()
