"""What lessons show. It is for those who take the course, once the lesson is open, and for authors."""

import enum
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from harka import clock
from harka.errors import ConflictError, NotFoundError, ValidationError
from harka.ids import new_id
from harka.learning import course, file, lesson, visibility
from harka.learning.outline import accept_order, no_order
from harka.learning.reading import readable
from harka.learning.text import LONGEST_TITLE, accept_line, accept_text, accept_url
from harka.learning.work import UnitOfWork
from harka.repositories import content as contents
from harka.repositories import lesson as lessons
from harka.repositories import quiz as quizzes
from harka.repositories.content import ContentItem
from harka.repositories.event import EventType
from harka.repositories.lesson import Lesson
from harka.rows import ByKey, Grouped
from harka.tenancy.permission import Permission

MOST_ITEMS: Final = 100
"""Of one lesson."""
LONGEST_TEXT: Final = 50_000
LONGEST_VIDEO: Final = 360_000
"""Seconds."""


class ContentKind(enum.StrEnum):
    TEXT = "text"
    VIDEO = "video"
    LINK = "link"
    QUIZ = "quiz"
    FILE = "file"


class ContentDraft(msgspec.Struct, frozen=True, kw_only=True):
    """`kind`: a `ContentKind`. `text`: of others than texts a description. `quiz_id`: one of the lesson."""

    kind: str
    title: str
    text: str = ""
    url: str | None = None
    file_id: UUID | None = None
    duration_seconds: int | None = None
    quiz_id: UUID | None = None


class ContentChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What is UNSET stays as it is."""

    title: str | UnsetType = UNSET
    text: str | UnsetType = UNSET
    url: str | UnsetType | None = UNSET
    file_id: UUID | UnsetType | None = UNSET
    duration_seconds: int | UnsetType | None = UNSET


async def find_many(work: UnitOfWork, ids: Sequence[UUID]) -> ByKey[ContentItem]:
    """By id, those of lessons the reader may read."""
    visibility.of_courses(work.context)
    found = await contents.find_by_ids(work.session, ids)
    allowed = set(await readable(work, list({each.lesson_id for each in found})))
    return ByKey([each for each in found if each.lesson_id in allowed])


async def by_lesson(work: UnitOfWork, lesson_ids: Sequence[UUID]) -> Grouped[ContentItem]:
    """In order; lessons without content, or not to be read, are left out."""
    allowed = await readable(work, lesson_ids)
    return Grouped(await contents.find_by_lessons(work.session, allowed) if allowed else [], "lesson_id")


async def create(work: UnitOfWork, lesson_id: UUID, draft: ContentDraft) -> ContentItem:
    """A new item behind the others. The lesson has a new version.

    Raise `ValidationError`, for a file that is not uploaded yet too; `NotFoundError`; `ConflictError` for an
    archived course, here and below.
    """
    work.context.require(Permission.COURSE_WRITE)
    now = clock.now()
    made = _accepted(
        ContentItem(
            id=new_id(),
            lesson_id=lesson_id,
            position=0,
            kind=str(draft.kind),
            title=draft.title,
            text=draft.text,
            url=draft.url,
            file_id=draft.file_id,
            duration_seconds=draft.duration_seconds,
            quiz_id=draft.quiz_id,
            created_at=now,
            updated_at=now,
            version=1,
        )
    )
    if made.file_id is not None:
        await file.require_ready(work, made.file_id, "fileId")
    await touch(work, lesson_id)
    if made.quiz_id is not None:
        await _require_quiz(work, made.quiz_id, lesson_id)
    place = await contents.count(work.session, lesson_id)
    if place >= MOST_ITEMS:
        raise ValidationError(f"A lesson has at most {MOST_ITEMS} items.", field="lessonId")
    placed: ContentItem = msgspec.structs.replace(made, position=place)
    await contents.insert_many(work.session, [placed])
    return placed


async def update(work: UnitOfWork, id_: UUID, changes: ContentChanges, *, version: int) -> ContentItem:
    """Change what `changes` names. Raise `ConflictError` when the item is of another version."""
    work.context.require(Permission.COURSE_WRITE)
    before = await _require(work, id_)
    if before.version != version:
        raise ConflictError
    given = {name: value for name, value in msgspec.structs.asdict(changes).items() if value is not UNSET}
    accepted = _accepted(msgspec.structs.replace(before, **given))
    if accepted.file_id is not None and accepted.file_id != before.file_id:
        await file.require_ready(work, accepted.file_id, "fileId")
    held = await course.hold(work, (await lesson.require(work, before.lesson_id)).course_id)
    changed = await contents.update(work.session, accepted)
    if changed is None:
        raise ConflictError
    tell(work, before.lesson_id, held.id)
    return changed


async def reorder(work: UnitOfWork, lesson_id: UUID, ids: Sequence[UUID], *, version: int) -> Lesson:
    """Put all items of a lesson into this order. `version`: that of the lesson as the author read it.

    Raise `ValidationError` for anything but all of them, and `ConflictError`.
    """
    work.context.require(Permission.COURSE_WRITE)
    accept_order(ids, "contentItemIds", most=MOST_ITEMS)
    touched = await touch(work, lesson_id, version=version)
    if not await contents.reorder(work.session, lesson_id, ids):
        raise no_order("contentItemIds")
    return touched


async def delete(work: UnitOfWork, id_: UUID, *, version: int) -> Lesson:
    """Take an item away. Answers its lesson, which has a new version."""
    work.context.require(Permission.COURSE_WRITE)
    before = await _require(work, id_)
    touched = await touch(work, before.lesson_id)
    if not await contents.delete(work.session, id_, version):
        await _require(work, id_)
        raise ConflictError
    return touched


async def touch(work: UnitOfWork, lesson_id: UUID, *, version: int | None = None) -> Lesson:
    """A lesson whose list of content is about to change, of a new version, in a course that is held."""
    known = await lesson.require(work, lesson_id)
    await course.hold(work, known.course_id)
    touched = await lessons.touch(work.session, lesson_id, version)
    if touched is None:
        await lesson.require(work, lesson_id)
        raise ConflictError
    tell(work, lesson_id, known.course_id)
    return touched


def tell(work: UnitOfWork, lesson_id: UUID, course_id: UUID) -> None:
    """What a lesson shows is other than it was."""
    work.record(EventType.LESSON_UPDATED, lesson_id, course_id=course_id, fields=["content_items"])


async def _require_quiz(work: UnitOfWork, quiz_id: UUID, lesson_id: UUID) -> None:
    """Raise unless it is of this lesson, and no other item shows it."""
    found = await quizzes.find_by_ids(work.session, [quiz_id])
    if not found or found[0].lesson_id != lesson_id:
        raise NotFoundError("There is no such quiz in the lesson.", field="quizId")
    if found[0].is_shown:
        raise ConflictError("Another item shows this quiz already.", field="quizId")


async def _require(work: UnitOfWork, id_: UUID) -> ContentItem:
    found = await contents.find_by_ids(work.session, [id_])
    if not found:
        raise NotFoundError("There is no such content here.")
    return found[0]


def _accepted(item: ContentItem) -> ContentItem:
    """As it is stored. Raise `ValidationError`."""
    if item.kind not in _KINDS:
        raise ValidationError("There is no such kind of content.", field="kind")
    is_text = item.kind == ContentKind.TEXT
    text = accept_text(item.text, "text", longest=LONGEST_TEXT)
    if is_text and not text:
        raise ValidationError("A text must not be empty.", field="text")
    if (item.url is None) == (item.kind in _AT_AN_ADDRESS):
        raise ValidationError("A video or link has an address, and nothing else has.", field="url")
    if (item.file_id is None) == (item.kind == ContentKind.FILE):
        raise ValidationError("A file names the file, and nothing else does.", field="fileId")
    if (item.quiz_id is None) == (item.kind == ContentKind.QUIZ):
        raise ValidationError("A quiz names the quiz, and nothing else does.", field="quizId")
    seconds = item.duration_seconds
    if seconds is not None and (item.kind != ContentKind.VIDEO or not 0 <= seconds <= LONGEST_VIDEO):
        raise ValidationError(
            f"Only a video has a length, of 0 to {LONGEST_VIDEO} seconds.", field="durationSeconds"
        )
    accepted: ContentItem = msgspec.structs.replace(
        item,
        title=accept_line(item.title, "title", longest=LONGEST_TITLE),
        text=text,
        url=None if item.url is None else accept_url(item.url, "url"),
    )
    return accepted


_KINDS: Final = frozenset(ContentKind)
_AT_AN_ADDRESS: Final = frozenset({ContentKind.VIDEO, ContentKind.LINK})
