from collections.abc import Awaitable
from datetime import datetime
from typing import Annotated

import strawberry

from harka.graph.context import Info
from harka.graph.enums import LearningPathStatus, OrderDirection
from harka.graph.field import field, graph_input, leaf, related, value
from harka.graph.loaders.path import CoursesByLearningPathLoader, LearningPathByIdLoader
from harka.graph.node import Node, node_type
from harka.graph.order_enums import LearningPathOrder
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
from harka.graph.permission import Access
from harka.graph.types import later
from harka.graph.types.path_enrollment_list import people_of_path
from harka.ids import NodeKind
from harka.learning import path
from harka.learning.text import LONGEST_TITLE, accept_part
from harka.repositories.path import LearningPath as LearningPathRow
from harka.tenancy.permission import Permission


@node_type(LearningPathRow, NodeKind.LEARNING_PATH, LearningPathByIdLoader)
class LearningPath(Node):
    """A way through several courses. Who is on it is enrolled in its courses as they open."""

    title: str = leaf("What the path is called.")
    description: str = leaf("What it is about; may be empty.")
    status: LearningPathStatus = leaf("Where the path is in its life.")
    is_sequential: bool = leaf(
        "Whether a course opens when all before it are completed; otherwise all are open at once."
    )
    required_count: int | None = leaf("How many of its courses complete it; null for all.")
    courses: list[later.Course] = related(
        CoursesByLearningPathLoader, "id", "Its courses, in order; those that the caller may see."
    )
    awards_certificate: bool = leaf("Whether who completes it gets a certificate.")
    certificate_days: int | None = leaf("How many days a certificate is valid, 1 to 36,500; null for ever.")
    enrollments: Connection[later.LearningPathEnrollment] | None = field(
        people_of_path,
        "Who is on the path. Callers without `enrollment:read` see themselves only.",
        requires=Access.SIGNED_IN,
    )
    published_at: datetime | None = leaf("When it was first published; null for a draft.")
    archived_at: datetime | None = leaf("When it was archived; null unless it is.")
    created_at: datetime = leaf("When the path was created.")
    updated_at: datetime = leaf("When the path last changed.")
    version: int = leaf("Grows with every change.")


Status = Annotated[
    LearningPathStatus | None,
    strawberry.argument(
        description="Only paths in this state; omit it for all.", deprecation_reason=FILTER_INSTEAD
    ),
]


@graph_input
class LearningPathFilter:
    """Which paths; what is omitted leaves out none."""

    status: LearningPathStatus | None = value("Only paths in this state.", default=None)
    title: str | None = value("Only paths with this in their title, whatever its case.", default=None)


@graph_input
class LearningPathOrderBy:
    """How paths are ordered."""

    field: LearningPathOrder = value("By what.")
    direction: OrderDirection = value("Which end comes first.", default=OrderDirection.ASC)


Matching = Annotated[
    LearningPathFilter | None,
    strawberry.argument(name="filter", description="Which paths; omit it for all."),
]
Ordered = Annotated[
    LearningPathOrderBy | None,
    strawberry.argument(description="Omit it for the oldest first."),
]


_LISTED = Rules(path.list_page, path.count, LearningPathByIdLoader)


async def _paths(
    info: Info,
    first: First,
    after: After = None,
    matching: Matching = None,
    order_by: Ordered = None,
    status: Status = None,
) -> Slice:
    given = matching or LearningPathFilter()
    return await paginate_by(
        _LISTED,
        info.context,
        "learningPaths",
        only={
            "status": either(given.status, status, "status"),
            "title": accept_part(given.title, "filter.title", longest=LONGEST_TITLE),
        },
        order=ordered(order_by),
        first=first,
        after=after,
    )


def _path(
    info: Info,
    id_: Annotated[strawberry.ID, strawberry.argument(name="id", description="The id of the path.")],
) -> Awaitable[LearningPathRow | None]:
    context = info.context
    return context.loaders.of(LearningPathByIdLoader).want(context.open_id(NodeKind.LEARNING_PATH, id_))


@strawberry.type
class LearningPathQuery:
    learning_paths: Connection[LearningPath] | None = field(
        _paths,
        "The paths that the caller may see: authors see all, others the published ones and their own.",
        requires=Permission.COURSE_READ,
    )
    learning_path: LearningPath | None = field(
        _path,
        "One path; null when there is none, or none that the caller may see.",
        requires=Permission.COURSE_READ,
    )
