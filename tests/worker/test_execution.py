import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import msgspec
import pytest

from academy import Academy
from doors import logged
from harka.errors import ConflictError, RateLimitedError, UnavailableError
from harka.learning import course
from harka.learning import job as jobs
from harka.learning.course import CourseDraft
from harka.learning.work import UnitOfWork
from harka.metrics import JobOutcome, Metrics
from harka.queue.claim import HEARTBEAT, LEASE
from harka.repositories.job_run import Outlook
from harka.runtime import Runtime
from harka.storage.statement import Statement
from harka.tenancy.context import ActorKind
from harka.tenancy.permission import EVERY_PERMISSION
from harka.worker.execution import Execution
from harka.worker.pulse import Report
from harka.worker.registry import Handler
from waiting import until


class Payload(msgspec.Struct, frozen=True):
    code: str = "A"


async def create(work: UnitOfWork, payload: Payload) -> None:
    await course.create(work, CourseDraft(title="Made by a job", code=payload.code))


async def create_and_fail(work: UnitOfWork, payload: Payload) -> None:
    await create(work, payload)
    raise ConflictError("No luck.")


class Bench:
    """Claims of one tenant by hand, each run to its end."""

    def __init__(
        self,
        runtime: Runtime,
        academy: Academy,
        run: Callable[..., Awaitable[object]],
        lease: float = LEASE,
        heartbeat: float = HEARTBEAT,
        **handler: Any,
    ) -> None:
        self.outlook = Outlook(waits=False, seconds=None)
        self.academy = academy
        self.metrics = Metrics(tenants=1)
        self.execution = Execution(
            msgspec.structs.replace(runtime, metrics=self.metrics),
            handlers={"test": Handler(Payload, run, **handler)},
            lease=lease,
            heartbeat=heartbeat,
        )

    async def put(self, **payload: object) -> UUID:
        async with self.academy.work() as work:
            return await work.enqueue("test", payload)

    async def turn(self, most: int = 1) -> int:
        """How many were run."""
        claimed = await self.execution.claim(self.academy.organization, most)
        self.outlook = claimed.outlook
        await asyncio.gather(*(self.execution.run(self.academy.organization, run) for run in claimed.runs))
        return len(claimed.runs)

    def counted(self, type_: str = "test") -> dict[str, float]:
        """Attempts by outcome, without those that never were."""
        read = self.metrics.registry.get_sample_value
        counts = {each: read("harka_jobs_total", {"type": type_, "outcome": each}) for each in JobOutcome}
        return {each.value: count for each, count in counts.items() if count}

    def timed(self, type_: str = "test") -> float | None:
        return self.metrics.registry.get_sample_value("harka_job_seconds_count", {"type": type_})

    async def due(self) -> None:
        """Let the delay of a failed job be over."""
        async with self.academy.work() as work:
            await work.session.execute(DUE)


DUE = Statement("test.due", "UPDATE {schema}.job SET run_at = now() WHERE tenant_id = $1")


async def test_work_and_its_end_are_one_commit(runtime: Runtime, academy: Academy) -> None:
    bench = Bench(runtime, academy, create)
    await bench.put(code="B")

    assert await bench.turn()
    assert not await bench.turn()

    assert [row["code"] for row in await academy.rows("course")] == ["B"]
    (job,) = await academy.rows("job")
    assert (job["state"], job["attempts"], job["error"]) == ("done", 1, None)
    assert (bench.counted(), bench.timed()) == ({"done": 1}, 1)


async def test_the_platform_acts_in_the_tenants_name(runtime: Runtime, academy: Academy) -> None:
    contexts = []

    async def look(work: UnitOfWork, _payload: Payload) -> None:
        contexts.append(work.context)

    bench = Bench(runtime, academy, look)
    await bench.put()
    await bench.turn()

    (context,) = contexts
    (job,) = await academy.rows("job")
    assert context.organization == academy.organization
    assert (context.actor.kind, str(context.actor.id), context.actor.name) == (
        ActorKind.JOB,
        job["id"],
        "test",
    )
    assert context.permissions == EVERY_PERMISSION
    assert context.user is None


async def test_a_failed_attempt_leaves_nothing_and_comes_back(runtime: Runtime, academy: Academy) -> None:
    bench = Bench(runtime, academy, create_and_fail)
    await bench.put()

    assert await bench.turn()

    assert await academy.rows("course") == []
    (job,) = await academy.rows("job")
    assert (job["state"], job["attempts"], job["error"]) == ("queued", 1, "ConflictError: No luck.")
    assert not await bench.turn(), "not before the delay is over"
    assert bench.outlook.seconds is not None
    assert 1.5 < bench.outlook.seconds <= 3.0
    assert (bench.counted(), bench.timed()) == ({"retry": 1}, 1)


async def test_a_poisonous_job_ends_dead_and_is_kept(runtime: Runtime, academy: Academy) -> None:
    bench = Bench(runtime, academy, create_and_fail)
    await bench.put()
    for _ in range(3):
        assert await bench.turn()
        await bench.due()

    assert not await bench.turn()
    (job,) = await academy.rows("job")
    assert (job["state"], job["attempts"]) == ("dead", 3)
    assert await academy.rows("course") == []
    assert (bench.counted(), bench.timed()) == ({"retry": 2, "dead": 1}, 3)


async def test_a_job_that_loses_every_worker_is_buried_unrun_and_told(
    runtime: Runtime, academy: Academy
) -> None:
    bench = Bench(runtime, academy, create)
    await bench.put()
    for _ in range(3):
        async with academy.work() as work:
            await academy.claimed(work)
        async with academy.work() as work:
            await work.session.execute(EXPIRE)

    with logged() as lines:
        assert not await bench.turn()

    (job,) = await academy.rows("job")
    assert (job["state"], job["attempts"]) == ("dead", 3)
    assert await academy.rows("course") == []
    assert [(line["event"], line["type"]) for line in lines.of("worker")] == [("job buried", "test")]
    assert (bench.counted(), bench.timed()) == ({"dead": 1}, 0)


async def test_what_cannot_be_understood_fails(runtime: Runtime, academy: Academy) -> None:
    bench = Bench(runtime, academy, create)
    await bench.put(code=5)

    await bench.turn()

    (job,) = await academy.rows("job")
    assert (job["state"], job["attempts"]) == ("queued", 1)
    assert await academy.rows("course") == []
    assert bench.counted() == {"retry": 1}


async def test_a_job_taken_over_meanwhile_is_undone(runtime: Runtime, academy: Academy) -> None:
    """The first worker was slow; the second has done the work: it must not be done twice."""

    async def slow(work: UnitOfWork, payload: Payload) -> None:
        await create(work, payload)
        async with academy.work() as other:
            await other.session.execute(EXPIRE)
        async with academy.work() as other:
            taken = await academy.claimed(other)
            await academy.finished(other, taken)

    bench = Bench(runtime, academy, slow)
    await bench.put()
    await bench.turn()

    assert await academy.rows("course") == []
    (job,) = await academy.rows("job")
    assert (job["state"], job["attempts"], job["fence"]) == ("done", 2, 2)
    assert bench.counted() == {"lost": 1}


EXPIRE = Statement(
    "test.expire", "UPDATE {schema}.job SET leased_until = now() - interval '1 s' WHERE tenant_id = $1"
)


async def test_a_job_that_never_ends_is_cut_off_in_time(runtime: Runtime, academy: Academy) -> None:
    bench = Bench(runtime, academy, hang, timeout=0.1)
    await bench.put()

    async with asyncio.timeout(5):
        await bench.turn()

    (job,) = await academy.rows("job")
    assert (job["attempts"], job["error"]) == (1, "TimeoutError")


async def hang(_work: UnitOfWork, _payload: Payload) -> None:
    await asyncio.Event().wait()


async def test_a_running_job_hears_that_it_is_cancelled_and_tells_how_far_it_was(
    runtime: Runtime, academy: Academy
) -> None:
    async def report(work: UnitOfWork, payload: Payload, report: Report) -> None:
        await create(work, payload)
        report.tell(3, 10, "Counting.")
        await hang(work, payload)

    bench = Bench(runtime, academy, report, heartbeat=0.05, reports=True)
    id_ = await bench.put()
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        pulse = group.create_task(bench.execution.pulse.run())
        turn = group.create_task(bench.turn())
        await until(lambda: told(academy, "done", 3))
        async with academy.work() as work:
            assert (await jobs.cancel(work, id_)).cancelling
        await turn
        pulse.cancel()

    (job,) = await academy.rows("job")
    assert (job["state"], job["attempts"], job["done"], job["message"]) == ("cancelled", 1, 3, "Counting.")
    assert await academy.rows("course") == [], "what it had done is undone"
    assert bench.counted() == {"cancelled": 1}


async def test_a_worker_that_has_lost_the_job_stops_it(runtime: Runtime, academy: Academy) -> None:
    bench = Bench(runtime, academy, hang, heartbeat=0.05)
    await bench.put()
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        turn = group.create_task(bench.turn())
        await until(lambda: told(academy, "state", "running"))
        async with academy.work() as other:
            await other.session.execute(EXPIRE)
        async with academy.work() as other:
            await academy.claimed(other)
        pulse = group.create_task(bench.execution.pulse.run())
        await turn
        pulse.cancel()

    (job,) = await academy.rows("job")
    assert (job["state"], job["attempts"]) == ("running", 2)
    assert bench.counted() == {"lost": 1}


async def told(academy: Academy, column: str, value: object) -> bool:
    (row,) = await academy.rows("job")
    return bool(row[column] == value)


async def test_what_sends_no_statement_is_ended_with_others(runtime: Runtime, academy: Academy) -> None:
    heard: list[str] = []

    async def quiet(work: UnitOfWork, payload: Payload) -> None:
        async def hear() -> None:
            heard.append(payload.code)

        work.after_commit(hear)

    bench = Bench(runtime, academy, quiet)
    for code in ("A", "B", "C"):
        await bench.put(code=code)
    assert await bench.turn(8) == 3

    assert sorted(heard) == ["A", "B", "C"]
    rows = await academy.rows("job")
    assert {row["state"] for row in rows} == {"done"}
    assert len({row["updated_at"] for row in rows}) < 3, "of one transaction"


async def test_a_deferred_job_loses_no_attempt(runtime: Runtime, academy: Academy) -> None:
    async def defer(_work: UnitOfWork, _payload: Payload) -> None:
        raise RateLimitedError(retry_after=30)

    bench = Bench(runtime, academy, defer)
    await bench.put()
    await bench.turn()

    (job,) = await academy.rows("job")
    assert (job["state"], job["attempts"], job["error"]) == ("queued", 0, None)


async def test_a_job_that_comes_again_puts_in_its_next_once(runtime: Runtime, academy: Academy) -> None:
    bench = Bench(runtime, academy, create_and_fail)
    async with academy.work() as work:
        key = runtime.keyring.seal
        await work.enqueue("test", {"code": "S"}, cron="0 3 * * *", dedupe_key="nightly", seal_key=key)
    await bench.turn()

    waiting = [row for row in await academy.rows("job") if row["attempts"] == 0]
    assert [(row["cron"], row["dedupe_key"], row["run_at"][11:16]) for row in waiting] == [
        ("0 3 * * *", "nightly", "03:00")
    ]
    await bench.due()
    assert await bench.turn(8) == 2, "the one that failed, and the one put in"
    assert len(await academy.rows("job")) == 3, "an attempt puts in nothing, a first one does"
    assert {row["error"] for row in await academy.rows("job") if row["attempts"]} == {
        "ConflictError: No luck."
    }


async def test_one_put_off_beside_another_of_its_key_waits_without_it(
    runtime: Runtime, academy: Academy
) -> None:
    async def put(work: UnitOfWork) -> None:
        await work.enqueue("test", {}, dedupe_key="k")

    async def defer(_work: UnitOfWork, _payload: Payload) -> None:
        async with academy.work() as other:
            await put(other)
        raise RateLimitedError(retry_after=30)

    bench = Bench(runtime, academy, defer)
    async with academy.work() as work:
        await put(work)
    await bench.turn()

    rows = await academy.rows("job")
    assert [(row["state"], row["attempts"]) for row in rows] == [("queued", 0)] * 2
    assert sorted(row["dedupe_key"] or "" for row in rows) == ["", "k"]
    assert bench.counted() == {"retry": 1}


async def test_one_put_off_while_another_of_its_key_is_put_in_waits_without_it(
    runtime: Runtime, academy: Academy
) -> None:
    begun, given = asyncio.Event(), asyncio.Event()

    async def defer(_work: UnitOfWork, _payload: Payload) -> None:
        begun.set()
        await given.wait()
        raise RateLimitedError(retry_after=30)

    async def waits() -> bool:
        async with academy.work(read_only=True) as looking:
            return bool(await looking.session.fetch_value(WAITING))

    bench = Bench(runtime, academy, defer)
    async with academy.work() as work:
        await work.enqueue("test", {}, dedupe_key="k")
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        turn = group.create_task(bench.turn())
        await begun.wait()
        async with academy.work() as other:
            await other.enqueue("test", {}, dedupe_key="k")
            # it does not see the other yet, and meets it in the index
            given.set()
            await until(waits)
        await turn

    rows = await academy.rows("job")
    assert [(row["state"], row["attempts"]) for row in rows] == [("queued", 0)] * 2
    assert sorted(row["dedupe_key"] or "" for row in rows) == ["", "k"]


WAITING = Statement(
    "test.waiting",
    """SELECT count(*) FROM pg_locks WHERE NOT granted
      AND $1::uuid IS NOT NULL AND to_regclass('{schema}.job') IS NOT NULL""",
)


async def test_one_put_off_alone_keeps_its_key(runtime: Runtime, academy: Academy) -> None:
    async def defer(_work: UnitOfWork, _payload: Payload) -> None:
        raise RateLimitedError(retry_after=30)

    bench = Bench(runtime, academy, defer)
    async with academy.work() as work:
        first = await work.enqueue("test", {}, dedupe_key="k")
    await bench.turn()
    async with academy.work() as work:
        assert await work.enqueue("test", {}, dedupe_key="k") == first


async def test_a_job_that_comes_again_and_is_put_off_puts_in_one_next(
    runtime: Runtime, academy: Academy
) -> None:
    async def defer(_work: UnitOfWork, _payload: Payload) -> None:
        raise RateLimitedError(retry_after=0)

    bench = Bench(runtime, academy, defer)
    async with academy.work() as work:
        await work.enqueue("test", {}, cron="0 3 * * *")
    for _ in range(3):
        assert await bench.turn()

    assert [row["attempts"] for row in await academy.rows("job")] == [0, 0]


async def test_a_job_that_comes_again_and_ends_with_its_worker_puts_in_one_next(
    runtime: Runtime, academy: Academy
) -> None:
    bench = Bench(runtime, academy, create)
    async with academy.work() as work:
        id_ = await work.enqueue("test", {}, cron="0 3 * * *")
    assert (await bench.execution.claim(academy.organization, 1)).runs
    async with academy.work() as work:
        await jobs.cancel(work, id_)
        await work.session.execute(EXPIRE)
    assert not await bench.turn()

    assert sorted(row["state"] for row in await academy.rows("job")) == ["cancelled", "queued"]


async def test_what_is_given_back_is_as_if_it_had_not_been_claimed(
    runtime: Runtime, academy: Academy
) -> None:
    bench = Bench(runtime, academy, create)
    await bench.put()
    (run,) = (await bench.execution.claim(academy.organization, 1)).runs
    await bench.execution.give_back(academy.organization, run)

    (job,) = await academy.rows("job")
    assert (job["state"], job["attempts"], job["leased_until"]) == ("queued", 0, None)
    assert await bench.turn(), "at once"


async def test_a_queue_that_cannot_be_read_is_told(runtime: Runtime, academy: Academy) -> None:
    bench = Bench(runtime, academy, create)
    academy.organization = msgspec.structs.replace(academy.organization, database="harka_" + "0" * 32)

    with pytest.raises(UnavailableError):
        await bench.execution.claim(academy.organization, 1)
