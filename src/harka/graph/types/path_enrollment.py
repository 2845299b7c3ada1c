from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import strawberry

from harka.graph.context import Info
from harka.graph.enums import EnrollmentStatus
from harka.graph.field import field, leaf, related
from harka.graph.loaders.path import LearningPathByIdLoader, LearningPathEnrollmentByIdLoader
from harka.graph.loaders.user import UserByIdLoader
from harka.graph.node import Node, node_type
from harka.graph.pagination import After, Connection, First, Slice, paginate
from harka.graph.permission import Access
from harka.graph.types import later
from harka.ids import NodeKind
from harka.learning import path_enrollment
from harka.repositories.page import Position
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
    created_at: datetime = leaf("When they were put on the path.")
    updated_at: datetime = leaf("When this last changed.")
    version: int = leaf("Grows with every change.")


async def _enrollments(
    info: Info,
    first: First,
    after: After = None,
    user_id: Annotated[
        strawberry.ID | None, strawberry.argument(description="Only those of this user; omit it for all.")
    ] = None,
    learning_path_id: Annotated[
        strawberry.ID | None, strawberry.argument(description="Only those on this path; omit it for all.")
    ] = None,
    status: Annotated[
        EnrollmentStatus | None, strawberry.argument(description="Only those that stand so; omit it for all.")
    ] = None,
) -> Slice:
    context, work = info.context, info.context.work
    user = None if user_id is None else context.open_id(NodeKind.USER, user_id)
    path = None if learning_path_id is None else context.open_id(NodeKind.LEARNING_PATH, learning_path_id)

    async def fetch(position: Position | None, limit: int) -> Sequence[PathEnrollmentRow]:
        rows = await path_enrollment.list_page(
            work, after=position, first=limit, user_id=user, path_id=path, status=status
        )
        context.loaders.of(LearningPathEnrollmentByIdLoader).prime(rows)
        return rows

    return await paginate(
        context,
        "learningPathEnrollments",
        filters=(None if user is None else user.bytes, None if path is None else path.bytes, status),
        first=first,
        after=after,
        fetch=fetch,
        count=lambda: path_enrollment.count(work, user_id=user, path_id=path, status=status),
    )


@strawberry.type
class LearningPathEnrollmentQuery:
    learning_path_enrollments: Connection[LearningPathEnrollment] | None = field(
        _enrollments,
        "Who is on which path. Callers without `enrollment:read` see their own only.",
        requires=Access.SIGNED_IN,
    )
