from datetime import datetime
from typing import Annotated

import msgspec
import strawberry

from harka.graph.context import Info
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.payload import MutationInput, Payload, optional
from harka.graph.types.enrollment import Enrollment
from harka.ids import NodeKind
from harka.learning import enrollment
from harka.learning.enrollment import EnrollmentChanges
from harka.repositories.enrollment import Enrollment as EnrollmentRow
from harka.tenancy.permission import Permission


class Enrolled(msgspec.Struct, frozen=True):
    enrollment: EnrollmentRow
    created: bool


class Written(msgspec.Struct, frozen=True):
    enrollment: EnrollmentRow


@graph_input
class EnrollInput(MutationInput):
    """Who shall take part in what."""

    user_id: strawberry.ID = value("The user. They must be active.")
    course_id: strawberry.ID = value("The course. It must be published.")
    due_at: datetime | None = value("When they should be done, no later than `expiresAt`.", default=None)
    expires_at: datetime | None = value(
        "When their access ends, later than now; omit it for never.", default=None
    )


@graph_input
class UpdateEnrollmentInput(MutationInput):
    """What to change of an enrollment. What is omitted stays as it is."""

    id: strawberry.ID = value("The enrollment. It must not be withdrawn.")
    version: int | None = value(
        "The version that was read; omit it to change whatever there is. Progress changes it, too.",
        default=None,
    )
    due_at: datetime | None = value(
        "When they should be done, while they have access; null for no such date.", default=strawberry.UNSET
    )
    expires_at: datetime | None = value(
        "When their access ends, which may be now; null for never. A later moment gives expired access "
        "back, even where no seat is free.",
        default=strawberry.UNSET,
    )


@graph_input
class UnenrollInput(MutationInput):
    """Which enrollment to withdraw."""

    id: strawberry.ID = value("The enrollment. It must not be completed.")
    version: int | None = value(
        "The version that was read; omit it to withdraw whatever there is. Progress changes it, too.",
        default=None,
    )


@graph_type
class EnrollPayload(Payload):
    """The enrollment of the user in the course."""

    enrollment: Enrollment | None = leaf("The new enrollment, or the one that there was.")
    created: bool | None = leaf("Whether it is new; false when the user was enrolled already.")


@graph_type
class UpdateEnrollmentPayload(Payload):
    """The enrollment that was changed."""

    enrollment: Enrollment | None = leaf("The enrollment as it is now.")


@graph_type
class UnenrollPayload(Payload):
    """The enrollment that was withdrawn."""

    enrollment: Enrollment | None = leaf("The enrollment as it is now.")


async def _enroll(
    info: Info,
    given: Annotated[EnrollInput, strawberry.argument(name="input", description="Who, and in what.")],
) -> Enrolled:
    context = info.context
    done = await enrollment.enroll(
        context.work,
        user_id=context.open_id(NodeKind.USER, given.user_id, "userId"),
        course_id=context.open_id(NodeKind.COURSE, given.course_id, "courseId"),
        due_at=given.due_at,
        expires_at=given.expires_at,
    )
    return Enrolled(done.enrollment, done.created)


async def _update(
    info: Info,
    given: Annotated[UpdateEnrollmentInput, strawberry.argument(name="input", description="What to change.")],
) -> Written:
    id_ = info.context.open_id(NodeKind.ENROLLMENT, given.id, "id")
    changes = EnrollmentChanges(due_at=optional(given.due_at), expires_at=optional(given.expires_at))
    return Written(await enrollment.update(info.context.work, id_, changes, version=given.version))


async def _unenroll(
    info: Info,
    given: Annotated[UnenrollInput, strawberry.argument(name="input", description="Which enrollment.")],
) -> Written:
    id_ = info.context.open_id(NodeKind.ENROLLMENT, given.id, "id")
    return Written(await enrollment.unenroll(info.context.work, id_, version=given.version))


@strawberry.type
class EnrollmentMutation:
    enroll: EnrollPayload | None = mutation(
        _enroll,
        "Enroll a user in a course. Who is enrolled already stays so; who withdrew starts anew. Where "
        "access has ended it goes on, with the `dueAt` and `expiresAt` given now, if a seat is free.",
        requires=Permission.ENROLLMENT_WRITE,
    )
    update_enrollment: UpdateEnrollmentPayload | None = mutation(
        _update,
        "Change until when somebody takes part.",
        requires=Permission.ENROLLMENT_WRITE,
    )
    unenroll: UnenrollPayload | None = mutation(
        _unenroll,
        "Withdraw an enrollment. Doing it twice changes nothing.",
        requires=Permission.ENROLLMENT_WRITE,
    )
