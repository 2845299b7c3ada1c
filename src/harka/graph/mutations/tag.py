from typing import Annotated

import msgspec
import strawberry

from harka.graph.context import Info
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.mutations.course import CoursePayload
from harka.graph.payload import MutationInput, Payload
from harka.graph.types.course import Course
from harka.graph.types.tag import Tag
from harka.ids import NodeKind
from harka.learning import tag
from harka.learning.tag import MOST_OF_COURSE
from harka.repositories.tag import Tag as TagRow
from harka.tenancy.permission import Permission

_NAME = "What it is called: 1 to 100 characters, unique whatever its case."


class Written(msgspec.Struct, frozen=True):
    tag: TagRow


class Deleted(msgspec.Struct, frozen=True):
    deleted_tag_id: str


@graph_input
class CreateTagInput(MutationInput):
    """A new tag, of no course yet."""

    name: str = value(_NAME)


@graph_input
class UpdateTagInput(MutationInput):
    """Another name for a tag."""

    id: strawberry.ID = value("The tag.")
    version: int = value("The version that was read. When it has changed since, the answer is CONFLICT.")
    name: str = value(_NAME)


@graph_input
class DeleteTagInput(MutationInput):
    """Which tag to take away."""

    tag_id: strawberry.ID = value("The tag.")
    version: int | None = value(
        "The version that was read; omit it to delete whatever there is.", default=None
    )


@graph_input
class SetCourseTagsInput(MutationInput):
    """Which tags a course shall have."""

    course_id: strawberry.ID = value("The course. It must not be archived.")
    version: int = value("The course's version that was read. When it has changed, the answer is CONFLICT.")
    tag_ids: list[strawberry.ID] = value(f"All tags it shall have, at most {MOST_OF_COURSE}.")


@graph_type
class CreateTagPayload(Payload):
    """The tag that was made."""

    tag: Tag | None = leaf("The new tag.")


@graph_type
class UpdateTagPayload(Payload):
    """The tag that was renamed."""

    tag: Tag | None = leaf("The tag as it is now.")


@graph_type
class DeleteTagPayload(Payload):
    """The tag that was taken away."""

    deleted_tag_id: strawberry.ID | None = leaf("The id that names nothing any more.")


@graph_type
class SetCourseTagsPayload(Payload):
    """The course whose tags were set."""

    course: Course | None = leaf("The course as it is now.")


async def _create(
    info: Info,
    given: Annotated[CreateTagInput, strawberry.argument(name="input", description="The new tag.")],
) -> Written:
    return Written(await tag.create(info.context.work, given.name))


async def _update(
    info: Info,
    given: Annotated[UpdateTagInput, strawberry.argument(name="input", description="What to change.")],
) -> Written:
    id_ = info.context.open_id(NodeKind.TAG, given.id, "id")
    return Written(await tag.rename(info.context.work, id_, given.name, version=given.version))


async def _delete(
    info: Info,
    given: Annotated[DeleteTagInput, strawberry.argument(name="input", description="Which.")],
) -> Deleted:
    id_ = info.context.open_id(NodeKind.TAG, given.tag_id, "tagId")
    await tag.delete(info.context.work, id_, version=given.version)
    return Deleted(given.tag_id)


async def _set(
    info: Info,
    given: Annotated[SetCourseTagsInput, strawberry.argument(name="input", description="Which tags.")],
) -> CoursePayload:
    context = info.context
    course_id = context.open_id(NodeKind.COURSE, given.course_id, "courseId")
    ids = [context.open_id(NodeKind.TAG, id_, "tagIds") for id_ in given.tag_ids]
    return CoursePayload(await tag.set_of_course(context.work, course_id, ids, version=given.version))


@strawberry.type
class TagMutation:
    create_tag: CreateTagPayload | None = mutation(
        _create, "Make a tag for courses.", requires=Permission.COURSE_WRITE
    )
    update_tag: UpdateTagPayload | None = mutation(
        _update, "Give a tag another name.", requires=Permission.COURSE_WRITE
    )
    delete_tag: DeleteTagPayload | None = mutation(
        _delete,
        "Take a tag away. Courses that had it lose it.",
        requires=Permission.COURSE_WRITE,
    )
    set_course_tags: SetCourseTagsPayload | None = mutation(
        _set, "Let a course have these tags and no others.", requires=Permission.COURSE_WRITE
    )
