from datetime import datetime

from harka.graph.field import leaf, related
from harka.graph.loaders.completion import CompletionByIdLoader
from harka.graph.loaders.enrollment import EnrollmentByIdLoader
from harka.graph.node import Node, node_type
from harka.graph.types import later
from harka.ids import NodeKind
from harka.repositories.completion import Completion as CompletionRow


@node_type(CompletionRow, NodeKind.COMPLETION, CompletionByIdLoader)
class Completion(Node):
    """That a person completed a course. It is written once and never changes."""

    enrollment: later.Enrollment | None = related(
        EnrollmentByIdLoader, "enrollment_id", "What was completed; null when the caller may not see it."
    )
    completed_at: datetime = leaf("When the course was completed.")
    score: float | None = leaf("The overall mark, 0 to 100; null when nothing was marked.")
    created_at: datetime = leaf("When this record was written.")
    updated_at: datetime = leaf("The same: it never changes.")
    version: int = leaf("Always 1: it never changes.")
