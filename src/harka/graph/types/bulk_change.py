from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import Annotated

import strawberry

from harka.graph.atomic import Refusal
from harka.graph.bulk_enums import BulkKind, BulkState
from harka.graph.context import Info
from harka.graph.enums import OnError, OrderDirection
from harka.graph.field import field, graph_input, graph_type, leaf, value
from harka.graph.loaders.bulk_change import BulkChangeByIdLoader
from harka.graph.loaders.course import CourseByIdLoader
from harka.graph.loaders.enrollment import EnrollmentByIdLoader
from harka.graph.loaders.user import UserByIdLoader
from harka.graph.node import Node, node_type
from harka.graph.order_enums import BulkChangeOrder
from harka.graph.pagination import (
    FILTER_INSTEAD,
    After,
    Connection,
    First,
    Rules,
    Slice,
    either,
    ordered,
    paginate,
    paginate_by,
)
from harka.graph.payload import UserError
from harka.graph.permission import Access
from harka.graph.types import later
from harka.ids import NodeKind
from harka.learning import bulk_change
from harka.repositories.bulk_change import BulkChange as BulkChangeRow
from harka.repositories.bulk_change import BulkResult as BulkResultRow
from harka.repositories.course import Course as CourseRow
from harka.repositories.enrollment import Enrollment as EnrollmentRow
from harka.repositories.page import Order, Position
from harka.repositories.user import User as UserRow

AS_JOB = f"Whether a job does it, which it does anyway for more than {bulk_change.AT_ONCE:,}."
BULK_CHANGE = "What a job does, and `results` and numbers are null; null when all was done at once."
OnlyFailed = Annotated[
    bool | None,
    strawberry.argument(
        description="True for entries alone that could not be dealt with.", deprecation_reason=FILTER_INSTEAD
    ),
]
_IN_ORDER = Order("number")


def _job_id(root: BulkChangeRow, info: Info) -> str:
    context = info.context
    return context.runtime.node_ids.seal(context.tenant.id, NodeKind.TENANT_JOB, root.job_id)


def _course(root: BulkChangeRow, info: Info) -> Awaitable[CourseRow | None] | None:
    if root.course_id is None:
        return None
    return info.context.loaders.of(CourseByIdLoader).want(root.course_id)


@node_type(BulkChangeRow, NodeKind.BULK_CHANGE, BulkChangeByIdLoader)
class BulkChange(Node):
    """Very many people whom a job enrolls, makes or changes, in parts of some hundreds.

    It is kept for seven days.
    """

    kind: BulkKind = leaf("What is done with them.")
    state: BulkState = leaf("What has become of it.")
    course: later.Course | None = field(
        _course, "In which course they are enrolled; null for other kinds, and where the caller sees it not."
    )
    on_error: OnError = leaf("What becomes of the others when one of them fails.")
    dry_run: bool = leaf("Whether it only tells what would become of each.")
    job_id: strawberry.ID = field(
        _job_id,
        "Its job. Who has `job:read` watches it by `jobProgress`; who has `job:write` cancels it by "
        "`cancelJob` (parts that are done stay so) and goes on with it by `retryJob`.",
    )
    total: int = leaf("How many entries it has.")
    done: int = leaf("How many of them are dealt with.")
    created: int = leaf("How many were enrolled or made, or would be.")
    existing: int = leaf("How many were enrolled already, or were changed, or would be.")
    failed: int = leaf("How many could not be dealt with.")
    error: str | None = leaf("Why it failed as a whole, or why its job did last, in English; null otherwise.")
    finished_at: datetime | None = leaf("When it was over; null before, and when it was cancelled.")
    created_at: datetime = leaf("When it was asked for.")
    updated_at: datetime = leaf("When it last changed.")
    version: int = leaf("Grows with every change.")


def _user(root: BulkResultRow, info: Info) -> Awaitable[UserRow | None] | None:
    return None if root.user_id is None else info.context.loaders.of(UserByIdLoader).want(root.user_id)


def _enrollment(root: BulkResultRow, info: Info) -> Awaitable[EnrollmentRow | None] | None:
    if root.enrollment_id is None:
        return None
    return info.context.loaders.of(EnrollmentByIdLoader).want(root.enrollment_id)


def _error(root: BulkResultRow) -> Refusal | None:
    if root.error_code is None:
        return None
    return Refusal(root.error_code, root.error_message or "", root.error_field, limit=None)


@graph_type
class BulkChangeResult:
    """What became of one entry."""

    number: int = leaf("The place among the entries, from 0.")
    user: later.User | None = field(
        _user, "Who; null for nobody, on an error of an entry, and where the caller may not see them."
    )
    enrollment: later.Enrollment | None = field(
        _enrollment, "Their enrollment; null where there is none, and where the caller may not see it."
    )
    created: bool = leaf("Whether it is new, or would be.")
    error: UserError | None = field(_error, "Why it could not be dealt with; null when it was.")


@graph_input
class BulkChangeFilter:
    """Which changes; what is omitted leaves out none."""

    kind: BulkKind | None = value("Only changes of this kind.", default=None)
    state: BulkState | None = value("Only changes of which this has become.", default=None)


@graph_input
class BulkChangeOrderBy:
    """How changes are ordered."""

    field: BulkChangeOrder = value("By what.")
    direction: OrderDirection = value("Which end comes first.", default=OrderDirection.ASC)


Matching = Annotated[
    BulkChangeFilter | None,
    strawberry.argument(name="filter", description="Which changes; omit it for all."),
]
Ordered = Annotated[
    BulkChangeOrderBy | None,
    strawberry.argument(description="Omit it for the oldest first."),
]


_LISTED = Rules(bulk_change.list_page, bulk_change.count, BulkChangeByIdLoader)


async def _changes(
    info: Info,
    first: First,
    after: After = None,
    matching: Matching = None,
    order_by: Ordered = None,
) -> Slice:
    given = matching or BulkChangeFilter()
    return await paginate_by(
        _LISTED,
        info.context,
        "bulkChanges",
        only={"kind": given.kind, "state": given.state},
        order=ordered(order_by),
        first=first,
        after=after,
    )


def _change(
    info: Info,
    id_: Annotated[strawberry.ID, strawberry.argument(name="id", description="The id of the change.")],
) -> Awaitable[BulkChangeRow | None]:
    context = info.context
    return context.loaders.of(BulkChangeByIdLoader).want(context.open_id(NodeKind.BULK_CHANGE, id_))


@graph_input
class BulkChangeResultFilter:
    """Which results; what is omitted leaves out none."""

    only_failed: bool | None = value("True for entries alone that could not be dealt with.", default=None)


MatchingResults = Annotated[
    BulkChangeResultFilter | None,
    strawberry.argument(name="filter", description="Which results; omit it for all."),
]


async def _results(
    info: Info,
    bulk_change_id: Annotated[strawberry.ID, strawberry.argument(description="The id of the change.")],
    first: First,
    after: After = None,
    matching: MatchingResults = None,
    only_failed: OnlyFailed = None,
) -> Slice:
    context = info.context
    id_ = context.open_id(NodeKind.BULK_CHANGE, bulk_change_id)
    asked = None if matching is None else matching.only_failed
    is_short = either(asked, only_failed, "onlyFailed") is True

    async def fetch(position: Position | None, limit: int) -> Sequence[BulkResultRow]:
        return await bulk_change.list_results(
            context.work, id_, after=_number(position), first=limit, only_failed=is_short
        )

    return await paginate(
        context,
        "bulkChangeResults",
        filters=(id_.bytes, str(is_short)),
        order=_IN_ORDER,
        first=first,
        after=after,
        fetch=fetch,
        count=lambda: bulk_change.count_results(context.work, id_, only_failed=is_short),
    )


def _number(position: Position | None) -> int:
    if position is None:
        return -1
    number, _ = position
    assert isinstance(number, int)  # noqa: S101 - what this order's cursors hold
    return number


@strawberry.type
class BulkChangeQuery:
    bulk_changes: Connection[BulkChange] | None = field(
        _changes,
        "What the caller asked for by `bulkEnroll` and `bulkUsers` that jobs do; with `job:read`, what "
        "anybody did. Who manages some groups only sees their own.",
        requires=Access.SIGNED_IN,
    )
    bulk_change: BulkChange | None = field(
        _change,
        "One of them; null when there is none, or it is not the caller's to see.",
        requires=Access.SIGNED_IN,
    )
    bulk_change_results: Connection[BulkChangeResult] | None = field(
        _results,
        "What became of the entries of a change so far, in their order; empty when there is none, or it is "
        "not the caller's to see.",
        requires=Access.SIGNED_IN,
    )
