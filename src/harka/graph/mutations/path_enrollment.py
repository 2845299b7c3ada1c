from typing import Annotated

import msgspec
import strawberry

from harka.graph.context import Info
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.payload import MutationInput, Payload
from harka.graph.types.path_enrollment import LearningPathEnrollment
from harka.ids import NodeKind
from harka.learning import path_enrollment
from harka.repositories.path_enrollment import PathEnrollment as PathEnrollmentRow
from harka.tenancy.permission import Permission


class Enrolled(msgspec.Struct, frozen=True):
    learning_path_enrollment: PathEnrollmentRow
    created: bool
    opened: int


class Withdrawn(msgspec.Struct, frozen=True):
    learning_path_enrollment: PathEnrollmentRow


@graph_input
class EnrollInLearningPathInput(MutationInput):
    """Who shall be on which path."""

    learning_path_id: strawberry.ID = value("The path; it must be published.")
    user_id: strawberry.ID = value("The person; they must be active.")


@graph_input
class WithdrawFromLearningPathInput(MutationInput):
    """Whom to take off a path."""

    learning_path_enrollment_id: strawberry.ID = value("Their being on it.")
    version: int | None = value(
        "The version that was read; omit it to withdraw whatever there is. Progress changes it, too.",
        default=None,
    )


@graph_type
class EnrollInLearningPathPayload(Payload):
    """Who is on the path now."""

    learning_path_enrollment: LearningPathEnrollment | None = leaf("That they are on it.")
    created: bool | None = leaf("Whether they were not on it before.")
    opened: int | None = leaf("In how many courses they were enrolled just now.")


@graph_type
class WithdrawFromLearningPathPayload(Payload):
    """Who is not on the path any more."""

    learning_path_enrollment: LearningPathEnrollment | None = leaf("It as it is now.")


async def _enroll(
    info: Info,
    given: Annotated[
        EnrollInLearningPathInput, strawberry.argument(name="input", description="Who, and which path.")
    ],
) -> Enrolled:
    context = info.context
    done = await path_enrollment.enroll(
        context.work,
        path_id=context.open_id(NodeKind.LEARNING_PATH, given.learning_path_id, "learningPathId"),
        user_id=context.open_id(NodeKind.USER, given.user_id, "userId"),
    )
    return Enrolled(done.enrollment, done.created, done.opened)


async def _withdraw(
    info: Info,
    given: Annotated[WithdrawFromLearningPathInput, strawberry.argument(name="input", description="Whom.")],
) -> Withdrawn:
    id_ = info.context.open_id(
        NodeKind.LEARNING_PATH_ENROLLMENT, given.learning_path_enrollment_id, "learningPathEnrollmentId"
    )
    return Withdrawn(await path_enrollment.withdraw(info.context.work, id_, version=given.version))


@strawberry.type
class LearningPathEnrollmentMutation:
    enroll_in_learning_path: EnrollInLearningPathPayload | None = mutation(
        _enroll,
        "Put somebody on a learning path and enroll them in the courses that are open to them there; the "
        "others follow as they open. Completed courses count. Courses that are closed or full are left out: "
        "doing it again tries again, and changes nothing else.",
        requires=Permission.ENROLLMENT_WRITE,
    )
    withdraw_from_learning_path: WithdrawFromLearningPathPayload | None = mutation(
        _withdraw,
        "Take somebody off a learning path; they stay in its courses. Doing it twice changes nothing.",
        requires=Permission.ENROLLMENT_WRITE,
    )
