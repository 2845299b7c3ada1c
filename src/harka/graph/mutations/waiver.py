from typing import Annotated

import strawberry

from harka.graph.context import Info
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.mutations.progress import Recorded
from harka.graph.payload import MutationInput, Payload
from harka.graph.types.enrollment import Enrollment
from harka.graph.types.progress import LessonProgress
from harka.ids import NodeKind
from harka.learning import waiver
from harka.tenancy.permission import Permission


@graph_input
class WaiveLessonInput(MutationInput):
    """Who need not do which lesson, and why."""

    enrollment_id: strawberry.ID = value("Who, in which course. It must not be withdrawn.")
    lesson_id: strawberry.ID = value("The lesson. It must be one of the course.")
    version: int | None = value(
        "The version of the enrollment that was read; omit it for whichever there is. Progress "
        "changes it, too.",
        default=None,
    )
    reason: str = value("Why: 1 to 500 characters. The learner reads it, too.")


@graph_type
class WaiveLessonPayload(Payload):
    """What is known of the lesson and the enrollment now."""

    lesson_progress: LessonProgress | None = leaf("The lesson, which counts as done.")
    enrollment: Enrollment | None = leaf("How far they are in the course.")
    changed: bool | None = leaf("Whether it was waived now; false when it was done or waived already.")
    completed: bool | None = leaf("Whether this completed the course.")


async def _waive(
    info: Info,
    given: Annotated[WaiveLessonInput, strawberry.argument(name="input", description="Who, what and why.")],
) -> Recorded:
    context = info.context
    done = await waiver.waive(
        context.work,
        enrollment_id=context.open_id(NodeKind.ENROLLMENT, given.enrollment_id, "enrollmentId"),
        lesson_id=context.open_id(NodeKind.LESSON, given.lesson_id, "lessonId"),
        reason=given.reason,
        version=given.version,
    )
    return Recorded(done.progress, done.enrollment, done.changed, done.completed)


@strawberry.type
class WaiverMutation:
    waive_lesson: WaiveLessonPayload | None = mutation(
        _waive,
        "Let a learner off a lesson: it counts as done. Who said so, when and why is kept with it. Doing it "
        "twice changes nothing.",
        requires=Permission.ENROLLMENT_WRITE,
    )
