"""No more people than a course has seats, however many come at once and by whichever door."""

import asyncio
from collections import Counter

import pytest

from academy import Academy
from harka import clock
from harka.errors import CourseFullError, HarkaError, ValidationError
from harka.learning import bulk_enrollment, course, enrollment, seat
from harka.learning.bulk_enrollment import OnError, Outcome
from harka.learning.course import CourseChanges
from harka.learning.enrollment import EnrollmentChanges, EnrollmentEntry
from harka.repositories.course import Course
from harka.repositories.user import User


async def people(academy: Academy, count: int) -> list[User]:
    return [await academy.user() for _ in range(count)]


async def seated(academy: Academy) -> int:
    return sum(row["status"] != "withdrawn" for row in await academy.rows("enrollment"))


async def bulk(
    academy: Academy, course: Course, *users: User, on_error: OnError, dry_run: bool = False
) -> Outcome:
    async with academy.work() as work:
        return await bulk_enrollment.enroll(
            work, course.id, [user.id for user in users], on_error=on_error, dry_run=dry_run
        )


def codes(outcome: Outcome) -> list[str | None]:
    return [None if fate.refused is None else fate.refused.code for fate in outcome.fates]


async def test_of_200_at_once_exactly_50_get_the_50_seats(academy: Academy) -> None:
    subject, users = await academy.course(seats=50), await people(academy, 200)

    async def one(user: User) -> str:
        try:
            await academy.enrollment(user, subject)
        except CourseFullError as error:
            return f"{error.code} {error.field}"
        return "seated"

    outcomes = Counter(await asyncio.gather(*map(one, users)))
    assert outcomes == {"seated": 50, "COURSE_FULL courseId": 150}
    assert await seated(academy) == 50


async def test_one_by_one_and_many_together_share_the_seats(academy: Academy) -> None:
    """Two courses named in both orders: nobody waits for somebody who waits for them."""
    one, other = await academy.course(seats=20), await academy.course(seats=20)
    users = await people(academy, 60)

    async def pair(user: User, *subjects: Course) -> None:
        entries = [EnrollmentEntry(user_id=user.id, course_id=subject.id) for subject in subjects]
        try:
            async with academy.work() as work:
                await enrollment.enroll_many(work, entries)
        except CourseFullError:
            pass

    await asyncio.gather(
        *(pair(user, one, other) for user in users[:20]),
        *(pair(user, other, one) for user in users[20:40]),
        *(bulk(academy, one, *users[n : n + 5], on_error=OnError.IGNORE_FAILED) for n in range(0, 60, 5)),
        *(bulk(academy, other, *users[n : n + 5], on_error=OnError.IGNORE_FAILED) for n in range(0, 60, 5)),
    )
    rows = await academy.rows("enrollment")
    assert Counter(row["course_id"] for row in rows) == {str(one.id): 20, str(other.id): 20}


async def test_who_has_a_seat_keeps_it_and_who_leaves_frees_it(academy: Academy) -> None:
    subject, (first, second) = await academy.course(seats=1), await people(academy, 2)
    made = await academy.enrollment(first, subject)
    assert await academy.enrollment(first, subject) == made
    state = await academy.state()
    with pytest.raises(CourseFullError):
        await academy.enrollment(second, subject)
    assert await academy.state() == state
    async with academy.work() as work:
        await enrollment.unenroll(work, made.id)
    await academy.enrollment(second, subject)
    with pytest.raises(CourseFullError):
        await academy.enrollment(first, subject)


async def test_who_has_no_access_any_more_frees_the_seat(academy: Academy) -> None:
    subject, (first, second) = await academy.course(seats=1), await people(academy, 2)
    made = await academy.enrollment(first, subject)
    async with academy.work() as work:
        await enrollment.update(work, made.id, EnrollmentChanges(expires_at=clock.now()))
    await academy.enrollment(second, subject)
    with pytest.raises(CourseFullError):
        await academy.enrollment(first, subject)


async def test_seats_go_to_the_first_and_the_policy_tells_of_the_others(academy: Academy) -> None:
    subject, users = await academy.course(seats=3), await people(academy, 5)
    await academy.enrollment(users[4], subject)
    state = await academy.state()

    rejected = await bulk(academy, subject, *users, on_error=OnError.REJECT_EVERYTHING)
    assert rejected.rejected
    dry = await bulk(academy, subject, *users, on_error=OnError.REJECT_FAILED_ROWS, dry_run=True)
    assert await academy.state() == state
    for outcome in (rejected, dry):
        assert codes(outcome) == [None, None, "COURSE_FULL", "COURSE_FULL", None]

    done = await bulk(academy, subject, *users, on_error=OnError.REJECT_FAILED_ROWS)
    assert codes(done) == codes(dry)
    assert [fate.created for fate in done.fates] == [True, True, False, False, False]
    assert await seated(academy) == 3


@pytest.mark.parametrize("count", [1, 40])
async def test_a_limit_costs_two_statements(academy: Academy, count: int) -> None:
    subject, users = await academy.course(seats=20), await people(academy, count)
    await bulk(academy, subject, *users, on_error=OnError.IGNORE_FAILED)
    assert academy.statements == 5


async def test_no_fewer_seats_than_are_taken(academy: Academy) -> None:
    subject, users = await academy.course(), await people(academy, 3)
    for user in users:
        await academy.enrollment(user, subject)
    state = await academy.state()
    with pytest.raises(ValidationError) as caught:
        async with academy.work() as work:
            await course.update(work, subject.id, CourseChanges(seats=2), version=subject.version)
    assert caught.value.field == "seats"
    assert await academy.state() == state

    async with academy.work() as work:
        full = await course.update(work, subject.id, CourseChanges(seats=3), version=subject.version)
        renamed = await course.update(work, subject.id, CourseChanges(title="Full"), version=full.version)
    assert (full.seats, renamed.seats) == (3, 3)
    with pytest.raises(CourseFullError):
        await academy.enrollment(await academy.user(), subject)
    async with academy.work() as work:
        await course.update(work, subject.id, CourseChanges(seats=None), version=renamed.version)
    await academy.enrollment(await academy.user(), subject)


async def test_seats_that_shrink_while_people_come_are_never_too_few(academy: Academy) -> None:
    subject, users = await academy.course(seats=30), await people(academy, 30)

    async def shrink() -> None:
        async with academy.work() as work:
            await course.update(work, subject.id, CourseChanges(seats=10), version=subject.version)

    outcomes = await asyncio.gather(
        *(academy.enrollment(user, subject) for user in users[:15]),
        shrink(),
        *(academy.enrollment(user, subject) for user in users[15:]),
        return_exceptions=True,
    )
    assert all(isinstance(each, HarkaError) for each in outcomes if isinstance(each, BaseException))
    (row,) = await academy.rows("course")
    assert await seated(academy) <= row["seats"]


@pytest.mark.parametrize("seats", [0, -1, seat.MOST + 1])
async def test_impossible_seats(academy: Academy, seats: int) -> None:
    with pytest.raises(ValidationError) as caught:
        await academy.course(seats=seats)
    assert caught.value.field == "seats"
    assert await academy.rows("course") == []
