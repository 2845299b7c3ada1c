from datetime import datetime

import strawberry

from harka.graph.enums import EnrollmentStatus
from harka.graph.field import field, leaf, related
from harka.graph.loaders.certificate import CertificateByPathEnrollmentLoader
from harka.graph.loaders.path import LearningPathByIdLoader, LearningPathEnrollmentByIdLoader
from harka.graph.loaders.user import UserByIdLoader
from harka.graph.node import Node, node_type
from harka.graph.pagination import Connection
from harka.graph.permission import Access
from harka.graph.types import later
from harka.graph.types.path_enrollment_list import everybodys_paths
from harka.ids import NodeKind
from harka.repositories.path_enrollment import PathEnrollment as PathEnrollmentRow


@node_type(PathEnrollmentRow, NodeKind.LEARNING_PATH_ENROLLMENT, LearningPathEnrollmentByIdLoader)
class LearningPathEnrollment(Node):
    """That a person is on a learning path, and how far they are."""

    user: later.User | None = related(
        UserByIdLoader, "user_id", "Who is on the path; null when the caller may not see them."
    )
    learning_path: later.LearningPath | None = related(
        LearningPathByIdLoader, "path_id", "The path; null when the caller may not see it."
    )
    status: EnrollmentStatus = leaf("Where they stand.")
    progress: float = leaf("How many of the courses that complete it are completed: 0 to 1.")
    completed_at: datetime | None = leaf("When they completed the path; null unless they did.")
    withdrawn_at: datetime | None = leaf("When they were taken off it; null unless they were.")
    certificate: later.Certificate | None = related(
        CertificateByPathEnrollmentLoader,
        "id",
        "What proves it, revoked or not; null unless the path is completed and awarded one then.",
    )
    created_at: datetime = leaf("When they were put on the path.")
    updated_at: datetime = leaf("When this last changed.")
    version: int = leaf("Grows with every change.")


@strawberry.type
class LearningPathEnrollmentQuery:
    learning_path_enrollments: Connection[LearningPathEnrollment] | None = field(
        everybodys_paths,
        "Who is on which path. Callers without `enrollment:read` see their own only.",
        requires=Access.SIGNED_IN,
    )
