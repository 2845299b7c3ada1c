"""Reads users and enrollments from CSV text, row by row through the same rules a mutation goes through.

Rows that are there already count as unchanged, so that the same file can be read again. What one row has
wrong does not hide the next: a batch that is refused is halved until the row at fault is found. Whether rows
are kept when others are refused is the caller's business; `harka import csv` keeps all or none.
"""

import csv
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, Generic, TypeVar
from uuid import UUID

import msgspec

from harka.auth.permissions import Role
from harka.errors import (
    BadRequestError,
    ConflictError,
    ForbiddenError,
    HarkaError,
    NotFoundError,
    ValidationError,
)
from harka.learning import course, enrollment, user
from harka.learning.enrollment import EnrollmentEntry
from harka.learning.user import UserDraft
from harka.learning.work import UnitOfWork
from harka.repositories import user as users
from harka.repositories.page import Position

MOST_ERRORS: Final = 100
"""Then the rest is not tried: a file of the wrong kind would be wrong in every row."""
_BATCH: Final = 1_000
_PAGE: Final = 500
# other failures are not the row's fault: the import ends with them
_REFUSALS: Final = (BadRequestError, ConflictError, ForbiddenError, NotFoundError)
# what the rules call a field, where the file has another name for it
_COLUMN_OF: Final = {"userId": "email", "courseId": "course", "enrolledAt": "enrolled_at", "dueAt": "due_at"}

T = TypeVar("T")


class RowError(msgspec.Struct, frozen=True):
    """`line`: of the file, from 1, where the row ends. `field`: the column, when one is at fault."""

    line: int
    field: str | None
    code: str
    message: str


class Imported(msgspec.Struct, frozen=True):
    created: int
    unchanged: int
    errors: tuple[RowError, ...]


async def import_users(work: UnitOfWork, lines: Iterable[str]) -> Imported:
    """Columns: email, name; optional role, locale, timezone. Who has an address already stays as they are."""
    attempt = _Attempt[UserDraft](work, lambda drafts: user.create_many(work, drafts))
    unchanged = 0
    for batch in attempt.batches(lines, required={"email", "name"}, optional={"role", "locale", "timezone"}):
        drafts = [(line, _user_draft(cells)) for line, cells in batch]
        found = await users.find_by_emails(work.session, [draft.email for _, draft in drafts])
        known = {each.email.lower() for each in found}
        fresh = []
        for line, draft in drafts:
            if draft.email.lower() in known:
                unchanged += 1
                continue
            known.add(draft.email.lower())
            fresh.append((line, draft))
        await attempt.write(fresh)
    return Imported(attempt.written, unchanged, tuple(attempt.errors))


async def import_enrollments(work: UnitOfWork, lines: Iterable[str]) -> Imported:
    """Columns: email, course (its code); optional enrolled_at, due_at: ISO 8601, UTC unless they say."""
    attempt = _Attempt[EnrollmentEntry](work, lambda entries: enrollment.enroll_many(work, entries))
    courses = await _courses_by_code(work)
    before = await enrollment.count(work)
    for batch in attempt.batches(lines, required={"email", "course"}, optional={"enrolled_at", "due_at"}):
        found = await users.find_by_emails(work.session, [cells["email"] for _, cells in batch])
        people = {each.email.lower(): each.id for each in found}
        entries = []
        for line, cells in batch:
            try:
                entries.append((line, _enrollment_entry(cells, people, courses)))
            except _REFUSALS as error:
                attempt.refuse(line, error)
        await attempt.write(entries)
    created = await enrollment.count(work) - before
    return Imported(created, attempt.written - created, tuple(attempt.errors))


class _Attempt(Generic[T]):
    """`written`: rows that the rules took. `errors`: the others, in the order of the file within a batch."""

    def __init__(self, work: UnitOfWork, write: Callable[[Sequence[T]], Awaitable[object]]) -> None:
        self.written = 0
        self.errors: list[RowError] = []
        self._work = work
        self._write = write

    def batches(
        self, lines: Iterable[str], *, required: set[str], optional: set[str]
    ) -> Iterator[list[tuple[int, dict[str, str]]]]:
        """Yield rows by column, with their line; stop at what is no CSV, and when too many rows are wrong."""
        batch: list[tuple[int, dict[str, str]]] = []
        try:
            for line, cells in _rows(lines, required, optional):
                batch.append((line, cells))
                if len(batch) == _BATCH:
                    yield batch
                    batch = []
                if len(self.errors) >= MOST_ERRORS:
                    return
        except _MalformedError as error:
            self.refuse(error.line, error)
        if batch:
            yield batch

    async def write(self, rows: Sequence[tuple[int, T]]) -> None:
        """All, or after a refusal each half by itself."""
        if not rows or len(self.errors) >= MOST_ERRORS:
            return
        try:
            async with self._work.savepoint():
                await self._write([value for _, value in rows])
        except _REFUSALS as error:
            if len(rows) == 1:
                self.refuse(rows[0][0], error)
                return
        else:
            self.written += len(rows)
            return
        half = len(rows) // 2
        await self.write(rows[:half])
        await self.write(rows[half:])

    def refuse(self, line: int, error: HarkaError) -> None:
        field: str | None = getattr(error, "field", None)
        self.errors.append(RowError(line, _COLUMN_OF.get(field or "", field), error.code, error.message))


class _MalformedError(BadRequestError):
    """The text is not CSV with the columns that are needed."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def _rows(
    lines: Iterable[str], required: set[str], optional: set[str]
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each row that is not empty, by column. Raise `_MalformedError`."""
    table = csv.reader(lines, strict=True)
    try:
        header = [name.strip().lower() for name in next(table, [])]
        if not required <= set(header) <= required | optional or len(set(header)) < len(header):
            needed, more = ", ".join(sorted(required)), ", ".join(sorted(optional))
            raise _MalformedError(1, f"The first line names the columns: {needed}, and if wanted {more}.")
        for cells in table:
            if not any(cell.strip() for cell in cells):
                continue
            if "\0" in "".join(cells):
                raise _MalformedError(table.line_num, "This row contains a NUL.")
            if len(cells) != len(header):
                raise _MalformedError(table.line_num, f"This row has {len(cells)} cells, not {len(header)}.")
            yield table.line_num, dict(zip(header, map(str.strip, cells), strict=True))
    except UnicodeDecodeError as error:
        raise _MalformedError(table.line_num + 1, "This is not UTF-8.") from error
    except csv.Error as error:
        raise _MalformedError(table.line_num, f"This is not CSV: {error}.") from error


def _user_draft(cells: dict[str, str]) -> UserDraft:
    return UserDraft(
        email=cells["email"],
        name=cells["name"],
        role=cells.get("role") or Role.LEARNER,
        locale=cells.get("locale") or None,
        timezone=cells.get("timezone") or None,
    )


def _enrollment_entry(
    cells: dict[str, str], people: dict[str, UUID], courses: dict[str, UUID]
) -> EnrollmentEntry:
    person, of = people.get(cells["email"].lower()), courses.get(cells["course"])
    if person is None:
        raise ValidationError("No user here has this address.", field="email")
    if of is None:
        raise ValidationError("No course here has this code.", field="course")
    return EnrollmentEntry(
        user_id=person,
        course_id=of,
        enrolled_at=_moment(cells, "enrolled_at"),
        due_at=_moment(cells, "due_at"),
    )


def _moment(cells: dict[str, str], column: str) -> datetime | None:
    if not cells.get(column):
        return None
    try:
        moment = datetime.fromisoformat(cells[column])
    except ValueError:
        raise ValidationError("This is not a time, as in 2026-02-01T09:00Z.", field=column) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


async def _courses_by_code(work: UnitOfWork) -> dict[str, UUID]:
    found: dict[str, UUID] = {}
    after: Position | None = None
    while page := await course.list_page(work, after=after, first=_PAGE):
        found.update((each.code, each.id) for each in page)
        after = page[-1].created_at, page[-1].id
    return found
