from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime

import msgspec
import pytest

from academy import Academy
from harka.errors import ForbiddenError
from harka.learning import user
from harka.learning.work import UnitOfWork
from harka.onboarding.roster import MOST_ERRORS, Imported, RowError, import_enrollments, import_users
from harka.tenancy.context import operator_context
from harka.tenancy.permission import Permission

Read = Callable[[UnitOfWork, Iterable[str]], Awaitable[Imported]]


async def imported(academy: Academy, read: Read, *lines: str) -> Imported:
    async with academy.work() as work:
        return await read(work, [f"{line}\r\n" for line in lines])


async def test_users_are_made_from_rows(academy: Academy) -> None:
    done = await imported(
        academy,
        import_users,
        "Email, name,role,locale,timezone",
        "ada@example.com,Ada Lovelace,instructor,en-GB,Europe/London",
        "",
        'grace@example.com,"Hopper, Grace",,,',
    )
    assert done == Imported(2, 0, ())
    made = {row["email"]: row for row in await academy.rows('"user"')}
    assert made["ada@example.com"]["role"] == "instructor"
    assert made["ada@example.com"]["timezone"] == "Europe/London"
    assert made["grace@example.com"]["name"] == "Hopper, Grace"
    assert (made["grace@example.com"]["role"], made["grace@example.com"]["locale"]) == ("learner", None)


async def test_who_is_there_already_stays_as_they_are(academy: Academy) -> None:
    await imported(academy, import_users, "email,name", "ada@example.com,Ada")
    before = await academy.state()
    done = await imported(
        academy, import_users, "email,name", "ADA@example.com,Someone", "ada@example.com,Else"
    )
    assert done == Imported(0, 2, ())
    assert await academy.state() == before


async def test_each_wrong_row_is_named_and_the_others_are_taken(academy: Academy) -> None:
    done = await imported(
        academy,
        import_users,
        "email,name,role",
        "a@example.com,A,learner",
        "not an address,B,learner",
        "c@example.com,,learner",
        "d@example.com,D,emperor",
        "e@example.com,E,learner",
    )
    assert (done.created, done.unchanged) == (2, 0)
    assert [(error.line, error.field, error.code) for error in done.errors] == [
        (3, "email", "VALIDATION_FAILED"),
        (4, "name", "VALIDATION_FAILED"),
        (5, "role", "VALIDATION_FAILED"),
    ]


async def test_rows_beyond_the_plan_are_refused(academy: Academy) -> None:
    starter = operator_context(msgspec.structs.replace(academy.organization, plan="STARTER"))
    rows = [f"{number}@example.com,Learner\n" for number in range(103)]
    async with academy.work(starter) as work:
        done = await import_users(work, ["email,name\n", *rows])
    assert done.created == 100
    assert [(error.line, error.code) for error in done.errors] == [
        (line, "PLAN_LIMIT_REACHED") for line in (102, 103, 104)
    ]


async def test_a_hopeless_file_is_given_up(academy: Academy) -> None:
    done = await imported(academy, import_users, "email,name", *[f"nobody {n},N" for n in range(3_000)])
    assert len(done.errors) == MOST_ERRORS
    assert done.created == 0


@pytest.mark.parametrize(
    ("lines", "line"),
    [
        ([], 1),
        (["email"], 1),
        (["email,name,shoe"], 1),
        (["email,name,email"], 1),
        (["email,name", "ada@example.com"], 2),
        (["email,name", "ada@example.com,Ada,extra"], 2),
        (["email,name", 'ada@example.com,"Ada'], 2),
        (["email,name", "ada@example.com,A\0da"], 2),
    ],
)
async def test_what_is_no_table_is_refused_where_it_goes_wrong(
    academy: Academy, lines: list[str], line: int
) -> None:
    done = await imported(academy, import_users, *lines)
    assert [(error.line, error.code) for error in done.errors] == [(line, "BAD_REQUEST")]
    assert done.created == 0


async def test_bytes_that_are_no_utf_8_are_refused(academy: Academy) -> None:
    lines = (raw.decode("utf-8") for raw in (b"email,name\n", b"ada@example.com,Ad\xe4\n"))
    async with academy.work() as work:
        done = await import_users(work, lines)
    assert done.errors == (RowError(2, None, "BAD_REQUEST", "This is not UTF-8."),)


async def test_without_the_permission_nothing_is_made(academy: Academy) -> None:
    reader = academy.key(Permission.USER_READ)
    async with academy.work(reader) as work:
        done = await import_users(work, ["email,name\n", "ada@example.com,Ada\n"])
    assert [error.code for error in done.errors] == [ForbiddenError.code]
    assert await academy.rows('"user"') == []


async def test_enrollments_are_made_from_rows(academy: Academy) -> None:
    course, ada, grace = await academy.course(), await academy.user(), await academy.user()
    done = await imported(
        academy,
        import_enrollments,
        "email,course,enrolled_at,due_at",
        f"{ada.email.upper()},{course.code},2024-02-01,2099-02-01T12:00+02:00",
        f"{grace.email},{course.code},,",
    )
    assert done == Imported(2, 0, ())
    made = {row["user_id"]: row for row in await academy.rows("enrollment")}
    assert datetime.fromisoformat(made[str(ada.id)]["enrolled_at"]) == datetime(2024, 2, 1, tzinfo=UTC)
    assert datetime.fromisoformat(made[str(ada.id)]["due_at"]) == datetime(2099, 2, 1, 10, tzinfo=UTC)
    assert made[str(grace.id)]["due_at"] is None


async def test_who_is_enrolled_already_counts_as_unchanged(academy: Academy) -> None:
    course, ada = await academy.course(), await academy.user()
    await academy.enrollment(ada, course)
    before = await academy.state()
    done = await imported(academy, import_enrollments, "email,course", f"{ada.email},{course.code}")
    assert done == Imported(0, 1, ())
    assert await academy.state() == before


async def test_each_wrong_enrollment_is_named(academy: Academy) -> None:
    course, draft = await academy.course(), await academy.course(published=False)
    ada = await academy.user()
    done = await imported(
        academy,
        import_enrollments,
        "email,course,enrolled_at",
        f"nobody@example.com,{course.code},",
        f"{ada.email},nothing,",
        f"{ada.email},{draft.code},",
        f"{ada.email},{course.code},yesterday",
        f"{ada.email},{course.code},2999-01-01",
        f"{ada.email},{course.code},2024-01-01",
    )
    assert done.created == 1
    assert sorted((error.line, error.field) for error in done.errors) == [
        (2, "email"),
        (3, "course"),
        (4, "course"),
        (5, "enrolled_at"),
        (6, "enrolled_at"),
    ]


async def test_another_tenants_people_and_courses_are_unknown(academy: Academy, rival: Academy) -> None:
    course, ada = await rival.course(), await rival.user()
    before = await rival.state()
    done = await imported(academy, import_enrollments, "email,course", f"{ada.email},{course.code}")
    assert [error.field for error in done.errors] == ["email"]
    assert await rival.state() == before


async def test_a_long_file_is_read_in_batches(academy: Academy) -> None:
    rows = [f"learner-{number}@example.com,Learner {number}\n" for number in range(900)]
    async with academy.work(academy.operator) as work:
        done = await import_users(work, ["email,name\n", *rows, "wrong,Row\n", *rows[:150]])
        assert await user.count(work) == 900
    assert (done.created, done.unchanged) == (900, 150)
    assert [error.line for error in done.errors] == [902]
