from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import msgspec
import strawberry
from msgspec import UNSET

from harka.graph.context import Info
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.payload import MutationInput, Payload, optional, required
from harka.graph.types.path import LearningPath
from harka.ids import NodeKind
from harka.learning import path
from harka.learning.path import MOST_COURSES, PathChanges, PathDraft
from harka.repositories.path import LearningPath as LearningPathRow
from harka.tenancy.permission import Permission

_TITLE = "What the path is called: 1 to 200 characters."
_DESCRIPTION = "What it is about: at most 10,000 characters."
_COURSES = f"Its courses, in order: at most {MOST_COURSES}, each once."
_SEQUENTIAL = "Whether a course opens when all before it are completed; otherwise all are open at once."
_REQUIRED = "How many of its courses complete it: 1 to all of them; null for all."

_CERTIFICATE = "Whether who completes it from now on gets a certificate."
_DAYS = "How many days a certificate is valid, 1 to 36,500; null for ever."


class Written(msgspec.Struct, frozen=True):
    learning_path: LearningPathRow


@graph_input
class CreateLearningPathInput(MutationInput):
    """A new learning path. It begins as a draft."""

    title: str = value(_TITLE)
    description: str = value(_DESCRIPTION, default="")
    course_ids: list[strawberry.ID] = value(_COURSES, default_factory=list)
    is_sequential: bool = value(_SEQUENTIAL, default=True)
    required_count: int | None = value(_REQUIRED, default=None)
    awards_certificate: bool = value(_CERTIFICATE, default=False)
    certificate_days: int | None = value(_DAYS, default=None)


@graph_input
class UpdateLearningPathInput(MutationInput):
    """What to change of a learning path. What is omitted stays as it is."""

    id: strawberry.ID = value("The path.")
    version: int = value("The version that was read. When it has changed since, the answer is CONFLICT.")
    title: str | None = value(_TITLE, default=strawberry.UNSET)
    description: str | None = value(_DESCRIPTION, default=strawberry.UNSET)
    course_ids: list[strawberry.ID] | None = value(_COURSES, default=strawberry.UNSET)
    is_sequential: bool | None = value(_SEQUENTIAL, default=strawberry.UNSET)
    required_count: int | None = value(_REQUIRED, default=strawberry.UNSET)
    awards_certificate: bool | None = value(_CERTIFICATE, default=strawberry.UNSET)
    certificate_days: int | None = value(_DAYS, default=strawberry.UNSET)


@graph_input
class PublishLearningPathInput(MutationInput):
    """Which learning path to publish."""

    id: strawberry.ID = value("The path.")
    version: int | None = value(
        "The version that was read; omit it to publish whatever there is.", default=None
    )


@graph_input
class ArchiveLearningPathInput(MutationInput):
    """Which learning path to archive."""

    id: strawberry.ID = value("The path.")
    version: int | None = value(
        "The version that was read; omit it to archive whatever there is.", default=None
    )


@graph_type
class CreateLearningPathPayload(Payload):
    """The path that was created."""

    learning_path: LearningPath | None = leaf("The new path.")


@graph_type
class UpdateLearningPathPayload(Payload):
    """The path that was changed."""

    learning_path: LearningPath | None = leaf("The path as it is now.")


@graph_type
class PublishLearningPathPayload(Payload):
    """The path that was published."""

    learning_path: LearningPath | None = leaf("The path as it is now.")


@graph_type
class ArchiveLearningPathPayload(Payload):
    """The path that was archived."""

    learning_path: LearningPath | None = leaf("The path as it is now.")


async def _create(
    info: Info,
    given: Annotated[CreateLearningPathInput, strawberry.argument(name="input", description="The new path.")],
) -> Written:
    draft = PathDraft(
        title=given.title,
        description=given.description,
        course_ids=_courses(info, given.course_ids),
        is_sequential=given.is_sequential,
        required_count=given.required_count,
        awards_certificate=given.awards_certificate,
        certificate_days=given.certificate_days,
    )
    return Written(await path.create(info.context.work, draft))


async def _update(
    info: Info,
    given: Annotated[
        UpdateLearningPathInput, strawberry.argument(name="input", description="What to change.")
    ],
) -> Written:
    id_ = info.context.open_id(NodeKind.LEARNING_PATH, given.id, "id")
    asked = required(given.course_ids, "courseIds")
    changes = PathChanges(
        title=required(given.title, "title"),
        description=required(given.description, "description"),
        course_ids=UNSET if asked is UNSET else _courses(info, asked),
        is_sequential=required(given.is_sequential, "isSequential"),
        required_count=optional(given.required_count),
        awards_certificate=required(given.awards_certificate, "awardsCertificate"),
        certificate_days=optional(given.certificate_days),
    )
    return Written(await path.update(info.context.work, id_, changes, version=given.version))


async def _publish(
    info: Info,
    given: Annotated[PublishLearningPathInput, strawberry.argument(name="input", description="Which path.")],
) -> Written:
    id_ = info.context.open_id(NodeKind.LEARNING_PATH, given.id, "id")
    return Written(await path.publish(info.context.work, id_, version=given.version))


async def _archive(
    info: Info,
    given: Annotated[ArchiveLearningPathInput, strawberry.argument(name="input", description="Which path.")],
) -> Written:
    id_ = info.context.open_id(NodeKind.LEARNING_PATH, given.id, "id")
    return Written(await path.archive(info.context.work, id_, version=given.version))


def _courses(info: Info, ids: Sequence[strawberry.ID]) -> list[UUID]:
    return [info.context.open_id(NodeKind.COURSE, id_, "courseIds") for id_ in ids]


@strawberry.type
class LearningPathMutation:
    create_learning_path: CreateLearningPathPayload | None = mutation(
        _create, "Write a new learning path.", requires=Permission.COURSE_WRITE
    )
    update_learning_path: UpdateLearningPathPayload | None = mutation(
        _update,
        "Change a learning path that is not archived. Who is on it is worked out again soon after; who has "
        "completed it stays so. Courses that a published one gets must be published.",
        requires=Permission.COURSE_WRITE,
    )
    publish_learning_path: PublishLearningPathPayload | None = mutation(
        _publish,
        "Open a learning path. All its courses must be published. Doing it twice changes nothing.",
        requires=Permission.COURSE_WRITE,
    )
    archive_learning_path: ArchiveLearningPathPayload | None = mutation(
        _archive,
        "Let nobody onto a learning path any more; who is on it stays, and no more courses open. Doing it "
        "twice changes nothing.",
        requires=Permission.COURSE_WRITE,
    )
