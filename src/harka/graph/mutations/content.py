from typing import Annotated
from uuid import UUID

import msgspec
import strawberry
from msgspec import UNSET

from harka.graph.context import Info
from harka.graph.enums import ContentKind
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.payload import MutationInput, Payload, optional, required
from harka.graph.types.content import ContentItem
from harka.graph.types.lesson import Lesson
from harka.ids import NodeKind
from harka.learning import content
from harka.learning.content import MOST_ITEMS, ContentChanges, ContentDraft
from harka.repositories.content import ContentItem as ContentItemRow
from harka.repositories.lesson import Lesson as LessonRow
from harka.tenancy.permission import Permission

_TITLE = "What it is called: 1 to 200 characters."
_TEXT = "The text, or a description: at most 50,000 characters."
_URL = "Where the video or page is: an https address of at most 2,048 characters."
_FILE = "A file of yours that was uploaded and completed, or one that a lesson shows."
_SECONDS = "How long the video is."
_QUIZ = "The quiz: one of the lesson that no other item shows."
_VERSION = "The version that was read. When it has changed since, the answer is CONFLICT."


class Written(msgspec.Struct, frozen=True):
    content_item: ContentItemRow


class Arranged(msgspec.Struct, frozen=True):
    lesson: LessonRow


@graph_input
class CreateContentItemInput(MutationInput):
    """A new item of a lesson, behind the others.

    A text has `text`, a video or link `url`, a file `fileId`, a quiz `quizId`.
    """

    lesson_id: strawberry.ID = value("The lesson. Its course must not be archived.")
    kind: ContentKind = value("What it is.")
    title: str = value(_TITLE)
    text: str = value(_TEXT, default="")
    url: str | None = value(_URL, default=None)
    file_id: strawberry.ID | None = value(_FILE, default=None)
    duration_seconds: int | None = value(_SECONDS, default=None)
    quiz_id: strawberry.ID | None = value(_QUIZ, default=None)


@graph_input
class UpdateContentItemInput(MutationInput):
    """What to change of an item. What is omitted stays as it is."""

    id: strawberry.ID = value("The item.")
    version: int = value(_VERSION)
    title: str | None = value(_TITLE, default=strawberry.UNSET)
    text: str | None = value(_TEXT, default=strawberry.UNSET)
    url: str | None = value(_URL, default=strawberry.UNSET)
    file_id: strawberry.ID | None = value(_FILE, default=strawberry.UNSET)
    duration_seconds: int | None = value(_SECONDS, default=strawberry.UNSET)


@graph_input
class DeleteContentItemInput(MutationInput):
    """Which item to take away."""

    content_item_id: strawberry.ID = value("The item.")
    version: int = value(_VERSION)


@graph_input
class ReorderContentItemsInput(MutationInput):
    """All items of a lesson, in the order they shall have."""

    lesson_id: strawberry.ID = value("The lesson. Its course must not be archived.")
    version: int = value("The lesson's version that was read. When it has changed, the answer is CONFLICT.")
    content_item_ids: list[strawberry.ID] = value(f"Every item of the lesson once, at most {MOST_ITEMS}.")


@graph_type
class CreateContentItemPayload(Payload):
    """The item that was created."""

    content_item: ContentItem | None = leaf("The new item.")


@graph_type
class UpdateContentItemPayload(Payload):
    """The item that was changed."""

    content_item: ContentItem | None = leaf("The item as it is now.")


@graph_type
class DeleteContentItemPayload(Payload):
    """The lesson whose item is gone."""

    lesson: Lesson | None = leaf("The lesson as it is now.")


@graph_type
class ReorderContentItemsPayload(Payload):
    """The lesson whose items were put into order."""

    lesson: Lesson | None = leaf("The lesson as it is now.")


def _file(info: Info, given: strawberry.ID | None) -> UUID | None:
    return None if given is None else info.context.open_id(NodeKind.FILE, given, "fileId")


async def _create(
    info: Info,
    given: Annotated[CreateContentItemInput, strawberry.argument(name="input", description="The new item.")],
) -> Written:
    context = info.context
    lesson_id = context.open_id(NodeKind.LESSON, given.lesson_id, "lessonId")
    quiz_id = None if given.quiz_id is None else context.open_id(NodeKind.QUIZ, given.quiz_id, "quizId")
    draft = ContentDraft(
        kind=given.kind,
        title=given.title,
        text=given.text,
        url=given.url,
        file_id=_file(info, given.file_id),
        duration_seconds=given.duration_seconds,
        quiz_id=quiz_id,
    )
    return Written(await content.create(context.work, lesson_id, draft))


async def _update(
    info: Info,
    given: Annotated[
        UpdateContentItemInput, strawberry.argument(name="input", description="What to change.")
    ],
) -> Written:
    id_ = info.context.open_id(NodeKind.CONTENT_ITEM, given.id, "id")
    changes = ContentChanges(
        title=required(given.title, "title"),
        text=required(given.text, "text"),
        url=optional(given.url),
        file_id=UNSET if given.file_id is strawberry.UNSET else _file(info, given.file_id),
        duration_seconds=optional(given.duration_seconds),
    )
    return Written(await content.update(info.context.work, id_, changes, version=given.version))


async def _delete(
    info: Info,
    given: Annotated[DeleteContentItemInput, strawberry.argument(name="input", description="Which item.")],
) -> Arranged:
    id_ = info.context.open_id(NodeKind.CONTENT_ITEM, given.content_item_id, "contentItemId")
    return Arranged(await content.delete(info.context.work, id_, version=given.version))


async def _reorder(
    info: Info,
    given: Annotated[ReorderContentItemsInput, strawberry.argument(name="input", description="The order.")],
) -> Arranged:
    context = info.context
    lesson_id = context.open_id(NodeKind.LESSON, given.lesson_id, "lessonId")
    ids = [context.open_id(NodeKind.CONTENT_ITEM, id_, "contentItemIds") for id_ in given.content_item_ids]
    return Arranged(await content.reorder(context.work, lesson_id, ids, version=given.version))


@strawberry.type
class ContentMutation:
    create_content_item: CreateContentItemPayload | None = mutation(
        _create,
        "Add a text, a video, a link, a file or a quiz to a lesson.",
        requires=Permission.COURSE_WRITE,
    )
    update_content_item: UpdateContentItemPayload | None = mutation(
        _update, "Change what a lesson shows.", requires=Permission.COURSE_WRITE
    )
    delete_content_item: DeleteContentItemPayload | None = mutation(
        _delete, "Take something out of a lesson.", requires=Permission.COURSE_WRITE
    )
    reorder_content_items: ReorderContentItemsPayload | None = mutation(
        _reorder, "Put what a lesson shows into another order.", requires=Permission.COURSE_WRITE
    )
