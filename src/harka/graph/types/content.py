from datetime import datetime
from typing import Any

from harka.graph.context import Info
from harka.graph.enums import ContentKind
from harka.graph.field import field, leaf, related
from harka.graph.loaders.content import ContentItemByIdLoader
from harka.graph.loaders.file import FileByIdLoader
from harka.graph.loaders.lesson import LessonByIdLoader
from harka.graph.loaders.quiz import QuizByIdLoader
from harka.graph.node import Node, node_type
from harka.graph.types import later
from harka.ids import NodeKind
from harka.repositories.content import ContentItem as ContentItemRow


def _quiz(root: ContentItemRow, info: Info) -> Any:
    return None if root.quiz_id is None else info.context.loaders.of(QuizByIdLoader).want(root.quiz_id)


def _file(root: ContentItemRow, info: Info) -> Any:
    return None if root.file_id is None else info.context.loaders.of(FileByIdLoader).want(root.file_id)


@node_type(ContentItemRow, NodeKind.CONTENT_ITEM, ContentItemByIdLoader)
class ContentItem(Node):
    """Something that a lesson shows. It is absent for who does not take the course, or not yet the lesson."""

    lesson: later.Lesson | None = related(
        LessonByIdLoader, "lesson_id", "The lesson it belongs to; null when the caller may not see it."
    )
    position: int = leaf("The place within the lesson, from 0.")
    kind: ContentKind = leaf("What it is.")
    title: str = leaf("What it is called.")
    text: str = leaf("The text; of others a description, which may be empty.")
    url: str | None = leaf("Where the video or page is: https; null for others.")
    file: later.File | None = field(_file, "What was uploaded; null for others.", several=True)
    duration_seconds: int | None = leaf("How long the video is; null when nobody said.")
    quiz: later.Quiz | None = field(_quiz, "The quiz that it shows; null for others.", several=True)
    created_at: datetime = leaf("When it was added.")
    updated_at: datetime = leaf("When it last changed.")
    version: int = leaf("Grows with every change.")
