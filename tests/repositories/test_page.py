"""Pages in every order: against the rows sorted in one go, while rows are added in between."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from academy import Academy, Parts, founded
from harka.ids import new_id
from harka.learning.work import UnitOfWork
from harka.repositories import course, enrollment, enrollment_list, user
from harka.repositories.course import Course
from harka.repositories.enrollment import Enrollment
from harka.repositories.enrollment_list import EnrollmentFilter
from harka.repositories.page import Order, OrderDirection, Position, position_of
from harka.repositories.scope import Scope
from harka.repositories.user import User

START = datetime(2026, 1, 1, tzinfo=UTC)
# few different values, so that many rows are equal and the id decides; every plane and case of text
WORDS = st.sampled_from(["a", "A", "B", "b", "é", "ß", "Z", " z", "\U0010ffff", "अ", "👩‍💻", "a b"])
MOMENTS = st.integers(0, 2).map(lambda hours: START + timedelta(hours=hours))
ROWS = st.lists(st.tuples(WORDS, MOMENTS, MOMENTS), max_size=7)
EVERYTHING = Scope(everything=True, user=None)

Read = Callable[[UnitOfWork, Order, Position | None, int], Awaitable[Sequence[Any]]]
Add = Callable[[UnitOfWork, Sequence[tuple[str, datetime, datetime]]], Awaitable[Any]]


async def add_users(work: UnitOfWork, rows: Sequence[tuple[str, datetime, datetime]]) -> list[User]:
    made = []
    for word, created, updated in rows:
        id_ = new_id()
        email = f"{word.strip()}{id_.hex[-6:]}@example.com"
        made.append(User(id_, email, word, "learner", "active", None, None, created, updated, 1))
    await user.insert_many(work.session, made)
    return made


async def add_courses(work: UnitOfWork, rows: Sequence[tuple[str, datetime, datetime]]) -> list[Course]:
    made = []
    for word, created, updated in rows:
        id_ = new_id()
        code = id_.hex
        made.append(
            Course(
                id_,
                code,
                code,
                word,
                "",
                "draft",
                None,
                None,
                None,
                100,
                False,
                None,
                None,
                False,
                0,
                created,
                updated,
                1,
            )
        )
    await course.insert_many(work.session, made)
    return made


async def read_users(work: UnitOfWork, order: Order, after: Position | None, first: int) -> Sequence[Any]:
    return await user.list_page(work.session, after=after, first=first, order=order)


async def read_courses(work: UnitOfWork, order: Order, after: Position | None, first: int) -> Sequence[Any]:
    return await course.list_page(work.session, EVERYTHING, after=after, first=first, order=order)


async def add_enrollments(work: UnitOfWork, rows: Sequence[tuple[str, datetime, datetime]]) -> None:
    """Who has no due date or has not completed it, too: of every other moment."""
    people, courses = await add_users(work, rows), await add_courses(work, rows)
    made = []
    for person, subject, (word, created, moment) in zip(people, courses, rows, strict=True):
        open_ = moment == START
        status, progress = ("active", len(word) / 8) if open_ else ("completed", 1.0)
        due, completed = (None if created == START else created), (None if open_ else moment)
        made.append(
            Enrollment(
                *(new_id(), person.id, subject.id, status, progress, created, completed, None, due, None),
                *(moment, moment, 1),
            )
        )
    await enrollment.insert_many(work.session, made)


async def read_enrollments(
    work: UnitOfWork, order: Order, after: Position | None, first: int
) -> Sequence[Any]:
    return await enrollment_list.list_page(work.session, EVERYTHING, after=after, first=first, order=order)


LISTS = [
    *(
        pytest.param(add_users, read_users, order, id=f"user.{order.by}.{order.direction}")
        for order in user.PAGES
    ),
    *(
        pytest.param(add_courses, read_courses, order, id=f"course.{order.by}.{order.direction}")
        for order in course.PAGES
    ),
    *(
        pytest.param(add_enrollments, read_enrollments, order, id=f"enrollment.{order.by}.{order.direction}")
        for order in enrollment_list.PAGES
    ),
]


def sort_key(row: Any, order: Order) -> tuple[Any, Any]:
    """As the database has it: its collation compares code points, and an address counts in lower case."""
    value, id_ = position_of(row, order)
    return (value.lower() if order.by == "email" and isinstance(value, str) else value), id_


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=ROWS, meanwhile=ROWS, size=st.integers(1, 4))
@pytest.mark.parametrize(("add", "read", "order"), LISTS)
async def test_pages_are_the_sorted_rows_whatever_is_added_meanwhile(
    parts: Parts,
    add: Add,
    read: Read,
    order: Order,
    before: Sequence[Any],
    meanwhile: Sequence[Any],
    size: int,
) -> None:
    academy: Academy = founded(parts)
    seen: list[Any] = []
    after: Position | None = None
    async with academy.work() as work:
        await add(work, before)
        old = list(await read(work, order, None, 100))
        while page := await read(work, order, after, size):
            if not seen:
                await add(work, meanwhile)
            seen += page
            after = position_of(page[-1], order)
        everything = list(await read(work, order, None, 100))
        await work.session.rollback()

    descending = order.direction == OrderDirection.DESC
    assert everything == sorted(everything, key=lambda row: sort_key(row, order), reverse=descending)
    assert len(old) == len(before)
    assert [row for row in seen if row in old] == old
    assert len({row.id for row in seen}) == len(seen)
    # of what came meanwhile, exactly what lies after the page that was read before
    rest = [row for row in everything if row not in old and row not in seen]
    assert all(everything.index(row) < everything.index(seen[min(size, len(seen)) - 1]) for row in rest)
    assert [row for row in everything if row in seen] == seen


async def test_people_are_narrowed_by_what_they_begin_with_and_when_they_came(academy: Academy) -> None:
    async with academy.work() as work:
        await add_users(work, [("Ada_%", START, START), ("Bob", START + timedelta(days=1), START)])

        async def names(**only: Any) -> list[str]:
            found = await user.list_page(work.session, after=None, first=9, **only)
            assert await user.count(work.session, **only) == len(found)
            return [each.name for each in found]

        assert await names() == ["Ada_%", "Bob"]
        assert await names(starts_with="aDA_") == ["Ada_%"]
        assert await names(starts_with="%") == []
        assert await names(starts_with="BOB", status="active") == ["Bob"]
        assert await names(starts_with="BOB", status="inactive") == []
        assert await names(created_from=START + timedelta(days=1)) == ["Bob"]
        assert await names(created_before=START + timedelta(days=1)) == ["Ada_%"]
        assert await names(role="owner") == []


async def test_courses_are_narrowed_by_what_is_in_their_title(academy: Academy) -> None:
    async with academy.work() as work:
        await add_courses(work, [("Fire 100%", START, START), ("Water", START, START)])

        async def titles(**only: Any) -> list[str]:
            found = await course.list_page(work.session, EVERYTHING, after=None, first=9, **only)
            assert await course.count(work.session, EVERYTHING, **only) == len(found)
            return [each.title for each in found]

        assert await titles(title="ATE") == ["Water"]
        assert await titles(title="%") == ["Fire 100%"]
        assert await titles(title="ATE", status="published") == []


async def test_enrollments_are_narrowed_by_all_that_is_asked(academy: Academy) -> None:
    later = START + timedelta(hours=1)
    async with academy.work() as work:
        # not due, an eighth done; due, three of them done; due and completed
        await add_enrollments(work, [("a", START, START), ("a b", later, START), ("a", later, later)])

        async def found(**only: Any) -> list[float]:
            asked = EnrollmentFilter(**only)
            rows = await enrollment_list.list_page(work.session, EVERYTHING, asked, after=None, first=9)
            assert await enrollment_list.count(work.session, EVERYTHING, asked) == len(rows)
            for counted in (
                await enrollment_list.count_of_users(work.session, EVERYTHING, people, asked),
                await enrollment_list.count_of_courses(work.session, EVERYTHING, courses, asked),
            ):
                assert sum(counted.values()) == len(rows)
            return sorted(row.progress for row in rows)

        everybody = await enrollment_list.list_page(work.session, EVERYTHING, after=None, first=9)
        people, courses = ([getattr(row, of) for row in everybody] for of in ("user_id", "course_id"))
        assert await found() == [0.125, 0.375, 1.0]
        assert await found(status="active") == [0.125, 0.375]
        assert await found(progress_from=0.375) == [0.375, 1.0]
        assert await found(progress_below=0.375) == [0.125]
        assert await found(enrolled_from=later) == [0.375, 1.0]
        assert await found(enrolled_before=later) == [0.125]
        assert await found(due_from=later, status="active") == [0.375]
        assert await found(due_before=later) == []
        assert await found(completed_from=later) == [1.0]
        assert await found(completed_before=later) == []
        assert len(await found(user_id=people[0], course_id=courses[0])) == 1
        assert await found(course_id=new_id()) == []
