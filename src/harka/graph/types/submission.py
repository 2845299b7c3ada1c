from collections.abc import Awaitable
from datetime import datetime
from typing import Annotated

import strawberry

from harka.graph.context import Info
from harka.graph.enums import OrderDirection
from harka.graph.field import field, graph_input, leaf, related, value
from harka.graph.loaders.assignment import AssignmentByIdLoader
from harka.graph.loaders.enrollment import EnrollmentByIdLoader
from harka.graph.loaders.submission import FilesBySubmissionLoader, SubmissionByIdLoader
from harka.graph.loaders.user import UserByIdLoader
from harka.graph.node import Node, node_type
from harka.graph.order_enums import SubmissionOrder
from harka.graph.pagination import (
    FILTER_INSTEAD,
    After,
    Connection,
    First,
    Rules,
    Slice,
    either,
    ordered,
    paginate_by,
)
from harka.graph.types import later
from harka.ids import NodeKind
from harka.learning import submission
from harka.repositories.submission import Submission as SubmissionRow
from harka.repositories.user import User as UserRow
from harka.tenancy.permission import Permission


def _graded_by(root: SubmissionRow, info: Info) -> Awaitable[UserRow | None] | None:
    return None if root.graded_by is None else info.context.loaders.of(UserByIdLoader).want(root.graded_by)


@node_type(SubmissionRow, NodeKind.SUBMISSION, SubmissionByIdLoader)
class Submission(Node):
    """What a learner handed in for an assignment, and their grade. It is seen like their enrollment."""

    assignment: later.Assignment | None = related(
        AssignmentByIdLoader, "assignment_id", "The assignment; null when the caller may not see it."
    )
    enrollment: later.Enrollment | None = related(
        EnrollmentByIdLoader, "enrollment_id", "Who handed it in, in which course."
    )
    text: str = leaf("The text; empty where files were asked for, unless something was said to them.")
    files: list[later.File] = related(FilesBySubmissionLoader, "id", "The files, in order, at most ten.")
    submitted_at: datetime = leaf("When it was handed in last.")
    is_late: bool = leaf("Whether that was after it was due.")
    score: float | None = leaf("How many of the assignment's points it got; null until it is graded.")
    passed: bool | None = leaf(
        "Whether that is as much as the assignment asked for to pass when it was graded; null until it is."
    )
    feedback: str = leaf("What was said of it; may be empty.")
    graded_at: datetime | None = leaf("When it was graded last; null until it is.")
    graded_by: later.User | None = field(
        _graded_by, "Who graded it; null when the caller may not see them, and for a program."
    )
    created_at: datetime = leaf("When it was first handed in.")
    updated_at: datetime = leaf("When it last changed.")
    version: int = leaf("Grows with every change.")


AssignmentId = Annotated[strawberry.ID, strawberry.argument(description="The assignment.")]
Graded = Annotated[
    bool | None,
    strawberry.argument(
        description="Only those that are graded, or are not; omit it for all.",
        deprecation_reason=FILTER_INSTEAD,
    ),
]


@graph_input
class SubmissionFilter:
    """Which submissions; what is omitted leaves out none."""

    is_graded: bool | None = value("Only those that are graded, or only those that are not.", default=None)
    is_late: bool | None = value(
        "Only those that were handed in after they were due, or only those that were not.", default=None
    )


@graph_input
class SubmissionOrderBy:
    """How submissions are ordered."""

    field: SubmissionOrder = value("By what.")
    direction: OrderDirection = value("Which end comes first.", default=OrderDirection.ASC)


Matching = Annotated[
    SubmissionFilter | None,
    strawberry.argument(name="filter", description="Which submissions; omit it for all."),
]
Ordered = Annotated[
    SubmissionOrderBy | None,
    strawberry.argument(description="Omit it for the oldest first."),
]


_LISTED = Rules(submission.page, submission.count, SubmissionByIdLoader)


async def _submissions(
    info: Info,
    assignment_id: AssignmentId,
    first: First,
    after: After = None,
    matching: Matching = None,
    order_by: Ordered = None,
    graded: Graded = None,
) -> Slice:
    given = matching or SubmissionFilter()
    return await paginate_by(
        _LISTED,
        info.context,
        "submissions",
        of=(info.context.open_id(NodeKind.ASSIGNMENT, assignment_id, "assignmentId"),),
        only={"graded": either(given.is_graded, graded, "graded"), "is_late": given.is_late},
        order=ordered(order_by),
        first=first,
        after=after,
    )


@strawberry.type
class SubmissionQuery:
    submissions: Connection[Submission] | None = field(
        _submissions,
        "What was handed in for an assignment, the oldest first: of everybody, or of the caller's groups for "
        "who manages those.",
        requires=Permission.ENROLLMENT_READ,
    )
