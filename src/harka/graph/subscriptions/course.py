"""Who is told that a course was published: an event carries its id, the course is read afresh."""

from collections.abc import AsyncIterator
from uuid import UUID

import strawberry

from harka.graph.context import Info, RequestContext
from harka.graph.field import field, graph_type, leaf, subscription
from harka.graph.loaders.course import CourseByIdLoader
from harka.graph.subscriptions.event import Notice, Notices
from harka.graph.types.course import Course
from harka.learning.course import PUBLISHED_TOPIC
from harka.pubsub import Event
from harka.repositories.course import Course as CourseRow
from harka.tenancy.permission import Permission


class Published(Notice, frozen=True):
    """`course_id`: None when events were lost."""

    course_id: UUID | None
    resync: bool

    async def is_visible(self, context: RequestContext) -> bool:
        context.require(Permission.COURSE_READ)
        return True

    async def concerns(self, context: RequestContext) -> bool:
        """One that is out of sight by then is passed over."""
        if self.course_id is None:
            return True
        return await context.loaders.of(CourseByIdLoader).load(self.course_id) is not None


async def _course(root: Published, info: Info) -> CourseRow | None:
    if root.course_id is None:
        return None
    return await info.context.loaders.of(CourseByIdLoader).load(root.course_id)


@graph_type
class CoursePublication:
    """That a course was opened for enrollment."""

    course: Course | None = field(_course, "The course as it is now; null when `resync` is true.")
    resync: bool = leaf(
        "Whether events may have been lost: this one stands for them. Read again what you show of courses."
    )


async def _course_published(info: Info) -> AsyncIterator[Notice]:
    return await Notices.of_topic(info.context, PUBLISHED_TOPIC, _read)


def _read(event: Event) -> Published:
    return Published(None if event.resync else UUID(event.payload["courseId"]), event.resync)


@strawberry.type
class CourseSubscription:
    course_published: CoursePublication = subscription(
        _course_published,
        "Courses when they are published: drafts, archived ones, and changes of open ones alike.",
        requires=Permission.COURSE_READ,
    )
