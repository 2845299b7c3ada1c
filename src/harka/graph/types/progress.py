from datetime import datetime

from harka.graph.field import leaf, related
from harka.graph.loaders.enrollment import EnrollmentByIdLoader
from harka.graph.loaders.lesson import LessonByIdLoader
from harka.graph.loaders.progress import LessonProgressByIdLoader
from harka.graph.node import Node, node_type
from harka.graph.types import later
from harka.ids import NodeKind
from harka.repositories.progress import LessonProgress as LessonProgressRow


@node_type(LessonProgressRow, NodeKind.LESSON_PROGRESS, LessonProgressByIdLoader)
class LessonProgress(Node):
    """How far a person is in one lesson. It never goes backwards."""

    enrollment: later.Enrollment | None = related(
        EnrollmentByIdLoader, "enrollment_id", "Whose progress it is; null when the caller may not see it."
    )
    lesson: later.Lesson | None = related(
        LessonByIdLoader, "lesson_id", "The lesson; null when the caller may not see it."
    )
    fraction: float = leaf("How much of the lesson is done: 0 to 1.")
    score: float | None = leaf("The best mark, 0 to 100; null when nothing was marked.")
    occurred_at: datetime = leaf("When the learner last got further.")
    created_at: datetime = leaf("When the lesson was begun.")
    updated_at: datetime = leaf("When this record last changed.")
