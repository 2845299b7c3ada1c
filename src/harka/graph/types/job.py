from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from harka.graph.context import Info
from harka.graph.enums import JobOrder, JobPriority, JobState, OrderDirection
from harka.graph.field import field, graph_input, graph_type, leaf, value
from harka.graph.loaders.job import ForecastByJobLoader, JobByIdLoader
from harka.graph.node import Node, node_type
from harka.graph.pagination import After, Connection, First, Slice, ordered, paginate
from harka.ids import NodeKind
from harka.learning import job
from harka.learning.text import accept_line
from harka.repositories.job import Job as JobRow
from harka.repositories.job import Rank
from harka.repositories.page import Position
from harka.tenancy.permission import Permission


def _sealed(info: Info, kind: NodeKind, id_: UUID) -> str:
    context = info.context
    return context.runtime.node_ids.seal(context.tenant.id, kind, id_)


def _tenant_id(root: JobRow, info: Info) -> str:  # noqa: ARG001 - all of them are the context's
    return _sealed(info, NodeKind.ORGANIZATION, info.context.tenant.id)


def _course_id(root: JobRow, info: Info) -> str | None:
    return None if root.course_id is None else _sealed(info, NodeKind.COURSE, root.course_id)


def _path_id(root: JobRow, info: Info) -> str | None:
    return None if root.path_id is None else _sealed(info, NodeKind.LEARNING_PATH, root.path_id)


def _payload(root: JobRow) -> JobRow:
    return root


def _priority(root: JobRow) -> str:
    return JobPriority[Rank(root.priority).name]


def _position(root: JobRow, info: Info) -> Awaitable[int | None]:
    return info.context.loaders.of(ForecastByJobLoader).want(root, lambda forecast: forecast.position)


def _ends_at(root: JobRow, info: Info) -> Awaitable[datetime | None]:
    return info.context.loaders.of(ForecastByJobLoader).want(root, lambda forecast: forecast.ends_at)


@graph_type
class JobPayload:
    """What a job is about."""

    course_id: strawberry.ID | None = field(_course_id, "The course; null where it is about none.")
    learning_path_id: strawberry.ID | None = field(
        _path_id, "The learning path; null where it is about none."
    )


@node_type(JobRow, NodeKind.TENANT_JOB, JobByIdLoader)
class TenantJob(Node):
    """Work that is done in the background. Ended jobs are listed for a day, failed ones for good."""

    tenant_id: strawberry.ID = field(_tenant_id, "The organization whose job it is.")
    type: str = leaf("What is to be done, such as `course.recount`. More types may come.")
    payload: JobPayload = field(_payload, "What it is about.")
    state: JobState = leaf("What has become of it.")
    priority: JobPriority = field(_priority, "Which are begun first.")
    attempts: int = leaf("How often it was begun.")
    max_attempts: int = leaf("How often it is begun before it is given up.")
    run_at: datetime = leaf("Not before then it is begun, for the first time or again.")
    started_at: datetime | None = leaf("When it was begun last; null before.")
    finished_at: datetime | None = leaf("When it was done, given up or cancelled; null before.")
    error: str | None = leaf("Why the last attempt failed; null when none did.")
    cron: str | None = leaf(
        "When it comes again, in the organization's time zone: when this one begins, the next is put in. "
        "Null for a job that comes once."
    )
    done: int | None = leaf("How much of `total` is done, as it says itself; null when it does not say.")
    total: int | None = leaf("How much there is to do; null when it does not say.")
    message: str | None = leaf("What it says of itself while it runs, in English.")
    cancelling: bool = leaf("Whether it runs, and ends within seconds because somebody cancelled it.")
    position: int | None = field(
        _position,
        "Its place among the organization's jobs that are due, from 1; null unless it is one of the first "
        f"{1000:,}.",
    )
    estimated_end_at: datetime | None = field(
        _ends_at, "When it should be done, by what jobs took lately; null when nobody can tell."
    )
    created_at: datetime = leaf("When it was put in.")
    updated_at: datetime = leaf("When it last changed.")
    version: int = leaf("Grows whenever its state changes, not with its progress.")


@graph_input
class JobFilter:
    """Which jobs; what is omitted leaves out none."""

    state: JobState | None = value("In this state.", default=None)
    type: str | None = value("Of this type.", default=None)


@graph_input
class JobOrderBy:
    """How jobs are ordered."""

    field: JobOrder = value("By what.")
    direction: OrderDirection = value("Which end comes first.", default=OrderDirection.ASC)


Matching = Annotated[
    JobFilter | None, strawberry.argument(name="filter", description="Which jobs; omit it for all.")
]
Ordered = Annotated[JobOrderBy | None, strawberry.argument(description="Omit it for the oldest first.")]


async def _jobs(
    info: Info, first: First, after: After = None, matching: Matching = None, order_by: Ordered = None
) -> Slice:
    context = info.context
    state = None if matching is None or matching.state is None else str(matching.state)
    type_ = None if matching is None or matching.type is None else _accept_type(matching.type)
    order = ordered(order_by)

    async def fetch(position: Position | None, limit: int) -> Sequence[JobRow]:
        rows = await job.list_page(
            context.work, after=position, first=limit, order=order, state=state, type_=type_
        )
        context.loaders.of(JobByIdLoader).prime(rows)
        return rows

    return await paginate(
        context,
        "jobs",
        filters=(state, type_),
        order=order,
        first=first,
        after=after,
        fetch=fetch,
        count=lambda: job.count(context.work, state=state, type_=type_),
    )


def _accept_type(text: str) -> str:
    return accept_line(text, "filter.type", longest=job.LONGEST_TYPE)


def _job(
    info: Info,
    id_: Annotated[strawberry.ID, strawberry.argument(name="id", description="The id of the job.")],
) -> Awaitable[JobRow | None]:
    context = info.context
    return context.loaders.of(JobByIdLoader).want(context.open_id(NodeKind.TENANT_JOB, id_))


@strawberry.type
class JobQuery:
    jobs: Connection[TenantJob] | None = field(
        _jobs, "The organization's jobs, the platform's own for it included.", requires=Permission.JOB_READ
    )
    job: TenantJob | None = field(_job, "One job; null when there is none.", requires=Permission.JOB_READ)
