from collections.abc import Awaitable
from datetime import datetime

from harka.graph.context import Info
from harka.graph.field import field, leaf
from harka.graph.loaders.enrollment import EnrollmentByIdLoader
from harka.graph.loaders.lesson import LessonByIdLoader
from harka.graph.loaders.progress import LessonProgressByIdLoader
from harka.graph.node import Node, node_type
from harka.graph.types import later
from harka.ids import NodeKind
from harka.repositories.enrollment import Enrollment as EnrollmentRow
from harka.repositories.lesson import Lesson as LessonRow
from harka.repositories.progress import LessonProgress as LessonProgressRow


def _enrollment(root: LessonProgressRow, info: Info) -> Awaitable[EnrollmentRow | None]:
    return info.context.loaders.of(EnrollmentByIdLoader).load(root.enrollment_id)


def _lesson(root: LessonProgressRow, info: Info) -> Awaitable[LessonRow | None]:
    return info.context.loaders.of(LessonByIdLoader).load(root.lesson_id)


@node_type(LessonProgressRow, NodeKind.LESSON_PROGRESS, LessonProgressByIdLoader)
class LessonProgress(Node):
    """How far a person is in one lesson. It never goes backwards."""

    enrollment: later.Enrollment | None = field(
        _enrollment, "Whose progress it is; null when the caller may not see it."
    )
    lesson: later.Lesson | None = field(_lesson, "The lesson; null when the caller may not see it.")
    fraction: float = leaf("How much of the lesson is done: 0 to 1.")
    score: float | None = leaf("The best mark, 0 to 100; null when nothing was marked.")
    occurred_at: datetime = leaf("When the learner last got further.")
    created_at: datetime = leaf("When the lesson was begun.")
    updated_at: datetime = leaf("When this record last changed.")
