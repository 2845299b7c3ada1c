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
from harka.repositories import course, user
from harka.repositories.course import Course
from harka.repositories.page import Order, OrderDirection, Position
from harka.repositories.scope import Scope
from harka.repositories.user import User

START = datetime(2026, 1, 1, tzinfo=UTC)
# few different values, so that many rows are equal and the id decides; every plane and case of text
WORDS = st.sampled_from(["a", "A", "B", "b", "é", "ß", "Z", " z", "\U0010ffff", "अ", "👩‍💻", "a b"])
MOMENTS = st.integers(0, 2).map(lambda hours: START + timedelta(hours=hours))
ROWS = st.lists(st.tuples(WORDS, MOMENTS, MOMENTS), max_size=7)
EVERYTHING = Scope(everything=True, user=None)

Read = Callable[[UnitOfWork, Order, Position | None, int], Awaitable[Sequence[Any]]]
Add = Callable[[UnitOfWork, Sequence[tuple[str, datetime, datetime]]], Awaitable[None]]


async def add_users(work: UnitOfWork, rows: Sequence[tuple[str, datetime, datetime]]) -> None:
    made = []
    for word, created, updated in rows:
        id_ = new_id()
        email = f"{word.strip()}{id_.hex[-6:]}@example.com"
        made.append(User(id_, email, word, "learner", "active", None, None, created, updated, 1))
    await user.insert_many(work.session, made)


async def add_courses(work: UnitOfWork, rows: Sequence[tuple[str, datetime, datetime]]) -> None:
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
                0,
                created,
                updated,
                1,
            )
        )
    await course.insert_many(work.session, made)


async def read_users(work: UnitOfWork, order: Order, after: Position | None, first: int) -> Sequence[Any]:
    return await user.list_page(work.session, after=after, first=first, order=order)


async def read_courses(work: UnitOfWork, order: Order, after: Position | None, first: int) -> Sequence[Any]:
    return await course.list_page(work.session, EVERYTHING, after=after, first=first, order=order)


LISTS = [
    *(
        pytest.param(add_users, read_users, order, id=f"user.{order.by}.{order.direction}")
        for order in user.PAGES
    ),
    *(
        pytest.param(add_courses, read_courses, order, id=f"course.{order.by}.{order.direction}")
        for order in course.PAGES
    ),
]


def sort_key(row: Any, by: str) -> tuple[Any, Any]:
    """As the database has it: its collation compares code points, and an address counts in lower case."""
    value = getattr(row, by)
    return (value.lower() if by == "email" else value), row.id


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
            after = getattr(page[-1], order.by), page[-1].id
        everything = list(await read(work, order, None, 100))
        await work.session.rollback()

    descending = order.direction == OrderDirection.DESC
    assert everything == sorted(everything, key=lambda row: sort_key(row, order.by), reverse=descending)
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
