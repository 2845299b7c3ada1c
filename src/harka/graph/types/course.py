from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from harka.errors import ValidationError
from harka.graph.caching import kept
from harka.graph.context import Info, RequestContext
from harka.graph.enums import CourseOrder, CourseStatus, OrderDirection
from harka.graph.field import field, graph_input, leaf, related, value
from harka.graph.loaders.category import CategoryByIdLoader
from harka.graph.loaders.course import CourseByCodeLoader, CourseByIdLoader
from harka.graph.loaders.module import ModulesByCourseLoader
from harka.graph.loaders.tag import TagsByCourseLoader
from harka.graph.node import Node, node_type
from harka.graph.pagination import After, Connection, First, Slice, ordered, paginate
from harka.graph.permission import Access
from harka.graph.types import later
from harka.graph.types.course_version import versions_of
from harka.graph.types.enrollment_list import of_course
from harka.ids import NodeKind
from harka.learning import course
from harka.learning.text import LONGEST_TITLE, accept_part
from harka.repositories.category import Category as CategoryRow
from harka.repositories.course import Course as CourseRow
from harka.repositories.course import CourseFilter as Only
from harka.repositories.page import Position
from harka.tenancy.permission import Permission


@graph_input
class CourseFilter:
    """Which courses; what is omitted leaves out nothing."""

    status: CourseStatus | None = value("Only courses in this state.", default=None)
    title: str | None = value("Only courses with this in their title, whatever its case.", default=None)
    category_id: strawberry.ID | None = value("Only courses in this category.", default=None)
    tag_id: strawberry.ID | None = value("Only courses that have this tag.", default=None)


@graph_input
class CourseOrderBy:
    """How courses are ordered."""

    field: CourseOrder = value("By what.")
    direction: OrderDirection = value("Which end comes first.", default=OrderDirection.ASC)


Matching = Annotated[
    CourseFilter | None, strawberry.argument(name="filter", description="Which courses; omit it for all.")
]
Ordered = Annotated[CourseOrderBy | None, strawberry.argument(description="Omit it for the oldest first.")]


def _category(root: CourseRow, info: Info) -> Awaitable[CategoryRow | None] | None:
    if root.category_id is None:
        return None
    return info.context.loaders.of(CategoryByIdLoader).want(root.category_id)


@node_type(CourseRow, NodeKind.COURSE, CourseByIdLoader, cached=kept(60))
class Course(Node):
    """A course: modules, which hold lessons, which learners work through."""

    code: str = leaf("The organization's own short name of the course, unique within it.")
    slug: str = leaf("Lower-case words joined by hyphens, for addresses; unique within the organization.")
    title: str = leaf("What the course is called.")
    description: str = leaf("What it is about; may be empty.")
    status: CourseStatus = leaf("Where the course is in its life.")
    published_at: datetime | None = leaf("When it was first published; null for a draft.")
    archived_at: datetime | None = leaf("When it was archived; null unless it is.")
    seats: int | None = leaf(
        "How many people may take part, null for any number. Who withdrew, or "
        "whose access has ended, is not counted."
    )
    completion_percent: int = leaf(
        "How much of the lessons, by weight, completes the course, beside all required ones: 0 to 100. With "
        "0 the required ones alone do."
    )
    awards_certificate: bool = leaf("Whether who completes it gets a certificate.")
    certificate_days: int | None = leaf("How many days a certificate is valid, 1 to 36,500; null for ever.")
    self_enrollment: bool = leaf(
        "Whether people enroll themselves, while it is published: `enrollViewer`. Whoever takes part "
        "may leave."
    )
    course_version: int = leaf(
        "How often it was published, changes of an open one too: 0 for a course that never was."
    )
    versions: Connection[later.CourseVersion] | None = field(
        versions_of,
        "What it was each time it was published.",
        requires=Permission.COURSE_WRITE,
    )
    category: later.Category | None = field(_category, "What it is sorted by; null for none.")
    tags: list[later.Tag] = related(TagsByCourseLoader, "id", "What it is about, in the order of names.")
    modules: list[later.Module] = related(ModulesByCourseLoader, "id", "The parts of the course, in order.")
    enrollments: Connection[later.Enrollment] | None = field(
        of_course,
        "Who takes part. Callers without `enrollment:read` see their own enrollments only.",
        requires=Access.SIGNED_IN,
    )
    created_at: datetime = leaf("When the course was created.")
    updated_at: datetime = leaf("When the course last changed.")
    version: int = leaf(
        "Grows with every change; pass it back to change what you have read, and nothing newer."
    )


async def _courses(
    info: Info, first: First, after: After = None, matching: Matching = None, order_by: Ordered = None
) -> Slice:
    context = info.context
    only, order = _accepted(context, matching), ordered(order_by)

    async def fetch(position: Position | None, limit: int) -> Sequence[CourseRow]:
        rows = await course.list_page(context.work, after=position, first=limit, order=order, **only)
        context.loaders.of(CourseByIdLoader).prime(rows)
        return rows

    return await paginate(
        context,
        "courses",
        filters=(
            only.get("status"),
            only.get("title"),
            _bytes(only.get("category_id")),
            _bytes(only.get("tag_id")),
        ),
        order=order,
        first=first,
        after=after,
        fetch=fetch,
        count=lambda: course.count(context.work, **only),
    )


def _accepted(context: RequestContext, matching: CourseFilter | None) -> Only:
    if matching is None:
        return {}
    category, tag = matching.category_id, matching.tag_id
    return {
        "category_id": None
        if category is None
        else context.open_id(NodeKind.CATEGORY, category, "filter.categoryId"),
        "tag_id": None if tag is None else context.open_id(NodeKind.TAG, tag, "filter.tagId"),
        "status": matching.status,
        "title": accept_part(matching.title, "title", longest=LONGEST_TITLE),
    }


def _bytes(id_: UUID | None) -> bytes | None:
    return None if id_ is None else id_.bytes


def _course(
    info: Info,
    id_: Annotated[
        strawberry.ID | None, strawberry.argument(name="id", description="The id of the course.")
    ] = None,
    code: Annotated[
        str | None, strawberry.argument(description="The code of the course, exactly as it is written.")
    ] = None,
) -> Awaitable[CourseRow | None]:
    context = info.context
    if (id_ is None) == (code is None):
        raise ValidationError("Give exactly one of id and code.", field="id")
    if code is not None:
        return context.loaders.of(CourseByCodeLoader).want(code)
    return context.loaders.of(CourseByIdLoader).want(context.open_id(NodeKind.COURSE, id_ or ""))


@strawberry.type
class CourseQuery:
    courses: Connection[Course] | None = field(
        _courses,
        "The courses that the caller may see: authors see all, others the published ones and their own.",
        requires=Permission.COURSE_READ,
        cached=kept(60),
    )
    course: Course | None = field(
        _course,
        "One course by id or by code; null when there is none, or none that the caller may see.",
        requires=Permission.COURSE_READ,
    )
