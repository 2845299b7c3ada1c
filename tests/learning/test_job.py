import asyncio
from datetime import timedelta

import msgspec
import pytest

from academy import Academy
from harka import clock
from harka.errors import ConflictError, ForbiddenError, NotFoundError, QueueLimitError, ValidationError
from harka.learning import course, job
from harka.learning.job import LONGEST_KEY, JobDraft, JobKind
from harka.queue.message import RECOUNT_COURSE
from harka.repositories.job import JobState
from harka.repositories.organization import Granted
from harka.storage.statement import Statement
from harka.tenancy.plan import Resource

MEASURE = JobDraft(kind=JobKind.MEASURE_USAGE)
SHOW = Statement(
    "test.show",
    """UPDATE {schema}.job SET done = 25, total = 100, started_at = now() - interval '10 s'
    WHERE tenant_id = $1 AND state = 'running'""",
)


async def test_only_who_may_write_jobs_changes_any(academy: Academy) -> None:
    async with academy.work() as work:
        made = await job.enqueue(work, MEASURE)
    for role in ("learner", "instructor", "manager"):
        person = academy.acting(await academy.user(role))
        before = await academy.state()
        async with academy.work(person) as work:
            for asked in (
                job.enqueue(work, MEASURE),
                job.cancel(work, made.id),
                job.retry(work, made.id),
                job.find_many(work, [made.id]),
                job.list_page(work, after=None, first=1),
                job.count(work),
            ):
                with pytest.raises(ForbiddenError):
                    await asked
        assert academy.statements == 0
        assert await academy.state() == before


async def test_a_job_of_another_tenant_is_not_there(academy: Academy, rival: Academy) -> None:
    async with academy.work() as work:
        made = await job.enqueue(work, MEASURE)
    async with rival.work() as work:
        assert await job.find_many(work, [made.id]) == {}
        with pytest.raises(NotFoundError):
            await job.cancel(work, made.id)


async def test_it_is_known_when_jobs_should_be_done(academy: Academy) -> None:
    async with academy.work() as work:
        first, second = [await job.enqueue(work, MEASURE) for _ in range(2)]
        later = await job.enqueue(
            work, JobDraft(kind=JobKind.MEASURE_USAGE, run_at=clock.now() + timedelta(days=1))
        )
    async with academy.work() as work:
        assert (await academy.claimed(work)).id == first.id
        await work.session.execute(SHOW)
    async with academy.work() as work:
        found = await job.find_many(work, [first.id, second.id, later.id])
        told = await job.forecasts(work, list(found.values()))

    running, waiting, delayed = (told[each.id] for each in (first, second, later))
    assert running.ends_at is not None
    assert timedelta(seconds=25) < running.ends_at - clock.now() < timedelta(seconds=35)
    assert (waiting.position, waiting.ends_at) == (1, None), "nothing was done yet to learn from"
    assert delayed.position is None


async def test_what_waits_already_needs_no_room(academy: Academy) -> None:
    one = Granted(limits={"queued_jobs": 1}, shadow=False, version=1)
    academy.organization = msgspec.structs.replace(academy.organization, granted=one)
    keyed = JobDraft(kind=JobKind.MEASURE_USAGE, dedupe_key="k" * LONGEST_KEY)
    boss = academy.acting(await academy.user("admin"))
    async with academy.work(boss) as work:
        first = await job.enqueue(work, keyed)
    async with academy.work(boss) as work:
        assert (await job.enqueue(work, keyed)).id == first.id
    for other in ("another", None):
        async with academy.work(boss) as work:
            with pytest.raises(QueueLimitError):
                await job.enqueue(work, JobDraft(kind=JobKind.MEASURE_USAGE, dedupe_key=other))
    assert len(await academy.rows("job")) == 1


@pytest.mark.parametrize("shadow", [False, True])
async def test_a_full_queue_tells_its_limit_and_in_shadow_mode_only_counts(
    academy: Academy, *, shadow: bool
) -> None:
    academy.grant(shadow=shadow, queued_jobs=1)
    refused = []
    for _ in range(3):
        try:
            async with academy.work() as work:
                await job.enqueue(work, MEASURE)
        except QueueLimitError as error:
            refused.append((error.resource, error.limit, error.used))
    assert refused == ([] if shadow else [("queued_jobs", 1, 1)] * 2)
    assert academy.refused == {(Resource.QUEUED_JOBS, shadow): 2}
    assert len(await academy.rows("job")) == (3 if shadow else 1)


async def test_what_people_put_in_for_later_holds_up_no_rule(academy: Academy) -> None:
    """Rules put in jobs under keys, too: ids, that everybody can read."""
    subject = await academy.course(weights=(1,))
    later = clock.now() + timedelta(days=300)
    draft = JobDraft(
        kind=JobKind.RECOUNT_COURSE, course_id=subject.id, dedupe_key=str(subject.id), run_at=later
    )
    async with academy.work() as work:
        asked = await job.enqueue(work, draft)
    async with academy.work() as work:
        await course.archive(work, subject.id)
        await course.publish(work, subject.id)
    rows = {row["id"]: row for row in await academy.rows("job") if row["type"] == RECOUNT_COURSE}
    assert len(rows) == 2
    del rows[str(asked.id)]
    (ruled,) = rows.values()
    assert ruled["run_at"] < later.isoformat()


async def test_a_job_is_put_in_for_when_it_was_asked(academy: Academy) -> None:
    soon = clock.now() + timedelta(hours=1)
    async with academy.work() as work:
        at_once = await job.enqueue(
            work, JobDraft(kind=JobKind.MEASURE_USAGE, run_at=clock.now() - timedelta(days=1))
        )
        delayed = await job.enqueue(work, JobDraft(kind=JobKind.MEASURE_USAGE, run_at=soon))
        with pytest.raises(ValidationError):
            await job.enqueue(work, JobDraft(kind=JobKind.MEASURE_USAGE, run_at=soon.replace(tzinfo=None)))
    assert abs(at_once.run_at - clock.now()) < timedelta(minutes=1)
    assert delayed.run_at == soon


async def test_of_many_who_cancel_and_retry_at_once_each_is_told_what_became(academy: Academy) -> None:
    async with academy.work() as work:
        made = await job.enqueue(work, MEASURE)

    async def ask(cancels: bool) -> str:  # noqa: FBT001 - of a test
        async with academy.work() as work:
            try:
                return (await (job.cancel if cancels else job.retry)(work, made.id)).state
            except ConflictError:
                return "conflict"

    told = await asyncio.gather(*(ask(n % 2 == 0) for n in range(10)))
    (row,) = await academy.rows("job")
    assert set(told) <= {JobState.CANCELLED, JobState.QUEUED, "conflict"}
    assert row["state"] in {JobState.CANCELLED, JobState.QUEUED}
    retries = told.count(JobState.QUEUED)
    cancellations = row["version"] - 1 - retries
    assert cancellations - retries == (row["state"] == JobState.CANCELLED), "each undoes the one before"
