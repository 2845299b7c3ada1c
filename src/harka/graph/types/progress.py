from collections.abc import Awaitable
from datetime import datetime

from harka.graph.context import Info
from harka.graph.field import field, leaf, related
from harka.graph.loaders.enrollment import EnrollmentByIdLoader
from harka.graph.loaders.lesson import LessonByIdLoader
from harka.graph.loaders.progress import LessonProgressByIdLoader
from harka.graph.loaders.user import UserByIdLoader
from harka.graph.node import Node, node_type
from harka.graph.types import later
from harka.ids import NodeKind
from harka.repositories.progress import LessonProgress as LessonProgressRow
from harka.repositories.user import User as UserRow


def _waived_by(root: LessonProgressRow, info: Info) -> Awaitable[UserRow | None] | None:
    return None if root.waived_by is None else info.context.loaders.of(UserByIdLoader).want(root.waived_by)


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
    waived_at: datetime | None = leaf("When somebody let them off the lesson; null unless somebody did.")
    waived_by: later.User | None = field(
        _waived_by, "Who did; null when the caller may not see them, and for a program."
    )
    waive_reason: str | None = leaf("Why; null unless it was waived.")
    created_at: datetime = leaf("When the lesson was begun.")
    updated_at: datetime = leaf("When this record last changed.")
    version: int = leaf("Grows with every change.")
