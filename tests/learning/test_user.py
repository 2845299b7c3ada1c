import asyncio
from typing import Any

import msgspec
import pytest

from academy import Academy
from harka.auth.permissions import PERMISSIONS
from harka.errors import ForbiddenError, HarkaError, PlanLimitError, UnauthenticatedError, ValidationError
from harka.learning import user
from harka.learning.user import UserDraft
from harka.repositories import user as user_rows
from harka.repositories.user import User
from harka.tenancy.permission import Permission
from harka.tenancy.plan import LIMITS, Plan, Resource


def draft(email: str = "ada@example.com", **values: Any) -> UserDraft:
    return UserDraft(**{"email": email, "name": "Ada Lovelace"} | values)


async def made(academy: Academy, email: str = "ada@example.com", **values: Any) -> User:
    async with academy.work() as work:
        return await user.create(work, draft(email, **values))


async def test_a_user_is_made(academy: Academy) -> None:
    created = await made(
        academy, " Ada@Example.com ", name="أدا 👩‍💻", locale="ar-EG", timezone="Africa/Cairo"
    )

    async with academy.work(read_only=True) as work:
        assert await user.find_many(work, [created.id]) == {created.id: created}
    assert (created.email, created.name, created.role, created.status) == (
        "Ada@Example.com",
        "أدا 👩‍💻",
        "learner",
        "active",
    )


async def test_an_address_is_given_once_whatever_its_case(academy: Academy, rival: Academy) -> None:
    await made(academy)

    with pytest.raises(ValidationError) as caught:
        await made(academy, "ADA@EXAMPLE.COM")

    assert caught.value.field == "email"
    assert len(await academy.rows('"user"')) == 1
    assert (await made(rival)).email == "ada@example.com"
    async with academy.work() as work:
        found = await user_rows.find_by_emails(work.session, ["aDa@example.com", "nobody@example.com"])
    assert [each.email for each in found] == ["ada@example.com"]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"email": "ada"}, "email"),
        ({"email": "a b@example.com"}, "email"),
        ({"email": "a\x00@example.com"}, "email"),
        ({"email": "a@" + "x" * 300}, "email"),
        ({"name": ""}, "name"),
        ({"name": "a\x00"}, "name"),
        ({"role": "emperor"}, "role"),
        ({"locale": "x" * 36}, "locale"),
        ({"timezone": ""}, "timezone"),
    ],
)
async def test_what_cannot_be_accepted_names_its_field(
    academy: Academy, values: dict[str, Any], field: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        async with academy.work() as work:
            await user.create(work, msgspec.structs.replace(draft(), **values))

    assert caught.value.field == field
    assert await academy.rows('"user"') == []


@pytest.mark.parametrize("size", [1, 100])
async def test_many_users_cost_as_much_as_one(academy: Academy, size: int) -> None:
    async with academy.work() as work:
        created = await user.create_many(work, [draft(f"u{n}@example.com") for n in range(size)])

    assert academy.statements == 3
    assert [each.email for each in created] == [f"u{n}@example.com" for n in range(size)]


async def test_two_writers_cannot_both_take_the_last_seat(academy: Academy) -> None:
    academy.organization = msgspec.structs.replace(academy.organization, plan="STARTER")
    academy.operator = msgspec.structs.replace(academy.operator, organization=academy.organization)
    seats = LIMITS[Plan.STARTER].users
    assert seats is not None
    async with academy.work() as work:
        await user.create_many(work, [draft(f"u{n}@example.com") for n in range(seats - 1)])

    outcomes = await asyncio.gather(
        *(made(academy, f"{n}@example.com") for n in "abcd"), return_exceptions=True
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["PlanLimitError"] * 3 + ["User"]
    assert len(await academy.rows('"user"')) == seats
    with pytest.raises(PlanLimitError):
        await made(academy, "last@example.com")


async def test_a_reached_limit_is_told_with_what_is_used(academy: Academy) -> None:
    academy.grant(users=2)
    await made(academy)
    with pytest.raises(PlanLimitError) as refused:
        async with academy.work() as work:
            await user.create_many(work, [draft(f"{n}@example.com") for n in "ab"])
    assert refused.value.extensions() == {
        "code": "PLAN_LIMIT_REACHED",
        "resource": "USERS",
        "limit": 2,
        "used": 1,
    }
    assert academy.refused == {(Resource.USERS, False): 1}


async def test_in_shadow_mode_seats_are_only_counted(academy: Academy) -> None:
    academy.grant(shadow=True, users=1)
    first = await made(academy)
    assert academy.refused == {}
    async with academy.work() as work:
        await user.create_many(work, [draft(f"{n}@example.com") for n in "ab"])
    assert (academy.statements, academy.refused) == (3, {(Resource.USERS, True): 1})
    async with academy.work() as work:
        await user.deactivate(work, first.id)
    async with academy.work() as work:
        await user.reactivate(work, first.id)
    assert academy.refused == {(Resource.USERS, True): 2}
    assert [row["status"] for row in await academy.rows('"user"')] == ["active"] * 3


@pytest.mark.parametrize("who", ["learner", "instructor", "manager", "anonymous", "key"])
async def test_only_administrators_make_users(academy: Academy, who: str) -> None:
    error: type[HarkaError] = ForbiddenError
    if who == "anonymous":
        context, error = academy.anonymous(), UnauthenticatedError
    elif who == "key":
        context = academy.key(*(set(Permission) - {Permission.USER_WRITE}))
    else:
        context = academy.acting(await academy.user(who))
    state = await academy.state()

    for create in (lambda work: user.create(work, draft()), lambda work: user.create_many(work, [draft()])):
        with pytest.raises(error):
            async with academy.work(context) as work:
                await create(work)
        assert academy.statements == 0

    assert await academy.state() == state


async def test_nobody_gives_a_role_that_may_do_more_than_they(academy: Academy) -> None:
    limited = academy.key(Permission.USER_WRITE, Permission.USER_READ)

    for role in PERMISSIONS:
        with pytest.raises(ForbiddenError):
            async with academy.work(limited) as work:
                await user.create(work, draft(role=role))

    async with academy.work(academy.acting(await academy.user("admin"))) as work:
        assert (await user.create(work, draft(role="manager"))).role == "manager"


async def test_learners_see_only_themselves(academy: Academy) -> None:
    me, other = await academy.user(), await academy.user()

    async with academy.work(academy.acting(me), read_only=True) as work:
        assert await user.find_many(work, [me.id, other.id]) == {me.id: me}
        assert await user.find_many(work, [other.id]) == {}
        assert await user.list_page(work, after=None, first=10) == [me]
        assert await user.list_page(work, after=(me.created_at, me.id), first=10) == []
        assert await user.list_page(work, after=None, first=10, role="owner") == []
        assert await user.count(work) == 1
        assert await user.count(work, status="inactive") == 0


async def test_who_may_read_users_sees_all_page_by_page(academy: Academy) -> None:
    everybody = [await academy.user() for _ in range(3)] + [await academy.user("instructor")]
    instructor = everybody[-1]

    async with academy.work(academy.acting(instructor), read_only=True) as work:
        first = await user.list_page(work, after=None, first=3)
        rest = await user.list_page(work, after=(first[-1].created_at, first[-1].id), first=3)
        assert await user.count(work) == 4
        assert await user.count(work, role="instructor") == 1
        assert await user.list_page(work, after=None, first=9, role="instructor") == [instructor]

    assert [*first, *rest] == everybody


async def test_users_are_not_for_the_anonymous_nor_for_keys_without_the_scope(academy: Academy) -> None:
    for context, error in (
        (academy.anonymous(), UnauthenticatedError),
        (academy.key(Permission.COURSE_READ), ForbiddenError),
    ):
        async with academy.work(context, read_only=True) as work:
            with pytest.raises(error):
                await user.find_many(work, [])
            with pytest.raises(error):
                await user.count(work)


async def test_nothing_is_found_in_another_tenant(academy: Academy, rival: Academy) -> None:
    created = await made(academy)

    async with rival.work(read_only=True) as work:
        assert await user.find_many(work, [created.id]) == {}
        assert await user.list_page(work, after=None, first=9) == []
        assert await user_rows.find_by_emails(work.session, [created.email]) == []
