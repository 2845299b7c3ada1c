"""Many people enrolled in a course at once, each with their own fate."""

import enum
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final, Unpack
from uuid import UUID

import msgspec

from harka.errors import CourseFullError, HarkaError, NotFoundError, ValidationError
from harka.learning import seat, user, visibility
from harka.learning.enrollment import insert_many, require_published, require_term, row_of
from harka.learning.work import UnitOfWork
from harka.repositories import user as users
from harka.repositories.enrollment import Enrollment
from harka.repositories.user import UserFilter, UserStatus
from harka.tenancy.permission import Permission

MOST: Final = 10_000
"""People at once: so many are for jobs, see `bulk_change`."""


class OnError(enum.StrEnum):
    """What becomes of the others when somebody cannot be enrolled."""

    IGNORE_FAILED = "ignore_failed"
    REJECT_FAILED_ROWS = "reject_failed_rows"
    REJECT_EVERYTHING = "reject_everything"


class Fate(msgspec.Struct, frozen=True):
    """What became of one person. `user_id`: None for what names nobody. `enrollment`: None in a dry run."""

    index: int
    user_id: UUID | None
    enrollment: Enrollment | None = None
    created: bool = False
    refused: HarkaError | None = None


class Outcome(msgspec.Struct, frozen=True):
    """`fates`: in the order asked for. `rejected`: nothing was done, since somebody failed."""

    fates: list[Fate]
    rejected: bool = False


class _UndoneError(Exception):
    """A dry run: nothing of it stays."""


async def people_matching(work: UnitOfWork, **only: Unpack[UserFilter]) -> list[UUID]:
    """The active people that match. Raise `ValidationError` when they are more than `MOST`."""
    work.context.require(Permission.ENROLLMENT_WRITE)
    work.context.require(Permission.USER_READ)
    active: UserFilter = {**only, "status": UserStatus.ACTIVE}
    found = await user.list_page(work, after=None, first=MOST + 1, **active)
    if len(found) > MOST:
        raise ValidationError(
            f"These are more than {MOST:,} people: enroll them in parts, by group, role or when they came.",
            field="filter",
        )
    return [each.id for each in found]


async def enroll(
    work: UnitOfWork,
    course_id: UUID,
    people: Sequence[UUID | HarkaError],
    *,
    on_error: OnError,
    due_at: datetime | None = None,
    expires_at: datetime | None = None,
    dry_run: bool = False,
) -> Outcome:
    """Like `enrollment.enroll` for each, in three statements however many, five where seats are limited.

    Named twice is enrolled once. Seats go to the first in the order asked for.

    Who is an error already is refused with it. Raise `NotFoundError` and `ValidationError` for what is wrong
    with the course or the dates (`require_term`), and for more than `MOST` people.
    """
    work.context.require(Permission.ENROLLMENT_WRITE)
    if len(people) > MOST:
        raise ValidationError(f"At most {MOST:,} people at once.", field="userIds")
    require_term(due_at, expires_at)
    seats = await require_published(work, {course_id})
    named = {place: who for place, who in enumerate(people) if isinstance(who, UUID)}
    refused = {place: who for place, who in enumerate(people) if isinstance(who, HarkaError)}
    refused |= await _refused(work, named)
    able = {place: (who, course_id) for place, who in named.items() if place not in refused}
    full = await seat.without_seat(work, seats, able.values())
    refused |= {place: CourseFullError(field="userIds") for place, pair in able.items() if pair in full}
    if refused and on_error == OnError.REJECT_EVERYTHING:
        fates = [Fate(place, named.get(place), refused=refused.get(place)) for place in range(len(people))]
        return Outcome(fates, rejected=True)
    wanted = {who for place, who in named.items() if place not in refused}
    rows = [row_of(who, course_id, due_at=due_at, expires_at=expires_at) for who in wanted]
    done = await _done(work, rows, dry_run=dry_run)
    fates = []
    for place in range(len(people)):
        if place not in refused:
            who = named[place]
            found, created = done[who]
            fates.append(Fate(place, who, None if dry_run else found, created=created and who in wanted))
            wanted.discard(who)
        elif on_error != OnError.IGNORE_FAILED:
            fates.append(Fate(place, named.get(place), refused=refused[place]))
    return Outcome(fates)


async def _refused(work: UnitOfWork, named: Mapping[int, UUID]) -> dict[int, HarkaError]:
    """By their place, those who are not here or not active."""
    scope, people = visibility.to_change(work.context), list(set(named.values()))
    statuses = await users.statuses(work.session, scope, people) if people else {}
    refused: dict[int, HarkaError] = {}
    for place, who in named.items():
        if who not in statuses:
            refused[place] = NotFoundError("There is no such user here.", field="userIds")
        elif statuses[who] != UserStatus.ACTIVE:
            refused[place] = ValidationError("Only an active user can be enrolled.", field="userIds")
    return refused


async def _done(
    work: UnitOfWork, rows: Sequence[Enrollment], *, dry_run: bool
) -> Mapping[UUID, tuple[Enrollment, bool]]:
    """By user: the enrollment, and whether it is new."""
    made = {row.id for row in rows}
    done: dict[UUID, tuple[Enrollment, bool]] = {}
    with suppress(_UndoneError):
        async with work.savepoint():
            # in one order everywhere, so that two writers cannot deadlock
            in_order = sorted(rows, key=lambda row: row.user_id)
            for found in await insert_many(work, in_order):
                done[found.user_id] = found, found.id in made
            _undo_if(dry_run=dry_run)
    return done


def _undo_if(*, dry_run: bool) -> None:
    if dry_run:
        raise _UndoneError
