import asyncio
from typing import Any

import pytest

from academy import Academy
from harka.errors import ConflictError, ForbiddenError, HarkaError, NotFoundError, ValidationError
from harka.ids import new_id
from harka.learning import role, user
from harka.learning.role import GRANTABLE, RoleChanges
from harka.learning.user import UserChanges, UserDraft
from harka.repositories.role import CustomRole
from harka.repositories.user import User
from harka.tenancy.permission import Permission

WRITES = ["course:read", "course:write"]


async def made(academy: Academy, *permissions: str, name: str = "Author") -> CustomRole:
    async with academy.work() as work:
        return await role.create(work, name=name, permissions=permissions or WRITES)


async def holder(academy: Academy, of: CustomRole) -> User:
    async with academy.work() as work:
        draft = UserDraft(email=f"{new_id().hex}@example.com", name="Ada", role_id=of.id)
        return await user.create(work, draft)


async def test_a_role_is_made_changed_and_taken_away(academy: Academy) -> None:
    first = await made(academy, "course:write", "course:read", "course:read")
    assert (first.name, first.permissions, first.version) == ("Author", WRITES, 1)
    async with academy.work() as work:
        changed = await role.update(work, first.id, RoleChanges(permissions=["user:read"]), version=1)
    assert (changed.name, changed.permissions, changed.version) == ("Author", ["user:read"], 2)
    other = await made(academy, name="Helper")
    async with academy.work(read_only=True) as work:
        assert await role.list_page(work, after=None, first=9) == [changed, other]
        assert await role.list_page(work, after=(changed.created_at, changed.id), first=9) == [other]
        assert await role.count(work) == 2
        assert await role.find_many(work, [changed.id, new_id()]) == {changed.id: changed}
    with pytest.raises(ConflictError):
        async with academy.work() as work:
            await role.delete(work, first.id, version=1)
    async with academy.work() as work:
        assert await role.delete(work, first.id) == changed
    assert [row["id"] for row in await academy.rows("custom_role")] == [str(other.id)]


async def test_whoever_holds_it_may_what_it_says_from_the_next_request_on(academy: Academy) -> None:
    of = await made(academy)
    person = await holder(academy, of)
    assert (person.role, person.role_id) == ("custom", of.id)
    assert (await academy.entering(person)).permissions == set(WRITES)
    async with academy.work() as work:
        await role.update(work, of.id, RoleChanges(permissions=["user:read"]), version=1)
    assert (await academy.entering(person)).permissions == {Permission.USER_READ}
    async with academy.work() as work:
        changed = await user.update(work, person.id, UserChanges(role="learner"), version=1)
    assert (changed.role, changed.role_id) == ("learner", None)
    async with academy.work() as work:
        await role.delete(work, of.id)


async def test_a_role_that_is_held_stays(academy: Academy) -> None:
    of = await made(academy)
    await holder(academy, of)
    state = await academy.state()
    with pytest.raises(ConflictError):
        async with academy.work() as work:
            await role.delete(work, of.id)
    assert await academy.state() == state


@pytest.mark.parametrize(
    ("name", "permissions", "field"),
    [
        ("", WRITES, "name"),
        ("x" * 61, WRITES, "name"),
        ("a\0b", WRITES, "name"),
        ("AUTHOR", WRITES, "name"),
        ("New", [], "permissions"),
        ("New", ["course:fly"], "permissions"),
        ("New", ["organization:own"], "permissions"),
    ],
)
async def test_what_cannot_be_is_told_by_field(
    academy: Academy, name: str, permissions: list[str], field: str
) -> None:
    await made(academy)
    other = await made(academy, name="Other 🌱 عربي")
    state = await academy.state()
    acts: list[Any] = [
        lambda work: role.create(work, name=name, permissions=permissions),
        lambda work: role.update(work, other.id, RoleChanges(name=name, permissions=permissions), version=1),
    ]
    for act in acts:
        with pytest.raises(ValidationError) as caught:
            async with academy.work() as work:
                await act(work)
        assert caught.value.field == field
    assert await academy.state() == state


async def test_nobody_gives_what_they_may_not_do(academy: Academy) -> None:
    """An administrator through a role of their own, who may not write courses."""
    powers = await made(academy, "user:read", "user:write", name="Registrar")
    strong, weak = await made(academy, name="Strong"), await made(academy, "user:read", name="Weak")
    registrar, author, other = (
        await holder(academy, powers),
        await holder(academy, strong),
        await holder(academy, weak),
    )
    context = await academy.entering(registrar)
    state = await academy.state()
    acts: list[Any] = [
        lambda work: role.create(work, name="X", permissions=WRITES),
        lambda work: role.update(work, weak.id, RoleChanges(permissions=WRITES), version=1),
        lambda work: role.update(work, strong.id, RoleChanges(permissions=["user:read"]), version=1),
        lambda work: role.delete(work, strong.id),
        lambda work: user.create(work, UserDraft(email="x@y.example", name="X", role_id=strong.id)),
        lambda work: user.update(work, other.id, UserChanges(role_id=strong.id), version=1),
        lambda work: user.update(work, author.id, UserChanges(name="X"), version=1),
    ]
    for act in acts:
        with pytest.raises(ForbiddenError):
            async with academy.work(context) as work:
                await act(work)
    assert await academy.state() == state
    async with academy.work(context) as work:
        made_by = await user.create(work, UserDraft(email="x@y.example", name="X", role_id=weak.id))
        assert made_by.role_id == weak.id


async def test_a_role_must_be_here_and_named_once(academy: Academy, rival: Academy) -> None:
    foreign, person = await made(rival), await academy.user()
    state = await academy.state()
    wrong: list[tuple[UserChanges, type[HarkaError], str]] = [
        (UserChanges(role_id=foreign.id), NotFoundError, "roleId"),
        (UserChanges(role_id=new_id()), NotFoundError, "roleId"),
        (UserChanges(role="custom"), ValidationError, "role"),
        (UserChanges(role_id=None), ValidationError, "roleId"),
    ]
    for changes, error, field in wrong:
        with pytest.raises(error) as caught:
            async with academy.work() as work:
                await user.update(work, person.id, changes, version=1)
        assert caught.value.field == field
    for act in (role.delete, lambda work, id_: role.update(work, id_, RoleChanges(), version=1)):
        with pytest.raises(NotFoundError):
            async with academy.work() as work:
                await act(work, foreign.id)
    assert await academy.state() == state


async def test_a_role_is_not_given_while_it_grows(academy: Academy) -> None:
    """Who gives it has seen what it may do: either the old, or the new."""
    of = await made(academy, "user:read")
    person = await holder(academy, await made(academy, "user:read", name="Weak"))
    registrar = await holder(academy, await made(academy, "user:read", "user:write", name="Registrar"))
    context = await academy.entering(registrar)

    async def give() -> None:
        async with academy.work(context) as work:
            await user.update(work, person.id, UserChanges(role_id=of.id), version=1)

    async with academy.work() as work:
        await role.update(work, of.id, RoleChanges(permissions=WRITES), version=1)
        giving = asyncio.create_task(give())
        done, _ = await asyncio.wait([giving], timeout=0.1)
        assert not done
    with pytest.raises(ForbiddenError):
        await giving


async def test_readers_of_people_read_roles_and_others_their_own(academy: Academy) -> None:
    of, other = await made(academy), await made(academy, name="Other")
    person = await academy.entering(await holder(academy, of))
    async with academy.work(person, read_only=True) as work:
        assert list(await role.find_many(work, [of.id, other.id])) == [of.id]
        for act in (role.count, lambda unit: role.list_page(unit, after=None, first=1)):
            with pytest.raises(ForbiddenError):
                await act(work)
    manager = academy.acting(await academy.user("manager"))
    state = await academy.state()
    for act in (
        lambda work: role.create(work, name="X", permissions=["course:read"]),
        lambda work: role.delete(work, other.id),
    ):
        with pytest.raises(ForbiddenError):
            async with academy.work(manager) as work:
                await act(work)
        assert academy.statements == 0
    assert await academy.state() == state


async def test_everything_but_owning_may_be_granted() -> None:
    assert GRANTABLE | {Permission.ORGANIZATION_OWN} == set(Permission)
