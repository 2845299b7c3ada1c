"""Who is on which learning path, as lists: everybody's, a person's, a path's."""

from collections.abc import Sequence
from typing import Annotated

import strawberry

from harka.graph.context import Info
from harka.graph.enums import EnrollmentStatus
from harka.graph.loaders.path import (
    LearningPathEnrollmentByIdLoader,
    LearningPathEnrollmentCountByPathLoader,
    LearningPathEnrollmentCountByUserLoader,
    LearningPathEnrollmentsByPathLoader,
    LearningPathEnrollmentsByUserLoader,
)
from harka.graph.pagination import After, Below, First, Slice, paginate, paginate_below
from harka.ids import NodeKind
from harka.learning import path_enrollment
from harka.repositories.page import Position
from harka.repositories.path import LearningPath
from harka.repositories.path_enrollment import PathEnrollment
from harka.repositories.user import User

Standing = Annotated[
    EnrollmentStatus | None, strawberry.argument(description="Only those that stand so; omit it for all.")
]


async def everybodys_paths(
    info: Info,
    first: First,
    after: After = None,
    user_id: Annotated[
        strawberry.ID | None, strawberry.argument(description="Only those of this user; omit it for all.")
    ] = None,
    learning_path_id: Annotated[
        strawberry.ID | None, strawberry.argument(description="Only those on this path; omit it for all.")
    ] = None,
    status: Standing = None,
) -> Slice:
    """A page of all that the caller may see."""
    context, work = info.context, info.context.work
    user = None if user_id is None else context.open_id(NodeKind.USER, user_id)
    path = None if learning_path_id is None else context.open_id(NodeKind.LEARNING_PATH, learning_path_id)

    async def fetch(position: Position | None, limit: int) -> Sequence[PathEnrollment]:
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


async def paths_of_user(
    root: User, info: Info, first: First, after: After = None, status: Standing = None
) -> Slice:
    """A page of a person's."""

    async def rest(position: Position, limit: int) -> Sequence[PathEnrollment]:
        return await path_enrollment.list_page(
            info.context.work, after=position, first=limit, user_id=root.id, status=status
        )

    below = Below(
        name="user.learningPathEnrollments",
        parent=root.id,
        rows=LearningPathEnrollmentsByUserLoader,
        counts=LearningPathEnrollmentCountByUserLoader,
        asked=(status,),
        bound=(status,),
    )
    return await paginate_below(info.context, below, first=first, after=after, rest=rest)


async def people_of_path(
    root: LearningPath, info: Info, first: First, after: After = None, status: Standing = None
) -> Slice:
    """A page of a path's."""

    async def rest(position: Position, limit: int) -> Sequence[PathEnrollment]:
        return await path_enrollment.list_page(
            info.context.work, after=position, first=limit, path_id=root.id, status=status
        )

    below = Below(
        name="learningPath.enrollments",
        parent=root.id,
        rows=LearningPathEnrollmentsByPathLoader,
        counts=LearningPathEnrollmentCountByPathLoader,
        asked=(status,),
        bound=(status,),
    )
    return await paginate_below(info.context, below, first=first, after=after, rest=rest)
