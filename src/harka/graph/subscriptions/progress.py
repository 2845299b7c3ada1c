"""Who is told of a learner's progress: an event carries ids, each listener's answer is read afresh."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

import strawberry

from harka.errors import NotFoundError, ValidationError
from harka.graph.context import Info, RequestContext
from harka.graph.field import field, graph_type, leaf, subscription
from harka.graph.loaders.course import CourseByIdLoader
from harka.graph.loaders.enrollment import EnrollmentByIdLoader
from harka.graph.permission import Access
from harka.graph.subscriptions.event import Notice, Notices
from harka.graph.types.course import Course
from harka.graph.types.enrollment import Enrollment
from harka.ids import NodeKind
from harka.pubsub import Event
from harka.repositories.course import Course as CourseRow
from harka.repositories.enrollment import Enrollment as EnrollmentRow
from harka.tenancy.permission import Permission


class Change(Notice, frozen=True):
    """`enrollment_id`: None when a whole course's events were lost. `course_id`: None when not known here."""

    enrollment_id: UUID | None
    course_id: UUID | None
    whole_course: bool
    resync: bool

    async def is_visible(self, context: RequestContext) -> bool:
        if self.whole_course:
            context.require(Permission.ENROLLMENT_READ)
            return await _sees_course(context, self.course_id)
        return await _sees_enrollment(context, self.enrollment_id)

    async def concerns(self, context: RequestContext) -> bool:
        """A manager of groups is not told even that somebody else got further."""
        if self.enrollment_id is None or context.tenant.manager is None:
            return True
        return await _sees_enrollment(context, self.enrollment_id)


async def _enrollment(root: Change, info: Info) -> EnrollmentRow | None:
    if root.enrollment_id is None:
        return None
    return await info.context.loaders.of(EnrollmentByIdLoader).load(root.enrollment_id)


async def _course(root: Change, info: Info) -> CourseRow | None:
    enrollment = await _enrollment(root, info)
    course_id = root.course_id if enrollment is None else enrollment.course_id
    return None if course_id is None else await info.context.loaders.of(CourseByIdLoader).load(course_id)


@graph_type
class ProgressChange:
    """That somebody got further in a course."""

    enrollment: Enrollment | None = field(
        _enrollment,
        "How far they are now. Null when the caller may no longer see it, and when `resync` is true for a "
        "whole course.",
    )
    course: Course | None = field(
        _course, "The course as it is now; null when the caller may no longer see it."
    )
    resync: bool = leaf(
        "Whether events may have been lost: this one stands for them. Read again what you show of the course."
    )


EnrollmentId = Annotated[strawberry.ID | None, strawberry.argument(description="Listen to one enrollment.")]
CourseId = Annotated[
    strawberry.ID | None,
    strawberry.argument(description="Listen to every enrollment in a course; needs `enrollment:read`."),
]


async def _progress_changed(
    info: Info, enrollment_id: EnrollmentId = None, course_id: CourseId = None
) -> AsyncIterator[Notice]:
    context = info.context
    if enrollment_id is not None and course_id is None:
        return await _of_enrollment(context, context.open_id(NodeKind.ENROLLMENT, enrollment_id))
    if course_id is not None and enrollment_id is None:
        return await _of_course(context, context.open_id(NodeKind.COURSE, course_id))
    raise ValidationError("Give exactly one of enrollmentId and courseId.", field="enrollmentId")


async def _of_enrollment(context: RequestContext, id_: UUID) -> Notices:
    if not await _sees_enrollment(context, id_):
        raise NotFoundError("There is no such enrollment here.")

    def read(event: Event) -> Change:
        return Change(id_, None, whole_course=False, resync=event.resync)

    return await Notices.of_topic(context, f"progress:{id_}", read)


async def _of_course(context: RequestContext, id_: UUID) -> Notices:
    context.require(Permission.ENROLLMENT_READ)
    if not await _sees_course(context, id_):
        raise NotFoundError("There is no such course here.")

    def read(event: Event) -> Change:
        enrollment = None if event.resync else UUID(event.payload["enrollmentId"])
        return Change(enrollment, id_, whole_course=True, resync=event.resync)

    return await Notices.of_topic(context, f"progress:course:{id_}", read)


async def _sees_enrollment(context: RequestContext, id_: UUID | None) -> bool:
    return id_ is not None and await context.loaders.of(EnrollmentByIdLoader).load(id_) is not None


async def _sees_course(context: RequestContext, id_: UUID | None) -> bool:
    return id_ is not None and await context.loaders.of(CourseByIdLoader).load(id_) is not None


@strawberry.type
class ProgressSubscription:
    progress_changed: ProgressChange = subscription(
        _progress_changed,
        "Progress in one enrollment, or in a whole course. Give exactly one of the arguments.",
        requires=Access.SIGNED_IN,
    )
