from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import Annotated

import msgspec
import strawberry

from harka.graph.context import Info, RequestContext
from harka.graph.enums import LessonKind, OrderDirection
from harka.graph.field import field, graph_input, graph_type, leaf, related, value
from harka.graph.loaders.course import CourseByIdLoader
from harka.graph.loaders.course_version import (
    CourseVersionByIdLoader,
    CourseVersionCountByCourseLoader,
    CourseVersionsByCourseLoader,
    ModuleVersionsByCourseVersionLoader,
)
from harka.graph.loaders.user import UserByIdLoader
from harka.graph.node import Node, node_type
from harka.graph.order_enums import CourseVersionOrder
from harka.graph.pagination import After, Below, First, Slice, ordered, paginate_below
from harka.graph.types import later
from harka.ids import NodeKind
from harka.learning import course_version
from harka.learning.course_version import LessonVersion as LessonVersionRow
from harka.learning.course_version import ModuleVersion as ModuleVersionRow
from harka.learning.moment import accept_moment
from harka.learning.text import LONGEST_TITLE, accept_part
from harka.repositories.course import Course as CourseRow
from harka.repositories.course_version import ALL
from harka.repositories.course_version import CourseVersion as CourseVersionRow
from harka.repositories.course_version import CourseVersionFilter as Only
from harka.repositories.page import Position
from harka.repositories.user import User


def _lesson_id(root: LessonVersionRow, info: Info) -> str:
    context = info.context
    return context.runtime.node_ids.seal(context.tenant.id, NodeKind.LESSON, root.id)


def _module_id(root: ModuleVersionRow, info: Info) -> str:
    context = info.context
    return context.runtime.node_ids.seal(context.tenant.id, NodeKind.MODULE, root.id)


@graph_type
class LessonVersion:
    """A lesson as it was when its course was published."""

    lesson_id: strawberry.ID = field(_lesson_id, "The id of the lesson, which may have changed or be gone.")
    title: str = leaf("What it was called.")
    kind: LessonKind = leaf("What a learner did in it.")
    duration_minutes: int | None = leaf("How long it took, in minutes; null when nobody said.")
    weight: float = leaf("Its share of the course's progress.")
    required: bool = leaf("Whether nobody completed the course without it.")


@graph_type
class ModuleVersion:
    """A module as it was when its course was published."""

    module_id: strawberry.ID = field(_module_id, "The id of the module, which may have changed or be gone.")
    title: str = leaf("What it was called.")
    lessons: list[LessonVersion] = leaf("Its lessons, in order.")


def _published_by(root: CourseVersionRow, info: Info) -> Awaitable[User | None] | None:
    if root.published_by is None:
        return None
    return info.context.loaders.of(UserByIdLoader).want(root.published_by)


@node_type(CourseVersionRow, NodeKind.COURSE_VERSION, CourseVersionByIdLoader)
class CourseVersion(Node):
    """A course as it was when it was published. It is for who writes courses, and never changes."""

    course: later.Course | None = related(CourseByIdLoader, "course_id", "What it is now.")
    number: int = leaf("Which time it was published, from 1: then the course's `courseVersion`.")
    title: str = leaf("What it was called.")
    description: str = leaf("What it was about; may be empty.")
    modules: list[ModuleVersion] = related(
        ModuleVersionsByCourseVersionLoader, "id", "What was in it, in order."
    )
    published_at: datetime = leaf("When it was published.")
    published_by: later.User | None = field(
        _published_by, "By whom; null for a program, or where the caller may not see them."
    )
    created_at: datetime = leaf("When this record was written.")
    updated_at: datetime = leaf("The same: it never changes.")
    version: int = leaf("Always 1: it never changes.")


@graph_input
class CourseVersionFilter:
    """Which versions of a course; what is omitted leaves out none."""

    title: str | None = value("Only those that were called something with this in it.", default=None)
    published_by_id: strawberry.ID | None = value("Only those that this user published.", default=None)
    published_from: datetime | None = value("Only those published then or later.", default=None)
    published_before: datetime | None = value("Only those published before then.", default=None)


@graph_input
class CourseVersionOrderBy:
    """How versions of a course are ordered."""

    field: CourseVersionOrder = value("By what.")
    direction: OrderDirection = value("Which end comes first.", default=OrderDirection.ASC)


Matching = Annotated[
    CourseVersionFilter | None,
    strawberry.argument(name="filter", description="Which versions; omit it for all."),
]
Ordered = Annotated[
    CourseVersionOrderBy | None, strawberry.argument(description="Omit it for the oldest first.")
]


def versions_of(
    root: CourseRow,
    info: Info,
    first: First,
    after: After = None,
    matching: Matching = None,
    order_by: Ordered = None,
) -> Awaitable[Slice]:
    """A page of a course's versions."""
    only, order = _accepted(info.context, matching), ordered(order_by)

    async def rest(position: Position, limit: int) -> Sequence[CourseVersionRow]:
        return await course_version.page_of_course(
            info.context.work, root.id, only, after=position, first=limit, order=order
        )

    below = Below(
        name="course.versions",
        parent=root.id,
        rows=CourseVersionsByCourseLoader,
        counts=CourseVersionCountByCourseLoader,
        asked=(order, only),
        bound=() if only == ALL else msgspec.structs.astuple(only),
    )
    return paginate_below(info.context, below, order=order, first=first, after=after, rest=rest)


def _accepted(context: RequestContext, given: CourseVersionFilter | None) -> Only:
    if given is None:
        return ALL

    def moment(asked: datetime | None, field: str) -> datetime | None:
        return None if asked is None else accept_moment(asked, f"filter.{field}")

    person = given.published_by_id
    return Only(
        title=accept_part(given.title, "filter.title", longest=LONGEST_TITLE),
        published_by=None
        if person is None
        else context.open_id(NodeKind.USER, person, "filter.publishedById"),
        published_from=moment(given.published_from, "publishedFrom"),
        published_before=moment(given.published_before, "publishedBefore"),
    )
