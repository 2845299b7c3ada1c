"""Who is told of a grade: the event carries ids, the answer is read afresh."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

import strawberry

from harka.errors import NotFoundError
from harka.graph.context import Info, RequestContext
from harka.graph.field import field, graph_type, leaf, subscription
from harka.graph.loaders.enrollment import EnrollmentByIdLoader
from harka.graph.loaders.submission import SubmissionByIdLoader
from harka.graph.permission import Access
from harka.graph.subscriptions.event import Notice, Notices
from harka.graph.types.submission import Submission
from harka.ids import NodeKind
from harka.learning.submission import graded_topic
from harka.pubsub import Event
from harka.repositories.submission import Submission as SubmissionRow


class Graded(Notice, frozen=True):
    """`submission_id`: None when events were lost."""

    enrollment_id: UUID
    submission_id: UUID | None
    resync: bool

    async def is_visible(self, context: RequestContext) -> bool:
        return await _sees(context, self.enrollment_id)


async def _submission(root: Graded, info: Info) -> SubmissionRow | None:
    if root.submission_id is None:
        return None
    return await info.context.loaders.of(SubmissionByIdLoader).load(root.submission_id)


@graph_type
class GradedSubmission:
    """That somebody got a grade."""

    submission: Submission | None = field(
        _submission, "The submission as it is now; null when `resync` is true."
    )
    resync: bool = leaf(
        "Whether events may have been lost: this one stands for them. Read again what you show."
    )


EnrollmentId = Annotated[strawberry.ID, strawberry.argument(description="The enrollment to listen to.")]


async def _graded(info: Info, enrollment_id: EnrollmentId) -> AsyncIterator[Notice]:
    context = info.context
    id_ = context.open_id(NodeKind.ENROLLMENT, enrollment_id)
    if not await _sees(context, id_):
        raise NotFoundError("There is no such enrollment here.")

    def read(event: Event) -> Graded:
        submission_id = None if event.resync else UUID(event.payload["submissionId"])
        return Graded(id_, submission_id, resync=event.resync)

    return await Notices.of_topic(context, graded_topic(id_), read)


async def _sees(context: RequestContext, id_: UUID) -> bool:
    return await context.loaders.of(EnrollmentByIdLoader).load(id_) is not None


@strawberry.type
class SubmissionSubscription:
    submission_graded: GradedSubmission = subscription(
        _graded, "Grades for what was handed in with one enrollment.", requires=Access.SIGNED_IN
    )
