"""Who may change whom, and what of them; that the last owner stays and seats are counted."""

import asyncio
from typing import Any

import msgspec
import pytest

from academy import Academy
from harka.errors import (
    ConflictError,
    ForbiddenError,
    HarkaError,
    NotFoundError,
    PlanLimitError,
    ValidationError,
)
from harka.ids import new_id
from harka.learning import user
from harka.learning.user import UserChanges, UserDraft
from harka.repositories.user import User
from harka.tenancy.permission import Permission
from harka.tenancy.plan import LIMITS, Plan


async def changed(
    academy: Academy, who: User, *, by: User | None = None, version: int = 1, **to: Any
) -> User:
    context = None if by is None else academy.acting(by)
    async with academy.work(context) as work:
        return await user.update(work, who.id, UserChanges(**to), version=version)


async def deactivated(academy: Academy, who: User, *, by: User | None = None) -> User:
    async with academy.work(None if by is None else academy.acting(by)) as work:
        return await user.deactivate(work, who.id)


async def test_only_what_is_given_changes(academy: Academy) -> None:
    made = await academy.user()
    once = await changed(academy, made, name="  Ada 👩‍💻 ", timezone="Africa/Cairo")
    assert (once.name, once.timezone, once.email, once.version) == ("Ada 👩‍💻", "Africa/Cairo", made.email, 2)
    # hold, write
    assert academy.statements == 2
    twice = await changed(academy, made, version=2, timezone=None, role="instructor")
    assert (twice.name, twice.timezone, twice.role, twice.version) == (once.name, None, "instructor", 3)


@pytest.mark.parametrize(
    ("to", "field"),
    [
        ({"email": "x"}, "email"),
        ({"email": "a@b\0"}, "email"),
        ({"email": f"{'x' * 250}@b.example"}, "email"),
        ({"name": ""}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"role": "emperor"}, "role"),
        ({"locale": "deutsch!"}, "locale"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"timezone": "../../etc/passwd"}, "timezone"),
    ],
)
async def test_what_cannot_be_is_refused_by_field(academy: Academy, to: dict[str, Any], field: str) -> None:
    made = await academy.user()
    state = await academy.state()
    with pytest.raises(ValidationError) as caught:
        await changed(academy, made, **to)
    assert caught.value.field == field
    assert await academy.state() == state


async def test_an_address_stays_unique(academy: Academy, rival: Academy) -> None:
    one, other = await academy.user(), await academy.user()
    foreign = await rival.user()
    with pytest.raises(ValidationError) as caught:
        await changed(academy, one, email=other.email.upper())
    assert caught.value.field == "email"
    assert (await changed(academy, one, email=foreign.email)).email == foreign.email


async def test_who_is_not_here_is_not_found(academy: Academy, rival: Academy) -> None:
    foreign = await rival.user()
    for id_ in (new_id(), foreign.id):
        for act in (
            lambda work, id_=id_: user.update(work, id_, UserChanges(name="x"), version=1),
            lambda work, id_=id_: user.deactivate(work, id_),
            lambda work, id_=id_: user.reactivate(work, id_),
        ):
            with pytest.raises(NotFoundError):
                async with academy.work() as work:
                    await act(work)


async def test_a_stale_version_is_a_conflict(academy: Academy) -> None:
    made = await academy.user()
    await changed(academy, made, name="x")
    state = await academy.state()
    with pytest.raises(ConflictError):
        await changed(academy, made, name="y")
    for act in (user.deactivate, user.reactivate):
        with pytest.raises(ConflictError):
            async with academy.work() as work:
                await act(work, made.id, version=1)
    assert await academy.state() == state


async def test_nobody_changes_who_may_do_more(academy: Academy) -> None:
    owner, admin, manager = [await academy.user(role) for role in ("owner", "admin", "manager")]
    state = await academy.state()
    attempts: list[tuple[User, User, dict[str, Any]]] = [
        (admin, owner, {"role": "learner"}),
        (admin, owner, {"email": "mine@example.com"}),
        (admin, manager, {"role": "owner"}),
        (admin, admin, {"role": "owner"}),
        (manager, manager, {"name": "x"}),
    ]
    for by, who, to in attempts:
        with pytest.raises(ForbiddenError):
            await changed(academy, who, by=by, **to)
    with pytest.raises(ForbiddenError):
        await deactivated(academy, owner, by=admin)
    assert await academy.state() == state
    assert (await changed(academy, manager, by=admin, role="admin")).role == "admin"
    assert (await changed(academy, admin, by=owner, role="owner")).role == "owner"


async def test_the_last_owner_stays_one(academy: Academy) -> None:
    owner = await academy.user("owner")
    await academy.user("owner", status="inactive")
    with pytest.raises(ConflictError):
        await changed(academy, owner, role="learner")
    with pytest.raises(ConflictError):
        await deactivated(academy, owner)
    other = await academy.user("owner")
    assert (await changed(academy, owner, role="learner")).role == "learner"
    with pytest.raises(ConflictError):
        await deactivated(academy, other)


async def test_two_owners_cannot_both_leave_at_once(academy: Academy) -> None:
    owners = [await academy.user("owner") for _ in range(4)]
    outcomes = await asyncio.gather(*(deactivated(academy, each) for each in owners), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["ConflictError", "User", "User", "User"]


async def test_who_is_deactivated_twice_is_deactivated_once(academy: Academy) -> None:
    owner, made = await academy.user("owner"), await academy.user()
    first = await deactivated(academy, made, by=owner)
    assert (first.status, first.version) == ("inactive", 2)
    assert await deactivated(academy, made, by=owner) == first
    async with academy.work(academy.acting(owner)) as work:
        again = await user.reactivate(work, made.id, version=2)
        assert (again.status, again.version) == ("active", 3)
        assert await user.reactivate(work, made.id) == again


async def test_nobody_deactivates_themselves(academy: Academy) -> None:
    await academy.user("owner")
    owner = await academy.user("owner")
    with pytest.raises(ConflictError):
        await deactivated(academy, owner, by=owner)


async def test_who_comes_back_needs_a_seat(academy: Academy) -> None:
    academy.organization = msgspec.structs.replace(academy.organization, plan="STARTER")
    academy.operator = msgspec.structs.replace(academy.operator, organization=academy.organization)
    seats = LIMITS[Plan.STARTER].users
    assert seats is not None
    away = [await academy.user(status="inactive") for _ in range(3)]
    async with academy.work() as work:
        drafts = [UserDraft(email=f"u{n}@example.com", name="x") for n in range(seats - 1)]
        await user.create_many(work, drafts)

    async def back(who: User) -> User:
        async with academy.work() as work:
            return await user.reactivate(work, who.id)

    outcomes = await asyncio.gather(*map(back, away), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == [
        "PlanLimitError",
        "PlanLimitError",
        "User",
    ]
    # a seat that is given up is free
    done = next(outcome for outcome in outcomes if isinstance(outcome, User))
    await deactivated(academy, done)
    assert PlanLimitError in {type(outcome) for outcome in outcomes}
    assert (await back(next(each for each in away if each.id != done.id))).status == "active"


@pytest.mark.parametrize("who", ["learner", "instructor", "manager", "key"])
async def test_only_administrators_change_users(academy: Academy, who: str) -> None:
    made = await academy.user()
    context = (
        academy.key(*(set(Permission) - {Permission.USER_WRITE}))
        if who == "key"
        else academy.acting(await academy.user(who))
    )
    state = await academy.state()
    error: type[HarkaError] = ForbiddenError
    for act in (
        lambda work: user.update(work, made.id, UserChanges(name="x"), version=1),
        lambda work: user.deactivate(work, made.id),
        lambda work: user.reactivate(work, made.id),
    ):
        with pytest.raises(error):
            async with academy.work(context) as work:
                await act(work)
        assert academy.statements == 0
    assert await academy.state() == state
