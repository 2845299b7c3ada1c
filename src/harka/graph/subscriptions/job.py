"""Who is told how far a job is: the event says that something of the organization's jobs has changed."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

import strawberry

from harka.errors import NotFoundError
from harka.graph.context import Info, RequestContext
from harka.graph.field import field, graph_type, leaf, subscription
from harka.graph.loaders.job import JobByIdLoader
from harka.graph.subscriptions.event import Notice, Notices
from harka.graph.types.job import TenantJob
from harka.ids import NodeKind
from harka.pubsub import Event
from harka.queue.message import JOB_CHANGES_TOPIC
from harka.repositories.job import Job as JobRow
from harka.tenancy.permission import Permission

_Seen = tuple[int, int | None, int | None, str | None]


class Heard:
    """What one listener was told last; nothing before they have heard of it."""

    def __init__(self) -> None:
        self._last: _Seen | None = None

    def is_news(self, job: JobRow | None) -> bool:
        """Whether they were not told this yet. That it is gone is news, too."""
        now = None if job is None else _told(job)
        before, self._last = self._last, now
        return now != before


class Progress(Notice, frozen=True):
    job_id: UUID
    heard: Heard
    resync: bool

    async def is_visible(self, context: RequestContext) -> bool:
        context.require(Permission.JOB_READ)
        return await _find(context, self.job_id) is not None

    async def concerns(self, context: RequestContext) -> bool:
        """Other jobs of the organization change, too."""
        return self.heard.is_news(await _find(context, self.job_id)) or self.resync


async def _job(root: Progress, info: Info) -> JobRow | None:
    return await _find(info.context, root.job_id)


@graph_type
class JobProgress:
    """That a job has begun, got further or ended."""

    job: TenantJob | None = field(_job, "The job as it is now; null when it is listed no more.")
    resync: bool = leaf("Whether events may have been lost: this one stands for them.")


JobId = Annotated[strawberry.ID, strawberry.argument(description="The job to listen to.")]


async def _job_progress(info: Info, job_id: JobId) -> AsyncIterator[Notice]:
    context = info.context
    id_ = context.open_id(NodeKind.TENANT_JOB, job_id)
    if await _find(context, id_) is None:
        raise NotFoundError("There is no such job here.")
    heard = Heard()

    def read(event: Event) -> Progress:
        return Progress(id_, heard, resync=event.resync)

    return await Notices.of_topic(context, JOB_CHANGES_TOPIC, read)


async def _find(context: RequestContext, id_: UUID) -> JobRow | None:
    return await context.loaders.of(JobByIdLoader).load(id_)


def _told(job: JobRow) -> _Seen:
    return job.version, job.done, job.total, job.message


@strawberry.type
class JobSubscription:
    job_progress: JobProgress = subscription(
        _job_progress,
        "One job: its state within half a second of a change, and what it tells of itself every two seconds "
        "or so. Read it once after you began to listen.",
        requires=Permission.JOB_READ,
    )
