"""How many people a course takes. Who is enrolled and has access has a seat.

Who withdrew, or whose access has ended, has none.
"""

from collections.abc import Iterable, Mapping
from typing import Final
from uuid import UUID

from harka.errors import ValidationError
from harka.learning.work import UnitOfWork
from harka.repositories import enrollment as enrollments
from harka.repositories.course import Course

MOST: Final = 1_000_000
"""Seats of a course that has a limit."""


def accept_seats(seats: int | None) -> int | None:
    """None for no limit. Raise `ValidationError`."""
    if seats is not None and not 1 <= seats <= MOST:
        raise ValidationError(f"Seats are between 1 and {MOST:,}.", field="seats")
    return seats


async def without_seat(
    work: UnitOfWork, seats: Mapping[UUID, int | None], wanted: Iterable[tuple[UUID, UUID]]
) -> set[tuple[UUID, UUID]]:
    """Those of `wanted`, pairs of user and course, for whom no seat is left: the first come first.

    `seats`: of each course, held against change. Until this transaction ends nobody else gets a seat of those
    that have a limit. Who has a seat keeps it.
    """
    limited = sorted(course for course, limit in seats.items() if limit is not None)
    if not limited:
        return set()
    pairs = dict.fromkeys(pair for pair in wanted if seats[pair[1]] is not None)
    await enrollments.lock_seats(work.session, limited)
    # a statement of its own: one that waits for a lock sees what was there before the wait
    taken = await enrollments.seats_taken(work.session, limited, list({user for user, _ in pairs}))
    free = {course: (seats[course] or 0) - taken[course].seats for course in limited}
    left_out = set()
    for user, course in pairs:
        if user in taken[course].seated:
            continue
        if free[course] <= 0:
            left_out.add((user, course))
        free[course] -= 1
    return left_out


async def require_enough(work: UnitOfWork, course: Course) -> None:
    """Raise `ValidationError` when more people have a seat than there are. The course must be locked."""
    if course.seats is None:
        return
    taken = (await enrollments.seats_taken(work.session, [course.id], []))[course.id].seats
    if taken > course.seats:
        raise ValidationError(f"{taken:,} people have a seat already.", field="seats")
