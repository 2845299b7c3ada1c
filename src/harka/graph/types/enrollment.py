from datetime import datetime

import strawberry

from harka.graph.enums import EnrollmentStatus
from harka.graph.field import field, leaf, related
from harka.graph.loaders.certificate import CertificateByEnrollmentLoader
from harka.graph.loaders.completion import CompletionByEnrollmentLoader
from harka.graph.loaders.course import CourseByIdLoader
from harka.graph.loaders.enrollment import EnrollmentByIdLoader
from harka.graph.loaders.progress import LessonProgressByEnrollmentLoader
from harka.graph.loaders.quiz_attempt import BestQuizAttemptsByEnrollmentLoader
from harka.graph.loaders.user import UserByIdLoader
from harka.graph.node import Node, node_type
from harka.graph.pagination import Connection
from harka.graph.permission import Access
from harka.graph.types import later
from harka.graph.types.enrollment_list import everybodys
from harka.graph.types.quiz_attempt_list import attempts_of
from harka.ids import NodeKind
from harka.learning.moment import has_passed
from harka.repositories.enrollment import Enrollment as EnrollmentRow


def _is_expired(root: EnrollmentRow) -> bool:
    return has_passed(root.expires_at)


@node_type(EnrollmentRow, NodeKind.ENROLLMENT, EnrollmentByIdLoader)
class Enrollment(Node):
    """That a person takes part in a course, and how far they are."""

    user: later.User | None = related(
        UserByIdLoader, "user_id", "Who takes part; null when the caller may not see them."
    )
    course: later.Course | None = related(
        CourseByIdLoader, "course_id", "What they take part in; null when the caller may not see it."
    )
    status: EnrollmentStatus = leaf("Where the enrollment stands.")
    progress: float = leaf("How much of the course is done: 0 to 1, lessons counted by their weight.")
    enrolled_at: datetime = leaf("When they enrolled.")
    completed_at: datetime | None = leaf("When they completed the course; null unless they did.")
    withdrawn_at: datetime | None = leaf("When they left; null unless they did.")
    due_at: datetime | None = leaf("When they should be done; null when there is no such date.")
    expires_at: datetime | None = leaf("When their access ends; null when it does not.")
    is_expired: bool = field(
        _is_expired,
        "Whether access has ended: the learner reads no content and progress is refused, until `enroll` or "
        "`updateEnrollment` extends it.",
    )
    lesson_progress: list[later.LessonProgress] = related(
        LessonProgressByEnrollmentLoader,
        "id",
        "How far they are in each lesson they have begun, in the order it happened.",
    )
    completion: later.Completion | None = related(
        CompletionByEnrollmentLoader,
        "id",
        "The record of the completion; null unless the course is completed.",
    )
    certificate: later.Certificate | None = related(
        CertificateByEnrollmentLoader,
        "id",
        "What proves it, revoked or not; null unless the course is completed and awarded one then.",
    )
    quiz_attempts: Connection[later.QuizAttempt] | None = field(
        attempts_of, "What they did at the quizzes of the course."
    )
    best_quiz_attempts: list[later.QuizAttempt] = related(
        BestQuizAttemptsByEnrollmentLoader,
        "id",
        "Of each quiz they submitted the attempt with the best score; of equal ones the first.",
    )
    created_at: datetime = leaf("When the enrollment was created.")
    updated_at: datetime = leaf("When the enrollment last changed.")
    version: int = leaf("Grows with every change.")


@strawberry.type
class EnrollmentQuery:
    enrollments: Connection[Enrollment] | None = field(
        everybodys,
        "Who takes part in what. Callers without `enrollment:read` see their own enrollments only.",
        requires=Access.SIGNED_IN,
    )
