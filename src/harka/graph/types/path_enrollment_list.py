"""Who is on which learning path, as lists: everybody's, a person's, a path's."""

from collections.abc import Awaitable, Sequence
from typing import Annotated
from uuid import UUID

import strawberry

from harka.graph.context import Info, RequestContext
from harka.graph.enums import EnrollmentStatus, OrderDirection
from harka.graph.field import graph_input, value
from harka.graph.loaders.path import (
    LearningPathEnrollmentByIdLoader,
    LearningPathEnrollmentCountByPathLoader,
    LearningPathEnrollmentCountByUserLoader,
    LearningPathEnrollmentsByPathLoader,
    LearningPathEnrollmentsByUserLoader,
)
from harka.graph.order_enums import LearningPathEnrollmentOrder
from harka.graph.pagination import (
    FILTER_INSTEAD,
    After,
    Below,
    First,
    Rules,
    Slice,
    either,
    ordered,
    paginate_below,
    paginate_by,
)
from harka.ids import NodeKind
from harka.learning import path_enrollment
from harka.repositories.page import Position
from harka.repositories.path import LearningPath
from harka.repositories.path_enrollment import PathEnrollment
from harka.repositories.user import User


@graph_input
class LearningPathEnrollmentFilter:
    """Who on which learning paths; what is omitted leaves out none."""

    status: EnrollmentStatus | None = value("Only those that stand so.", default=None)
    user_id: strawberry.ID | None = value("Only those of this user.", default=None)
    learning_path_id: strawberry.ID | None = value("Only those on this path.", default=None)


@graph_input
class LearningPathStandingFilter:
    """Who on one path, or which of one person; what is omitted leaves out none."""

    status: EnrollmentStatus | None = value("Only those that stand so.", default=None)


@graph_input
class LearningPathEnrollmentOrderBy:
    """How those are ordered who are on learning paths."""

    field: LearningPathEnrollmentOrder = value("By what.")
    direction: OrderDirection = value("Which end comes first.", default=OrderDirection.ASC)


Matching = Annotated[
    LearningPathEnrollmentFilter | None,
    strawberry.argument(name="filter", description="Which of them; omit it for all."),
]
OfOne = Annotated[
    LearningPathStandingFilter | None,
    strawberry.argument(name="filter", description="Which of them; omit it for all."),
]
Ordered = Annotated[
    LearningPathEnrollmentOrderBy | None, strawberry.argument(description="Omit it for the oldest first.")
]
Standing = Annotated[
    EnrollmentStatus | None,
    strawberry.argument(
        description="Only those that stand so; omit it for all.", deprecation_reason=FILTER_INSTEAD
    ),
]
OfUser = Annotated[
    strawberry.ID | None,
    strawberry.argument(
        description="Only those of this user; omit it for all.", deprecation_reason=FILTER_INSTEAD
    ),
]
OnPath = Annotated[
    strawberry.ID | None,
    strawberry.argument(
        description="Only those on this path; omit it for all.", deprecation_reason=FILTER_INSTEAD
    ),
]
_LISTED = Rules(path_enrollment.list_page, path_enrollment.count, LearningPathEnrollmentByIdLoader)


async def everybodys_paths(
    info: Info,
    first: First,
    after: After = None,
    matching: Matching = None,
    order_by: Ordered = None,
    user_id: OfUser = None,
    learning_path_id: OnPath = None,
    status: Standing = None,
) -> Slice:
    """A page of all that the caller may see."""
    context, given = info.context, matching or LearningPathEnrollmentFilter()
    user, path = _people(context, given)
    old_user = None if user_id is None else context.open_id(NodeKind.USER, user_id, "userId")
    old_path = None
    if learning_path_id is not None:
        old_path = context.open_id(NodeKind.LEARNING_PATH, learning_path_id, "learningPathId")
    return await paginate_by(
        _LISTED,
        context,
        "learningPathEnrollments",
        only={
            "user_id": either(user, old_user, "userId"),
            "path_id": either(path, old_path, "learningPathId"),
            "status": either(given.status, status, "status"),
        },
        order=ordered(order_by),
        first=first,
        after=after,
    )


def paths_of_user(
    root: User, info: Info, first: First, after: After = None, matching: OfOne = None, status: Standing = None
) -> Awaitable[Slice]:
    """A page of a person's."""
    stands = _stands(matching, status)

    async def rest(position: Position, limit: int) -> Sequence[PathEnrollment]:
        return await path_enrollment.list_page(
            info.context.work, after=position, first=limit, user_id=root.id, status=stands
        )

    below = Below(
        name="user.learningPathEnrollments",
        parent=root.id,
        rows=LearningPathEnrollmentsByUserLoader,
        counts=LearningPathEnrollmentCountByUserLoader,
        asked=(stands,),
        bound=(stands,),
    )
    return paginate_below(info.context, below, first=first, after=after, rest=rest)


def people_of_path(
    root: LearningPath,
    info: Info,
    first: First,
    after: After = None,
    matching: OfOne = None,
    status: Standing = None,
) -> Awaitable[Slice]:
    """A page of a path's."""
    stands = _stands(matching, status)

    async def rest(position: Position, limit: int) -> Sequence[PathEnrollment]:
        return await path_enrollment.list_page(
            info.context.work, after=position, first=limit, path_id=root.id, status=stands
        )

    below = Below(
        name="learningPath.enrollments",
        parent=root.id,
        rows=LearningPathEnrollmentsByPathLoader,
        counts=LearningPathEnrollmentCountByPathLoader,
        asked=(stands,),
        bound=(stands,),
    )
    return paginate_below(info.context, below, first=first, after=after, rest=rest)


def _stands(given: LearningPathStandingFilter | None, status: str | None) -> str | None:
    return either(None if given is None else given.status, status, "status")


def _people(context: RequestContext, given: LearningPathEnrollmentFilter) -> tuple[UUID | None, UUID | None]:
    """The user and the path."""
    user, path = given.user_id, given.learning_path_id
    return (
        None if user is None else context.open_id(NodeKind.USER, user, "filter.userId"),
        None if path is None else context.open_id(NodeKind.LEARNING_PATH, path, "filter.learningPathId"),
    )
