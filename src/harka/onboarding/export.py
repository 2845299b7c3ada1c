"""Writes what a tenant has as JSON Lines: one object a row, oldest first, all from one moment.

Everything is read in one read-only transaction, page by page, so an export of any size needs little memory
and its files agree with each other. Ids are the database's own, times RFC 3339.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar
from uuid import UUID

from msgspec import to_builtins
from msgspec.structs import asdict

from harka.codec import json_bytes
from harka.files.store import FileStore
from harka.learning import (
    assignment,
    category,
    completion,
    content,
    course,
    enrollment,
    file,
    group,
    group_list,
    lesson,
    module,
    path,
    path_enrollment,
    progress,
    quiz,
    quiz_attempt,
    quiz_question,
    quiz_record,
    role,
    submission,
    tag,
    unlock,
    user,
)
from harka.learning.file import FileStatus
from harka.learning.work import UnitOfWork
from harka.repositories.category import Category
from harka.repositories.course import Course
from harka.repositories.enrollment import Enrollment
from harka.repositories.file import File, FileFilter
from harka.repositories.group import Group
from harka.repositories.group_list import Tie
from harka.repositories.page import Position
from harka.repositories.path import LearningPath
from harka.repositories.path_enrollment import PathEnrollment
from harka.repositories.role import CustomRole
from harka.repositories.tag import Tag
from harka.repositories.user import User

PAGE: Final = 500
FILES: Final = "files"
"""The directory of what is in files, named by their ids."""

Row = TypeVar("Row", Course, User, Enrollment, CustomRole, Group, LearningPath, PathEnrollment, File)
Named = TypeVar("Named", Category, Tag)


async def courses(work: UnitOfWork) -> AsyncIterator[bytes]:
    """Yield courses, each with its tags and modules, these with when they open, and all that is in them."""
    async for page in _pages(lambda after: course.list_page(work, after=after, first=PAGE)):
        ids = [each.id for each in page]
        modules = await module.by_course(work, ids)
        module_ids = [each.id for found in modules.values() for each in found]
        lessons = await lesson.by_module(work, module_ids)
        rules = await unlock.by_module(work, module_ids)
        tags_of = await tag.by_course(work, ids)
        inside = await _inside(work, [each.id for found in lessons.values() for each in found])
        yield _lines(
            {
                **asdict(each),
                "tag_ids": [found.id for found in tags_of.get(each.id, ())],
                "modules": [
                    {
                        **asdict(part),
                        "unlock": asdict(rules[part.id]) if part.id in rules else None,
                        "lessons": [{**asdict(row), **inside(row.id)} for row in lessons.get(part.id, ())],
                    }
                    for part in modules.get(each.id, ())
                ],
            }
            for each in page
        )


async def _inside(work: UnitOfWork, lesson_ids: Sequence[UUID]) -> Callable[[UUID], dict[str, Any]]:
    """What each lesson holds: items, quizzes with their questions, assignments."""
    items = await content.by_lesson(work, lesson_ids)
    quizzes = await quiz.by_lesson(work, lesson_ids)
    questions = await quiz_question.by_quiz(work, [each.id for found in quizzes.values() for each in found])
    assignments = await assignment.by_lesson(work, lesson_ids)

    def of(id_: UUID) -> dict[str, Any]:
        return {
            "content": [asdict(each) for each in items.get(id_, ())],
            "quizzes": [
                {**asdict(each), "questions": [asdict(asked) for asked in questions.get(each.id, ())]}
                for each in quizzes.get(id_, ())
            ],
            "assignments": [asdict(each) for each in assignments.get(id_, ())],
        }

    return of


async def categories(work: UnitOfWork) -> AsyncIterator[bytes]:
    """Yield categories of courses, by name."""
    async for page in _named_pages(lambda after: category.list_page(work, after=after, first=PAGE)):
        yield _lines(map(asdict, page))


async def tags(work: UnitOfWork) -> AsyncIterator[bytes]:
    """Yield tags of courses, by name."""
    async for page in _named_pages(lambda after: tag.list_page(work, after=after, first=PAGE)):
        yield _lines(map(asdict, page))


async def roles(work: UnitOfWork) -> AsyncIterator[bytes]:
    """Yield the organization's own roles."""
    async for page in _pages(lambda after: role.list_page(work, after=after, first=PAGE)):
        yield _lines(map(asdict, page))


async def groups(work: UnitOfWork) -> AsyncIterator[bytes]:
    """Yield groups, each with the ids of the people in it."""
    async for page in _pages(lambda after: group.list_page(work, after=after, first=PAGE)):
        members = await _members(work, [each.id for each in page])
        yield _lines({**asdict(each), "user_ids": members.get(each.id, [])} for each in page)


async def _members(work: UnitOfWork, group_ids: Sequence[UUID]) -> dict[UUID, list[UUID]]:
    """The people of each group, in the order of their ids: first of all groups, then on of the large ones."""
    found = await group_list.people_by_group(work, Tie.MEMBER, group_ids, first=PAGE)
    members = {group_id: [each.id for each in people] for group_id, people in found.items()}
    for group_id, people in members.items():
        more = len(people)
        while more == PAGE:
            page = await group_list.page_of_group(
                work, Tie.MEMBER, group_id, after=(people[-1], people[-1]), first=PAGE
            )
            more = len(page)
            people += [each.id for each in page]
    return members


async def learning_paths(work: UnitOfWork) -> AsyncIterator[bytes]:
    """Yield learning paths, each with the ids of its courses."""
    async for page in _pages(lambda after: path.list_page(work, after=after, first=PAGE)):
        found = await path.courses_by_path(work, [each.id for each in page])
        yield _lines(
            {**asdict(each), "course_ids": [of.id for of in found.get(each.id, ())]} for each in page
        )


async def learning_path_enrollments(work: UnitOfWork) -> AsyncIterator[bytes]:
    async for page in _pages(lambda after: path_enrollment.list_page(work, after=after, first=PAGE)):
        yield _lines(map(asdict, page))


async def contents(work: UnitOfWork, store: FileStore) -> AsyncIterator[tuple[UUID, AsyncIterator[bytes]]]:
    """Yield what is in files, by their id; not of those that the store does not have."""
    async for page in _pages(lambda after: file.list_page(work, FileFilter(), after=after, first=PAGE)):
        for each in page:
            path = file.path_of(each.id)
            if each.status == FileStatus.READY and await store.find(work.context.id, path) is not None:
                yield each.id, store.read(work.context.id, path)


async def files(work: UnitOfWork) -> AsyncIterator[bytes]:
    """Yield what is known of files; see `contents` for what is in them."""
    async for page in _pages(lambda after: file.list_page(work, FileFilter(), after=after, first=PAGE)):
        yield _lines(map(asdict, page))


async def users(work: UnitOfWork) -> AsyncIterator[bytes]:
    async for page in _pages(lambda after: user.list_page(work, after=after, first=PAGE)):
        yield _lines(map(asdict, page))


async def enrollments(work: UnitOfWork) -> AsyncIterator[bytes]:
    async for page in _enrollment_pages(work):
        yield _lines(map(asdict, page))


async def lesson_progress(work: UnitOfWork) -> AsyncIterator[bytes]:
    """Yield progress in lessons, in the order of the enrollments it belongs to."""
    async for page in _enrollment_pages(work):
        found = await progress.by_enrollment(work, [each.id for each in page])
        yield _lines(asdict(row) for each in page for row in found.get(each.id, ()))


async def completions(work: UnitOfWork) -> AsyncIterator[bytes]:
    """Yield completions, in the order of the enrollments they belong to."""
    async for page in _enrollment_pages(work):
        found = await completion.by_enrollment(work, [each.id for each in page])
        yield _lines(asdict(found[each.id]) for each in page if each.id in found)


async def quiz_attempts(work: UnitOfWork) -> AsyncIterator[bytes]:
    """Yield attempts at quizzes, in the order of enrollments, with what they ask and what was answered."""
    async for page in _enrollment_pages(work):
        found = await quiz_attempt.pages_by_enrollment(work, [each.id for each in page], first=PAGE)
        for each in page:
            rows = found.get(each.id, ())
            while rows:
                sheets = await quiz_record.sheets_by_attempt(work, [row.id for row in rows])
                yield _lines({**asdict(row), **to_builtins(sheets[row.id])} for row in rows)
                after = rows[-1].created_at, rows[-1].id
                rows = await quiz_attempt.page_of_enrollment(work, each.id, after=after, first=PAGE)


async def submissions(work: UnitOfWork) -> AsyncIterator[bytes]:
    """Yield what was handed in, in the order of enrollments, with the ids of its files."""
    async for page in _enrollment_pages(work):
        found = await submission.by_enrollment(work, [each.id for each in page])
        rows = [row for each in page for row in found.get(each.id, ())]
        with_files = await submission.files_by_submission(work, [row.id for row in rows])
        yield _lines(
            {**asdict(row), "file_ids": [each.id for each in with_files.get(row.id, ())]} for row in rows
        )


PARTS: Final[Mapping[str, Callable[[UnitOfWork], AsyncIterator[bytes]]]] = {
    "courses.jsonl": courses,
    "users.jsonl": users,
    "enrollments.jsonl": enrollments,
    "lesson_progress.jsonl": lesson_progress,
    "completions.jsonl": completions,
    "categories.jsonl": categories,
    "tags.jsonl": tags,
    "roles.jsonl": roles,
    "groups.jsonl": groups,
    "learning_paths.jsonl": learning_paths,
    "learning_path_enrollments.jsonl": learning_path_enrollments,
    "submissions.jsonl": submissions,
    "quiz_attempts.jsonl": quiz_attempts,
    "files.jsonl": files,
}
"""By file name: what yields its content in pieces. Call each within one read-only unit of work."""


def _enrollment_pages(work: UnitOfWork) -> AsyncIterator[Sequence[Enrollment]]:
    return _pages(lambda after: enrollment.list_page(work, after=after, first=PAGE))


async def _named_pages(
    read: Callable[[Position | None], Awaitable[Sequence[Named]]],
) -> AsyncIterator[Sequence[Named]]:
    after: Position | None = None
    while page := await read(after):
        yield page
        after = page[-1].name, page[-1].id


async def _pages(
    read: Callable[[Position | None], Awaitable[Sequence[Row]]],
) -> AsyncIterator[Sequence[Row]]:
    after: Position | None = None
    while page := await read(after):
        yield page
        after = page[-1].created_at, page[-1].id


def _lines(rows: Iterable[Mapping[str, Any]]) -> bytes:
    return b"".join(json_bytes(row) + b"\n" for row in rows)
