from typing import Annotated
from uuid import UUID

import msgspec
import strawberry
from msgspec import UNSET, UnsetType

from harka.graph.context import Info
from harka.graph.enums import LessonKind
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.payload import MutationInput, Payload, optional, required
from harka.graph.types.course import Course
from harka.ids import NodeKind
from harka.learning import course
from harka.learning.course import WHOLE, CourseChanges, CourseDraft
from harka.learning.outline import LessonOutline, ModuleOutline
from harka.repositories.course import Course as CourseRow
from harka.tenancy.permission import Permission

_SELF = "Whether people enroll themselves, and leave, while it is published."


class CoursePayload(msgspec.Struct, frozen=True):
    course: CourseRow


@graph_input
class LessonInput:
    """A lesson of a new course."""

    title: str = value("What the lesson is called: 1 to 200 characters.")
    kind: LessonKind = value("What a learner does in it.", default=LessonKind.READING)
    duration_minutes: int | None = value("How long it takes, in minutes.", default=None)
    weight: float = value("Its share of the course's progress; 0 makes it optional.", default=1.0)
    required: bool = value("Whether nobody completes the course without it.", default=False)


@graph_input
class ModuleInput:
    """A module of a new course."""

    title: str = value("What the module is called: 1 to 200 characters.")
    lessons: list[LessonInput] = value("Its lessons, in order.", default_factory=list)


@graph_input
class CreateCourseInput(MutationInput):
    """A new course. It begins as a draft."""

    title: str = value("What the course is called: 1 to 200 characters.")
    code: str = value("The organization's short name of it: 1 to 64 characters, unique.")
    slug: str | None = value(
        "Lower-case words joined by hyphens; made from the code when omitted.", default=None
    )
    description: str = value("What it is about.", default="")
    modules: list[ModuleInput] = value("Its modules, in order.", default_factory=list)
    seats: int | None = value(
        "How many people it takes, 1 to 1,000,000; omit it to take any number.", default=None
    )
    completion_percent: int = value(
        "How much of the lessons, by weight, completes the course, beside all required ones: 0 to 100. With "
        "0 the required ones alone do.",
        default=WHOLE,
    )
    awards_certificate: bool = value("Whether who completes it gets a certificate.", default=False)
    certificate_days: int | None = value(
        "How many days a certificate is valid, 1 to 36,500; null for ever.", default=None
    )
    category_id: strawberry.ID | None = value("The category it is in; omit it for none.", default=None)
    self_enrollment: bool = value(_SELF, default=False)


@graph_input
class UpdateCourseInput(MutationInput):
    """What to change of a course. What is omitted stays as it is."""

    id: strawberry.ID = value("The course.")
    version: int = value(
        "The version that was read. When the course has changed since, the answer is CONFLICT."
    )
    title: str | None = value("What it is called: 1 to 200 characters.", default=strawberry.UNSET)
    code: str | None = value(
        "The organization's short name of it: 1 to 64 characters, unique.", default=strawberry.UNSET
    )
    slug: str | None = value("Lower-case words joined by hyphens, unique.", default=strawberry.UNSET)
    description: str | None = value("What it is about.", default=strawberry.UNSET)
    seats: int | None = value(
        "How many people it takes, 1 to 1,000,000, and no fewer than take part; null takes any number.",
        default=strawberry.UNSET,
    )
    completion_percent: int | None = value(
        "How much of the lessons, by weight, completes the course, beside all required ones: 0 to 100. With "
        "0 the required ones alone do.",
        default=strawberry.UNSET,
    )
    awards_certificate: bool | None = value(
        "Whether who completes it from now on gets a certificate.", default=strawberry.UNSET
    )
    certificate_days: int | None = value(
        "How many days a certificate is valid, 1 to 36,500; null for ever.", default=strawberry.UNSET
    )
    category_id: strawberry.ID | None = value(
        "The category it is in; null for none.", default=strawberry.UNSET
    )
    self_enrollment: bool | None = value(_SELF, default=strawberry.UNSET)


@graph_input
class PublishCourseInput(MutationInput):
    """Which course to publish."""

    id: strawberry.ID = value("The course.")
    version: int | None = value(
        "The version that was read; omit it to publish whatever there is.", default=None
    )


@graph_input
class ArchiveCourseInput(MutationInput):
    """Which course to archive."""

    id: strawberry.ID = value("The course.")
    version: int | None = value(
        "The version that was read; omit it to archive whatever there is.", default=None
    )


@graph_type
class CreateCoursePayload(Payload):
    """The course that was created."""

    course: Course | None = leaf("The new course.")


@graph_type
class UpdateCoursePayload(Payload):
    """The course that was changed."""

    course: Course | None = leaf("The course as it is now.")


@graph_type
class PublishCoursePayload(Payload):
    """The course that was published."""

    course: Course | None = leaf("The course as it is now.")


@graph_type
class ArchiveCoursePayload(Payload):
    """The course that was archived."""

    course: Course | None = leaf("The course as it is now.")


async def _create(
    info: Info,
    given: Annotated[CreateCourseInput, strawberry.argument(name="input", description="The new course.")],
) -> CoursePayload:
    category_id = _category(info, given.category_id)
    draft = CourseDraft(
        title=given.title,
        code=given.code,
        slug=given.slug,
        description=given.description,
        modules=tuple(_module(module) for module in given.modules),
        seats=given.seats,
        completion_percent=given.completion_percent,
        awards_certificate=given.awards_certificate,
        certificate_days=given.certificate_days,
        category_id=None if category_id is UNSET else category_id,
        self_enrollment=given.self_enrollment,
    )
    return CoursePayload(await course.create(info.context.work, draft))


async def _update(
    info: Info,
    given: Annotated[UpdateCourseInput, strawberry.argument(name="input", description="What to change.")],
) -> CoursePayload:
    id_ = info.context.open_id(NodeKind.COURSE, given.id, "id")
    changes = CourseChanges(
        title=required(given.title, "title"),
        code=required(given.code, "code"),
        slug=required(given.slug, "slug"),
        description=required(given.description, "description"),
        seats=optional(given.seats),
        completion_percent=required(given.completion_percent, "completionPercent"),
        awards_certificate=required(given.awards_certificate, "awardsCertificate"),
        certificate_days=optional(given.certificate_days),
        category_id=_category(info, given.category_id),
        self_enrollment=required(given.self_enrollment, "selfEnrollment"),
    )
    changed = await course.update(info.context.work, id_, changes, version=given.version)
    return CoursePayload(changed)


async def _publish(
    info: Info,
    given: Annotated[PublishCourseInput, strawberry.argument(name="input", description="Which course.")],
) -> CoursePayload:
    id_ = info.context.open_id(NodeKind.COURSE, given.id, "id")
    published = await course.publish(info.context.work, id_, version=given.version)
    return CoursePayload(published)


async def _archive(
    info: Info,
    given: Annotated[ArchiveCourseInput, strawberry.argument(name="input", description="Which course.")],
) -> CoursePayload:
    id_ = info.context.open_id(NodeKind.COURSE, given.id, "id")
    archived = await course.archive(info.context.work, id_, version=given.version)
    return CoursePayload(archived)


def _category(info: Info, given: strawberry.ID | None) -> UUID | UnsetType | None:
    asked = optional(given)
    if asked is UNSET or asked is None:
        return asked
    return info.context.open_id(NodeKind.CATEGORY, asked, "categoryId")


def _module(given: ModuleInput) -> ModuleOutline:
    lessons = tuple(
        LessonOutline(lesson.title, lesson.kind, lesson.duration_minutes, lesson.weight, lesson.required)
        for lesson in given.lessons
    )
    return ModuleOutline(given.title, lessons)


@strawberry.type
class CourseMutation:
    create_course: CreateCoursePayload | None = mutation(
        _create, "Write a new course, with its modules and lessons.", requires=Permission.COURSE_WRITE
    )
    update_course: UpdateCoursePayload | None = mutation(
        _update, "Change a course that is not archived.", requires=Permission.COURSE_WRITE
    )
    publish_course: PublishCoursePayload | None = mutation(
        _publish,
        "Open a draft or archived course for enrollment; of one that is open, keep what it has become as its "
        "next version. It needs a lesson. Doing it twice changes nothing.",
        requires=Permission.COURSE_WRITE,
    )
    archive_course: ArchiveCoursePayload | None = mutation(
        _archive,
        "Close a course for enrollment; who is enrolled keeps access. Doing it twice changes nothing.",
        requires=Permission.COURSE_WRITE,
    )
