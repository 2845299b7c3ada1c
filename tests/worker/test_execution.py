import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import msgspec
import pytest

from academy import Academy
from doors import logged
from harka.errors import ConflictError, UnavailableError
from harka.learning import course
from harka.learning.course import CourseDraft
from harka.learning.work import UnitOfWork
from harka.metrics import JobOutcome, Metrics
from harka.queue.claim import LEASE
from harka.runtime import Runtime
from harka.storage.statement import Statement
from harka.tenancy.context import ActorKind
from harka.tenancy.permission import EVERY_PERMISSION
from harka.worker.execution import Execution
from harka.worker.registry import Handler


class Payload(msgspec.Struct, frozen=True):
    code: str = "A"


async def create(work: UnitOfWork, payload: Payload) -> None:
    await course.create(work, CourseDraft(title="Made by a job", code=payload.code))


async def create_and_fail(work: UnitOfWork, payload: Payload) -> None:
    await create(work, payload)
    raise ConflictError("No luck.")


class Bench:
    """Turns of one tenant, by hand; notes whom they would wake, and when."""

    def __init__(
        self,
        runtime: Runtime,
        academy: Academy,
        run: Callable[[UnitOfWork, Payload], Awaitable[object]],
        lease: float = LEASE,
    ) -> None:
        self.woken: list[tuple[UUID, float]] = []
        self.academy = academy
        self.metrics = Metrics(tenants=1)
        self.execution = Execution(
            msgspec.structs.replace(runtime, metrics=self.metrics),
            lambda tenant, delay: self.woken.append((tenant, delay)),
            handlers={"test": Handler(Payload, run)},
            lease=lease,
        )

    async def put(self, type_: str = "test", **payload: object) -> None:
        async with self.academy.work() as work:
            await work.enqueue(type_, payload)

    async def turn(self) -> bool:
        return await self.execution.turn(self.academy.organization) is not None

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
    assert bench.woken == [(academy.organization.id, 0.0)]
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
    (_, delay) = bench.woken[-1]
    assert 2.0 <= delay <= 3.0
    assert not await bench.turn(), "not before the delay is over"
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
        assert await bench.turn()
        assert not await bench.turn()

    (job,) = await academy.rows("job")
    assert (job["state"], job["attempts"]) == ("dead", 3)
    assert await academy.rows("course") == []
    assert [(line["event"], line["type"]) for line in lines.of("worker")] == [("job buried", "test")]
    assert (bench.counted(), bench.timed()) == ({"dead": 1}, 0)


@pytest.mark.parametrize(
    ("type_", "payload", "label"), [("unheard-of", {}, "other"), ("test", {"code": 5}, "test")]
)
async def test_what_cannot_be_understood_fails(
    runtime: Runtime, academy: Academy, type_: str, payload: dict[str, object], label: str
) -> None:
    bench = Bench(runtime, academy, create)
    await bench.put(type_, **payload)

    await bench.turn()

    (job,) = await academy.rows("job")
    assert (job["state"], job["attempts"]) == ("queued", 1)
    assert await academy.rows("course") == []
    assert bench.counted(label) == {"retry": 1}


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


async def test_a_job_that_never_ends_is_cut_off_with_its_lease(runtime: Runtime, academy: Academy) -> None:
    async def hang(_work: UnitOfWork, _payload: Payload) -> None:
        await asyncio.Event().wait()

    bench = Bench(runtime, academy, hang, lease=0.1)
    await bench.put()

    async with asyncio.timeout(5):
        await bench.turn()

    (job,) = await academy.rows("job")
    assert (job["attempts"], job["error"]) == (1, "TimeoutError")


async def test_a_queue_that_cannot_be_read_is_told(runtime: Runtime, academy: Academy) -> None:
    bench = Bench(runtime, academy, create)
    academy.organization = msgspec.structs.replace(academy.organization, database="harka_" + "0" * 32)

    with pytest.raises(UnavailableError):
        await bench.turn()
