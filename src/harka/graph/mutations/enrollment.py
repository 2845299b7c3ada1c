from datetime import datetime
from typing import Annotated

import msgspec
import strawberry

from harka.graph.context import Info
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.payload import CLIENT_MUTATION_ID, ClientMutationId
from harka.graph.types.enrollment import Enrollment
from harka.ids import NodeKind
from harka.learning import enrollment
from harka.repositories.enrollment import Enrollment as EnrollmentRow
from harka.tenancy.permission import Permission


class Enrolled(msgspec.Struct, frozen=True):
    enrollment: EnrollmentRow
    created: bool
    client_mutation_id: str | None


class Unenrolled(msgspec.Struct, frozen=True):
    enrollment: EnrollmentRow
    client_mutation_id: str | None


@graph_input
class EnrollInput:
    """Who shall take part in what."""

    user_id: strawberry.ID = value("The user. They must be active.")
    course_id: strawberry.ID = value("The course. It must be published.")
    due_at: datetime | None = value("When they should be done.", default=None)
    client_mutation_id: ClientMutationId = None


@graph_input
class UnenrollInput:
    """Which enrollment to withdraw."""

    id: strawberry.ID = value("The enrollment. It must not be completed.")
    client_mutation_id: ClientMutationId = None


@graph_type
class EnrollPayload:
    """The enrollment of the user in the course."""

    enrollment: Enrollment | None = leaf("The new enrollment, or the one that there was.")
    created: bool = leaf("Whether it is new; false when the user was enrolled already.")
    client_mutation_id: str | None = leaf(CLIENT_MUTATION_ID)


@graph_type
class UnenrollPayload:
    """The enrollment that was withdrawn."""

    enrollment: Enrollment | None = leaf("The enrollment as it is now.")
    client_mutation_id: str | None = leaf(CLIENT_MUTATION_ID)


async def _enroll(
    info: Info,
    given: Annotated[EnrollInput, strawberry.argument(name="input", description="Who, and in what.")],
) -> Enrolled:
    context = info.context
    done = await enrollment.enroll(
        context.work,
        user_id=context.open_id(NodeKind.USER, given.user_id),
        course_id=context.open_id(NodeKind.COURSE, given.course_id),
        due_at=given.due_at,
    )
    return Enrolled(done.enrollment, done.created, given.client_mutation_id)


async def _unenroll(
    info: Info,
    given: Annotated[UnenrollInput, strawberry.argument(name="input", description="Which enrollment.")],
) -> Unenrolled:
    id_ = info.context.open_id(NodeKind.ENROLLMENT, given.id)
    return Unenrolled(await enrollment.unenroll(info.context.work, id_), given.client_mutation_id)


@strawberry.type
class EnrollmentMutation:
    enroll: EnrollPayload | None = mutation(
        _enroll,
        "Enroll a user in a course. Who is enrolled already stays so; who withdrew starts anew.",
        requires=Permission.ENROLLMENT_WRITE,
    )
    unenroll: UnenrollPayload | None = mutation(
        _unenroll,
        "Withdraw an enrollment. Doing it twice changes nothing.",
        requires=Permission.ENROLLMENT_WRITE,
    )
