"""Lists of enrollments: everybody's, a person's, a course's; the same filter and orders for all of them."""

from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import Annotated

import msgspec
import strawberry

from harka.errors import ValidationError
from harka.graph.context import Info, RequestContext
from harka.graph.enums import EnrollmentOrder, EnrollmentStatus, OrderDirection
from harka.graph.field import graph_input, value
from harka.graph.loaders.enrollment import (
    EnrollmentByIdLoader,
    EnrollmentCountByCourseLoader,
    EnrollmentCountByUserLoader,
    EnrollmentsByCourseLoader,
    EnrollmentsByUserLoader,
)
from harka.graph.pagination import After, Asked, Below, First, Slice, ordered, paginate, paginate_below
from harka.ids import NodeKind
from harka.learning import enrollment
from harka.learning.moment import accept_moment
from harka.repositories.course import Course
from harka.repositories.enrollment import Enrollment
from harka.repositories.enrollment_list import ALL
from harka.repositories.enrollment_list import EnrollmentFilter as Only
from harka.repositories.page import Position
from harka.repositories.user import User


@graph_input
class EnrollmentFilter:
    """Which enrollments; what is omitted leaves out nothing.

    Who is overdue: `{status: ACTIVE, dueBefore: "2026-01-31T09:30:00Z"}`.
    """

    status: EnrollmentStatus | None = value("Only those that stand so.", default=None)
    user_id: strawberry.ID | None = value("Only those of this user.", default=None)
    course_id: strawberry.ID | None = value("Only those in this course.", default=None)
    progress_from: float | None = value("Only who is so far or further: 0 to 1.", default=None)
    progress_below: float | None = value("Only who is less far: 0 to 1.", default=None)
    enrolled_from: datetime | None = value("Only who enrolled then or later.", default=None)
    enrolled_before: datetime | None = value("Only who enrolled before then.", default=None)
    due_from: datetime | None = value("Only those due then or later.", default=None)
    due_before: datetime | None = value("Only those due before then.", default=None)
    completed_from: datetime | None = value("Only what was completed then or later.", default=None)
    completed_before: datetime | None = value("Only what was completed before then.", default=None)


@graph_input
class EnrollmentOrderBy:
    """How enrollments are ordered."""

    field: EnrollmentOrder = value("By what.")
    direction: OrderDirection = value("Which end comes first.", default=OrderDirection.ASC)


Matching = Annotated[
    EnrollmentFilter | None,
    strawberry.argument(name="filter", description="Which enrollments; omit it for all."),
]
Ordered = Annotated[
    EnrollmentOrderBy | None, strawberry.argument(description="Omit it for the oldest first.")
]


async def everybodys(
    info: Info, first: First, after: After = None, matching: Matching = None, order_by: Ordered = None
) -> Slice:
    """A page of all that the caller may see."""
    context, work = info.context, info.context.work
    only, order = _accepted(context, matching), ordered(order_by)

    async def fetch(position: Position | None, limit: int) -> Sequence[Enrollment]:
        rows = await enrollment.list_page(work, only, after=position, first=limit, order=order)
        context.loaders.of(EnrollmentByIdLoader).prime(rows)
        return rows

    return await paginate(
        context,
        "enrollments",
        filters=_bound(only),
        order=order,
        first=first,
        after=after,
        fetch=fetch,
        count=lambda: enrollment.count(work, only),
    )


def of_user(
    root: User,
    info: Info,
    first: First,
    after: After = None,
    matching: Matching = None,
    order_by: Ordered = None,
) -> Awaitable[Slice]:
    """A page of a person's."""
    only, order = _accepted(info.context, matching), ordered(order_by)

    async def rest(position: Position, limit: int) -> Sequence[Enrollment]:
        if only.user_id not in (None, root.id):
            return []
        own = msgspec.structs.replace(only, user_id=root.id)
        return await enrollment.list_page(info.context.work, own, after=position, first=limit, order=order)

    below = Below(
        name="user.enrollments",
        parent=root.id,
        rows=EnrollmentsByUserLoader,
        counts=EnrollmentCountByUserLoader,
        asked=(order, only),
        bound=_bound(only),
    )
    return paginate_below(info.context, below, order=order, first=first, after=after, rest=rest)


def of_course(
    root: Course,
    info: Info,
    first: First,
    after: After = None,
    matching: Matching = None,
    order_by: Ordered = None,
) -> Awaitable[Slice]:
    """A page of a course's."""
    only, order = _accepted(info.context, matching), ordered(order_by)

    async def rest(position: Position, limit: int) -> Sequence[Enrollment]:
        if only.course_id not in (None, root.id):
            return []
        taken = msgspec.structs.replace(only, course_id=root.id)
        return await enrollment.list_page(info.context.work, taken, after=position, first=limit, order=order)

    below = Below(
        name="course.enrollments",
        parent=root.id,
        rows=EnrollmentsByCourseLoader,
        counts=EnrollmentCountByCourseLoader,
        asked=(order, only),
        bound=_bound(only),
    )
    return paginate_below(info.context, below, order=order, first=first, after=after, rest=rest)


def _accepted(context: RequestContext, given: EnrollmentFilter | None) -> Only:
    if given is None:
        return ALL
    user, course = given.user_id, given.course_id
    return Only(
        status=given.status,
        user_id=None if user is None else context.open_id(NodeKind.USER, user, "filter.userId"),
        course_id=None if course is None else context.open_id(NodeKind.COURSE, course, "filter.courseId"),
        progress_from=_fraction(given.progress_from, "filter.progressFrom"),
        progress_below=_fraction(given.progress_below, "filter.progressBelow"),
        enrolled_from=_moment(given.enrolled_from, "filter.enrolledFrom"),
        enrolled_before=_moment(given.enrolled_before, "filter.enrolledBefore"),
        due_from=_moment(given.due_from, "filter.dueFrom"),
        due_before=_moment(given.due_before, "filter.dueBefore"),
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
