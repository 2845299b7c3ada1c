from datetime import datetime
from typing import Annotated

import strawberry

from harka.graph.context import Info
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.mutations.enrollment import Enrolled, Written
from harka.graph.payload import MutationInput, Payload
from harka.graph.types.enrollment import Enrollment
from harka.ids import NodeKind
from harka.learning import own_enrollment
from harka.tenancy.permission import Permission


@graph_input
class EnrollViewerInput(MutationInput):
    """What the caller wants to take part in."""

    course_id: strawberry.ID = value("The course. It must be published, with `selfEnrollment`.")
    due_at: datetime | None = value("When they want to be done; omit it for no such date.", default=None)


@graph_input
class UnenrollViewerInput(MutationInput):
    """What the caller does not want to take part in any more."""

    id: strawberry.ID = value(
        "Their own enrollment. It must not be completed, and its course must have `selfEnrollment`."
    )
    version: int | None = value(
        "The version that was read; omit it to withdraw whatever there is. Progress changes it, too.",
        default=None,
    )


@graph_type
class EnrollViewerPayload(Payload):
    """The caller's enrollment in the course."""

    enrollment: Enrollment | None = leaf("The new enrollment, or the one that there was.")
    created: bool | None = leaf("Whether it is new; false when they were enrolled already.")


@graph_type
class UnenrollViewerPayload(Payload):
    """The enrollment that was withdrawn."""

    enrollment: Enrollment | None = leaf("The enrollment as it is now.")


async def _enroll(
    info: Info,
    given: Annotated[EnrollViewerInput, strawberry.argument(name="input", description="In what.")],
) -> Enrolled:
    course_id = info.context.open_id(NodeKind.COURSE, given.course_id, "courseId")
    done = await own_enrollment.enroll(info.context.work, course_id, due_at=given.due_at)
    return Enrolled(done.enrollment, done.created)


async def _leave(
    info: Info,
    given: Annotated[UnenrollViewerInput, strawberry.argument(name="input", description="Which.")],
) -> Written:
    id_ = info.context.open_id(NodeKind.ENROLLMENT, given.id, "id")
    return Written(await own_enrollment.leave(info.context.work, id_, version=given.version))


@strawberry.type
class OwnEnrollmentMutation:
    enroll_viewer: EnrollViewerPayload | None = mutation(
        _enroll,
        "Enroll oneself in a course that lets people do so, if a seat is free. Who is enrolled already stays "
        "so, with the dates that there are; who withdrew starts anew. Access that has ended is CONFLICT: it "
        "is for others to give back. Programs enroll people by `enroll`.",
        requires=Permission.PROGRESS_WRITE,
    )
    unenroll_viewer: UnenrollViewerPayload | None = mutation(
        _leave,
        "Leave a course that lets people enroll themselves; the seat is free. Doing it twice changes "
        "nothing.",
        requires=Permission.PROGRESS_WRITE,
    )
