"""Writes what a tenant has as JSON Lines: one object a row, oldest first, all from one moment.

Everything is read in one read-only transaction, page by page, so an export of any size needs little memory
and its files agree with each other. Ids are the database's own, times RFC 3339.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

from msgspec.structs import asdict

from harka.codec import json_bytes
from harka.learning import completion, course, enrollment, lesson, module, progress, user
from harka.learning.work import UnitOfWork
from harka.repositories.course import Course
from harka.repositories.enrollment import Enrollment
from harka.repositories.page import Position
from harka.repositories.user import User

PAGE: Final = 500

Row = TypeVar("Row", Course, User, Enrollment)


async def courses(work: UnitOfWork) -> AsyncIterator[bytes]:
    """Yield courses, each with its modules and their lessons."""
    async for page in _pages(lambda after: course.list_page(work, after=after, first=PAGE)):
        ids = [each.id for each in page]
        modules = await module.by_course(work, ids)
        lessons = await lesson.by_module(work, [each.id for found in modules.values() for each in found])
        yield _lines(
            {
                **asdict(each),
                "modules": [
                    {**asdict(part), "lessons": [asdict(row) for row in lessons.get(part.id, ())]}
                    for part in modules.get(each.id, ())
                ],
            }
            for each in page
        )


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


PARTS: Final[Mapping[str, Callable[[UnitOfWork], AsyncIterator[bytes]]]] = {
    "courses.jsonl": courses,
    "users.jsonl": users,
    "enrollments.jsonl": enrollments,
    "lesson_progress.jsonl": lesson_progress,
    "completions.jsonl": completions,
}
"""By file name: what yields its content in pieces. Call each within one read-only unit of work."""


def _enrollment_pages(work: UnitOfWork) -> AsyncIterator[Sequence[Enrollment]]:
    return _pages(lambda after: enrollment.list_page(work, after=after, first=PAGE))


async def _pages(
    read: Callable[[Position | None], Awaitable[Sequence[Row]]],
) -> AsyncIterator[Sequence[Row]]:
    after: Position | None = None
    while page := await read(after):
        yield page
        after = page[-1].created_at, page[-1].id


def _lines(rows: Iterable[Mapping[str, Any]]) -> bytes:
    return b"".join(json_bytes(row) + b"\n" for row in rows)
