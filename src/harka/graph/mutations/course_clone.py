from typing import Annotated

import strawberry

from harka.graph.context import Info
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.mutations.course import CoursePayload
from harka.graph.payload import MutationInput, Payload
from harka.graph.types.course import Course
from harka.ids import NodeKind
from harka.learning import course_clone
from harka.tenancy.permission import Permission


@graph_input
class CloneCourseInput(MutationInput):
    """Which course to copy, and what the copy is called."""

    course_id: strawberry.ID = value("The course, of whatever status.")
    code: str = value("The organization's short name of the copy: 1 to 64 characters, unique.")
    slug: str | None = value(
        "Lower-case words joined by hyphens; made from the code when omitted.", default=None
    )
    title: str | None = value(
        "What the copy is called: 1 to 200 characters; like the course when omitted.", default=None
    )


@graph_type
class CloneCoursePayload(Payload):
    """The copy."""

    course: Course | None = leaf("The new course, a draft.")


async def _clone(
    info: Info,
    given: Annotated[CloneCourseInput, strawberry.argument(name="input", description="Which course.")],
) -> CoursePayload:
    id_ = info.context.open_id(NodeKind.COURSE, given.course_id, "courseId")
    copy = await course_clone.clone(
        info.context.work, id_, code=given.code, slug=given.slug, title=given.title
    )
    return CoursePayload(copy)


@strawberry.type
class CourseCloneMutation:
    clone_course: CloneCoursePayload | None = mutation(
        _clone,
        "Copy a course as a draft: its modules, when they open, their lessons and what those show. Nobody is "
        "enrolled in the copy.",
        requires=Permission.COURSE_WRITE,
    )
