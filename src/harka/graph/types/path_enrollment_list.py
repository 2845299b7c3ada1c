"""Who is on which learning path, as lists: everybody's, a person's, a path's."""

from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import Annotated

import msgspec
import strawberry

from harka.errors import ValidationError
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
    Asked,
    Below,
    First,
    Slice,
    either,
    ordered,
    paginate,
    paginate_below,
)
from harka.ids import NodeKind
from harka.learning import path_enrollment
from harka.learning.moment import accept_moment
from harka.repositories.page import Position
from harka.repositories.path import LearningPath
from harka.repositories.path_enrollment import PathEnrollment
from harka.repositories.path_enrollment_list import ALL
from harka.repositories.path_enrollment_list import PathEnrollmentFilter as Only
from harka.repositories.user import User


@graph_input
class LearningPathEnrollmentFilter:
    """Who on which learning paths; what is omitted leaves out none."""

    status: EnrollmentStatus | None = value("Only those that stand so.", default=None)
    user_id: strawberry.ID | None = value("Only those of this user.", default=None)
    learning_path_id: strawberry.ID | None = value("Only those on this path.", default=None)
    progress_from: float | None = value("Only who is so far or further: 0 to 1.", default=None)
    progress_below: float | None = value("Only who is less far: 0 to 1.", default=None)
    completed_from: datetime | None = value("Only what was completed then or later.", default=None)
    completed_before: datetime | None = value("Only what was completed before then.", default=None)


@graph_input
class LearningPathEnrollmentOrderBy:
    """How those are ordered who are on learning paths."""

    field: LearningPathEnrollmentOrder = value("By what.")
    direction: OrderDirection = value("Which end comes first.", default=OrderDirection.ASC)


Matching = Annotated[
    LearningPathEnrollmentFilter | None,
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
    context, work = info.context, info.context.work
    given, order = _accepted(context, matching, status), ordered(order_by)
    user = path = None
    if user_id is not None:
        user = context.open_id(NodeKind.USER, user_id, "userId")
    if learning_path_id is not None:
        path = context.open_id(NodeKind.LEARNING_PATH, learning_path_id, "learningPathId")
    only = msgspec.structs.replace(
        given,
        user_id=either(given.user_id, user, "userId"),
        path_id=either(given.path_id, path, "learningPathId"),
    )

    async def fetch(position: Position | None, limit: int) -> Sequence[PathEnrollment]:
        rows = await path_enrollment.list_page(work, only, after=position, first=limit, order=order)
        context.loaders.of(LearningPathEnrollmentByIdLoader).prime(rows)
        return rows

    return await paginate(
        context,
        "learningPathEnrollments",
        filters=_bound(only),
        order=order,
        first=first,
        after=after,
        fetch=fetch,
        count=lambda: path_enrollment.count(work, only),
    )


def paths_of_user(
    root: User,
    info: Info,
    first: First,
    after: After = None,
    matching: Matching = None,
    order_by: Ordered = None,
    status: Standing = None,
) -> Awaitable[Slice]:
    """A page of a person's."""
    only, order = _accepted(info.context, matching, status), ordered(order_by)

    async def rest(position: Position, limit: int) -> Sequence[PathEnrollment]:
        if only.user_id not in (None, root.id):
            return []
        own = msgspec.structs.replace(only, user_id=root.id)
        return await path_enrollment.list_page(
            info.context.work, own, after=position, first=limit, order=order
        )

    below = Below(
        name="user.learningPathEnrollments",
        parent=root.id,
        rows=LearningPathEnrollmentsByUserLoader,
        counts=LearningPathEnrollmentCountByUserLoader,
        asked=(order, only),
        bound=_bound(only),
    )
    return paginate_below(info.context, below, order=order, first=first, after=after, rest=rest)


def people_of_path(
    root: LearningPath,
    info: Info,
    first: First,
    after: After = None,
    matching: Matching = None,
    order_by: Ordered = None,
    status: Standing = None,
) -> Awaitable[Slice]:
    """A page of a path's."""
    only, order = _accepted(info.context, matching, status), ordered(order_by)

    async def rest(position: Position, limit: int) -> Sequence[PathEnrollment]:
        if only.path_id not in (None, root.id):
            return []
        here = msgspec.structs.replace(only, path_id=root.id)
        return await path_enrollment.list_page(
            info.context.work, here, after=position, first=limit, order=order
        )

    below = Below(
        name="learningPath.enrollments",
        parent=root.id,
        rows=LearningPathEnrollmentsByPathLoader,
        counts=LearningPathEnrollmentCountByPathLoader,
        asked=(order, only),
        bound=_bound(only),
    )
    return paginate_below(info.context, below, order=order, first=first, after=after, rest=rest)


def _accepted(
    context: RequestContext, matching: LearningPathEnrollmentFilter | None, status: str | None
) -> Only:
    """`status`: what was asked for before there was a filter."""
    given = matching or LearningPathEnrollmentFilter()
    user, path = given.user_id, given.learning_path_id
    return Only(
        status=either(given.status, status, "status"),
        user_id=None if user is None else context.open_id(NodeKind.USER, user, "filter.userId"),
        path_id=None
        if path is None
        else context.open_id(NodeKind.LEARNING_PATH, path, "filter.learningPathId"),
        progress_from=_fraction(given.progress_from, "filter.progressFrom"),
        progress_below=_fraction(given.progress_below, "filter.progressBelow"),
        completed_from=_moment(given.completed_from, "filter.completedFrom"),
        completed_before=_moment(given.completed_before, "filter.completedBefore"),
    )


def _fraction(given: float | None, field: str) -> float | None:
    if given is not None and not 0 <= given <= 1:
        raise ValidationError("This is between 0 and 1.", field=field)
    return given


def _moment(given: datetime | None, field: str) -> datetime | None:
    return None if given is None else accept_moment(given, field)


def _bound(only: Only) -> tuple[Asked, ...]:
    """The filter as a cursor is bound to it."""
    return () if only == ALL else msgspec.structs.astuple(only)
