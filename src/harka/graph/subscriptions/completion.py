"""Who is told of completions: an event carries ids, each listener's answer is read afresh."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

import strawberry

from harka.errors import NotFoundError
from harka.graph.context import Info, RequestContext
from harka.graph.field import field, graph_type, leaf, subscription
from harka.graph.loaders.course import CourseByIdLoader
from harka.graph.loaders.enrollment import EnrollmentByIdLoader
from harka.graph.subscriptions.event import Notice, Notices
from harka.graph.types.enrollment import Enrollment
from harka.ids import NodeKind
from harka.learning.finish import topic_of
from harka.pubsub import Event
from harka.repositories.enrollment import Enrollment as EnrollmentRow
from harka.tenancy.permission import Permission


class Completed(Notice, frozen=True):
    """`enrollment_id`: None when events were lost. `course_id`: None for all courses."""

    enrollment_id: UUID | None
    course_id: UUID | None
    resync: bool

    async def is_visible(self, context: RequestContext) -> bool:
        context.require(Permission.ENROLLMENT_READ)
        return self.course_id is None or await _sees_course(context, self.course_id)

    async def concerns(self, context: RequestContext) -> bool:
        """A manager of groups is not told even that somebody else completed something."""
        if self.enrollment_id is None:
            return True
        return await context.loaders.of(EnrollmentByIdLoader).load(self.enrollment_id) is not None


async def _enrollment(root: Completed, info: Info) -> EnrollmentRow | None:
    if root.enrollment_id is None:
        return None
    return await info.context.loaders.of(EnrollmentByIdLoader).load(root.enrollment_id)


@graph_type
class CompletionEvent:
    """That somebody completed a course."""

    enrollment: Enrollment | None = field(
        _enrollment, "The completed enrollment, with its completion; null when `resync` is true."
    )
    resync: bool = leaf(
        "Whether events may have been lost: this one stands for them. Read again what you show of them."
    )


CourseId = Annotated[
    strawberry.ID | None, strawberry.argument(description="Only completions of this course; omit it for all.")
]


async def _completion_recorded(info: Info, course_id: CourseId = None) -> AsyncIterator[Notice]:
    context = info.context
    course = None if course_id is None else context.open_id(NodeKind.COURSE, course_id, "courseId")
    if course is not None and not await _sees_course(context, course):
        raise NotFoundError("There is no such course here.", field="courseId")

    def read(event: Event) -> Completed:
        enrollment = None if event.resync else UUID(event.payload["enrollmentId"])
        return Completed(enrollment, course, event.resync)

    return await Notices.of_topic(context, topic_of(course), read)


async def _sees_course(context: RequestContext, id_: UUID) -> bool:
    return await context.loaders.of(CourseByIdLoader).load(id_) is not None


@strawberry.type
class CompletionSubscription:
    completion_recorded: CompletionEvent = subscription(
        _completion_recorded,
        "Completions as learners reach them, of one course or of all. What an import tells, or follows from "
        "a change of the course itself, is not told one by one.",
        requires=Permission.ENROLLMENT_READ,
    )
