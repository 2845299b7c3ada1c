from datetime import datetime
from typing import Annotated

import msgspec
import strawberry

from harka.graph.context import Info
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.payload import MutationInput, Payload
from harka.graph.types.enrollment import Enrollment
from harka.graph.types.progress import LessonProgress
from harka.ids import NodeKind
from harka.learning import progress
from harka.repositories.enrollment import Enrollment as EnrollmentRow
from harka.repositories.progress import LessonProgress as LessonProgressRow
from harka.tenancy.permission import Permission


class Recorded(msgspec.Struct, frozen=True):
    lesson_progress: LessonProgressRow
    enrollment: EnrollmentRow
    changed: bool
    completed: bool


@graph_input
class RecordProgressInput(MutationInput):
    """How far somebody is in a lesson."""

    enrollment_id: strawberry.ID = value("Whose progress it is, in which course.")
    lesson_id: strawberry.ID = value("The lesson. It must be one of the course.")
    fraction: float = value("How much of the lesson is done: 0 to 1.")
    score: float | None = value(
        "The mark, 0 to 100; omit it when nothing was marked. Without `enrollment:write`, of a lesson of "
        "kind QUIZ, ASSIGNMENT or EXAM it is VALIDATION_FAILED.",
        default=None,
    )
    occurred_at: datetime | None = value(
        "When it happened; omit it for now. What is older than the enrollment is taken for now.", default=None
    )


@graph_type
class RecordProgressPayload(Payload):
    """What is known of the lesson and the enrollment now."""

    lesson_progress: LessonProgress | None = leaf("How far they are in the lesson.")
    enrollment: Enrollment | None = leaf("How far they are in the course.")
    changed: bool | None = leaf("Whether this was news; false when as much or more was known.")
    completed: bool | None = leaf("Whether this completed the course.")


async def _record(
    info: Info,
    given: Annotated[RecordProgressInput, strawberry.argument(name="input", description="How far, in what.")],
) -> Recorded:
    context = info.context
    done = await progress.record(
        context.work,
        enrollment_id=context.open_id(NodeKind.ENROLLMENT, given.enrollment_id, "enrollmentId"),
        lesson_id=context.open_id(NodeKind.LESSON, given.lesson_id, "lessonId"),
        fraction=given.fraction,
        score=given.score,
        occurred_at=given.occurred_at,
    )
    return Recorded(
        done.progress,
        done.enrollment,
        done.changed,
        done.completed,
    )


@strawberry.type
class ProgressMutation:
    record_progress: RecordProgressPayload | None = mutation(
        _record,
        "Say how far a learner is in a lesson. Progress never goes backwards, so saying it twice or late is "
        "harmless. Learners record their own; others need `enrollment:write` too.",
        requires=Permission.PROGRESS_WRITE,
    )
