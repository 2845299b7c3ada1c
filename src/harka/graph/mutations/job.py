from datetime import datetime
from typing import Annotated

import msgspec
import strawberry

from harka.graph.context import Info
from harka.graph.enums import JobKind, JobPriority
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.payload import MutationInput, Payload
from harka.graph.types.job import TenantJob
from harka.ids import NodeKind
from harka.learning import job
from harka.learning.job import LONGEST_KEY, MOST_DAYS, JobDraft
from harka.repositories.job import Job as JobRow
from harka.tenancy.permission import Permission

VERSION = "The version that was read; omit it for whatever there is."


class Changed(msgspec.Struct, frozen=True):
    job: JobRow


@graph_input
class EnqueueJobInput(MutationInput):
    """What is to be done."""

    kind: JobKind = value("What it is.")
    course_id: strawberry.ID | None = value("The course, where it is about one.", default=None)
    learning_path_id: strawberry.ID | None = value("The learning path, where it is about one.", default=None)
    priority: JobPriority = value("Which of the organization's are begun first.", default=JobPriority.NORMAL)
    run_at: datetime | None = value(
        f"Not before then, within {MOST_DAYS} days; omit it for at once.", default=None
    )
    cron: str | None = value(
        "For one that comes again: `minute hour day-of-month month day-of-week` in the organization's time "
        "zone, in numbers, such as `30 3 * * 1-5`. To end it, cancel the one that waits.",
        default=None,
    )
    dedupe_key: str | None = value(
        f"Up to {LONGEST_KEY} characters: while a job of the kind and key waits, that is the answer.",
        default=None,
    )


@graph_input
class CancelJobInput(MutationInput):
    """Which job is not to be done."""

    id: strawberry.ID = value("The job.")
    version: int | None = value(VERSION, default=None)


@graph_input
class RetryJobInput(MutationInput):
    """Which job is to be tried again."""

    id: strawberry.ID = value("The job.")
    version: int | None = value(VERSION, default=None)


@graph_type
class EnqueueJobPayload(Payload):
    """The job that was put in."""

    job: TenantJob | None = leaf("The job, or the one that waits under its key.")


@graph_type
class CancelJobPayload(Payload):
    """The job that ends."""

    job: TenantJob | None = leaf("The job as it is now.")


@graph_type
class RetryJobPayload(Payload):
    """The job that is tried again."""

    job: TenantJob | None = leaf("The job as it is now.")


async def _enqueue(
    info: Info,
    given: Annotated[EnqueueJobInput, strawberry.argument(name="input", description="What, and when.")],
) -> Changed:
    context, course_id, path_id = info.context, given.course_id, given.learning_path_id
    draft = JobDraft(
        kind=given.kind,
        course_id=None if course_id is None else context.open_id(NodeKind.COURSE, course_id, "courseId"),
        path_id=None
        if path_id is None
        else context.open_id(NodeKind.LEARNING_PATH, path_id, "learningPathId"),
        priority=given.priority,
        run_at=given.run_at,
        cron=given.cron,
        dedupe_key=given.dedupe_key,
    )
    return Changed(await job.enqueue(context.work, draft))


async def _cancel(
    info: Info, given: Annotated[CancelJobInput, strawberry.argument(name="input", description="Which.")]
) -> Changed:
    id_ = info.context.open_id(NodeKind.TENANT_JOB, given.id, "id")
    return Changed(await job.cancel(info.context.work, id_, version=given.version))


async def _retry(
    info: Info, given: Annotated[RetryJobInput, strawberry.argument(name="input", description="Which.")]
) -> Changed:
    id_ = info.context.open_id(NodeKind.TENANT_JOB, given.id, "id")
    return Changed(await job.retry(info.context.work, id_, version=given.version))


@strawberry.type
class JobMutation:
    enqueue_job: EnqueueJobPayload | None = mutation(
        _enqueue,
        "Have something done in the background. QUEUE_LIMIT_EXCEEDED while as many jobs wait as the plan "
        "allows.",
        requires=Permission.JOB_WRITE,
    )
    cancel_job: CancelJobPayload | None = mutation(
        _cancel,
        "Cancel a job: at once while it waits; while it runs, it ends within seconds. Nothing of it is done "
        "then, but of a change to very many people the parts that were. Doing it twice changes nothing; "
        "CONFLICT when it is over.",
        requires=Permission.JOB_WRITE,
    )
    retry_job: RetryJobPayload | None = mutation(
        _retry,
        "Have a job tried again that was given up or cancelled, with three attempts. CONFLICT for any other.",
        requires=Permission.JOB_WRITE,
    )
