import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from academy import Academy
from harka import clock
from harka.errors import (
    ConflictError,
    ForbiddenError,
    HarkaError,
    NotFoundError,
    PlanLimitError,
    ValidationError,
)
from harka.ids import new_id
from harka.learning import group, group_list, group_manager, invitation, role, user
from harka.learning.invitation import InvitationDraft, InvitationState, Invited, state_of
from harka.learning.role import RoleChanges
from harka.repositories.group_list import Tie
from harka.repositories.user import User
from harka.storage.statement import Statement
from harka.tenancy.context import TenantContext

EMAIL = "new@example.com"
END = Statement(
    "test.end",
    """UPDATE {schema}.invitation SET expires_at = now() - interval '1 s'
    WHERE tenant_id = $1 AND id = $2::uuid""",
)


async def invite(academy: Academy, context: TenantContext | None = None, **draft: Any) -> Invited:
    async with academy.work(context) as work:
        return await invitation.invite(work, InvitationDraft(**{"email": EMAIL, **draft}))


async def accept(academy: Academy, token: str, **given: Any) -> User:
    async with academy.work(academy.anonymous()) as work:
        return (await invitation.accept(work, token, **{"name": "Ada", **given}))[1]


async def test_whoever_has_the_token_comes_in_once(academy: Academy) -> None:
    async with academy.work() as work:
        teams = [await group.create(work, name=f"Team {n}") for n in range(2)]
    ids = [each.id for each in teams]
    made = await invite(academy, role="instructor", group_ids=[*ids, *ids])
    # who has the address, the one before, the invitation, its groups; and whether the groups are there
    assert academy.statements == 5
    assert (state_of(made.invitation), made.invitation.role) == (InvitationState.OPEN, "instructor")
    assert made.invitation.expires_at > clock.now() + timedelta(days=6)
    (row,) = await academy.rows("invitation")
    assert made.token not in str(row)
    person = await accept(academy, made.token, locale="pt-BR", timezone="Europe/Berlin")
    assert (person.email, person.name, person.role, person.status) == (EMAIL, "Ada", "instructor", "active")
    assert (person.locale, person.timezone) == ("pt-BR", "Europe/Berlin")
    async with academy.work(read_only=True) as work:
        assert await group_list.count_by_user(work, Tie.MEMBER, [person.id]) == {person.id: 2}
        (kept,) = await invitation.list_page(work, after=None, first=9)
        assert await invitation.groups_by_invitation(work, [kept.id]) == {
            kept.id: sorted(teams, key=lambda each: each.id)
        }
    assert (state_of(kept), kept.user_id, kept.version) == (InvitationState.ACCEPTED, person.id, 2)
    state = await academy.state()
    with pytest.raises(ConflictError):
        await accept(academy, made.token)
    assert await academy.state() == state


async def test_many_who_come_at_once_are_one(academy: Academy) -> None:
    made = await invite(academy)
    outcomes = await asyncio.gather(*(accept(academy, made.token) for _ in range(4)), return_exceptions=True)
    assert sorted(type(each).__name__ for each in outcomes) == [*["ConflictError"] * 3, "User"]
    assert len(await academy.rows('"user"')) == 1


async def test_one_that_is_over_lets_nobody_in(academy: Academy, rival: Academy) -> None:
    ended, revoked, replaced = [
        await invite(academy, email=f"{name}@example.com") for name in ("ended", "revoked", "replaced")
    ]
    async with academy.work() as work:
        await work.session.execute(END, ended.invitation.id)
        gone = await invitation.revoke(work, revoked.invitation.id, version=1)
        assert (state_of(gone), gone.version) == (InvitationState.REVOKED, 2)
        assert await invitation.revoke(work, revoked.invitation.id) == gone
    again = await invite(academy, email="REPLACED@example.com")
    state, rivals = await academy.state(), await rival.state()
    for token, error in (
        (ended.token, ConflictError),
        (revoked.token, ConflictError),
        (replaced.token, ConflictError),
        ("", NotFoundError),
        ("hi_" + "a" * 43, NotFoundError),
        (again.token + "x", NotFoundError),
        ("hi_\0" + "é" * 42, NotFoundError),
    ):
        with pytest.raises(error):
            await accept(academy, token)
    with pytest.raises(NotFoundError):
        await accept(rival, again.token)
    assert (await academy.state(), await rival.state()) == (state, rivals)
    assert (await accept(academy, again.token)).email == "REPLACED@example.com"


async def test_who_was_let_in_no_more_is_let_in_again(academy: Academy) -> None:
    gone = await academy.user("admin", status="inactive")
    made = await invite(academy, email=gone.email.upper())
    back = await accept(academy, made.token, name="Bea")
    assert (back.id, back.name, back.role, back.status) == (gone.id, "Bea", "learner", "active")
    with pytest.raises(ValidationError) as caught:
        await invite(academy, email=gone.email)
    assert caught.value.field == "email"


async def test_who_has_come_in_otherwise_needs_no_invitation(academy: Academy) -> None:
    made = await invite(academy)
    async with academy.work() as work:
        await user.create(work, user.UserDraft(email=EMAIL, name="Ada"))
    state = await academy.state()
    with pytest.raises(ConflictError):
        await accept(academy, made.token)
    assert await academy.state() == state


async def test_a_seat_is_taken_when_they_come(academy: Academy) -> None:
    starter = msgspec.structs.replace(academy.organization, plan="STARTER")
    full = Academy(academy.parts, starter)
    async with academy.work() as work:
        await user.create_many(
            work, [user.UserDraft(email=f"{n}@example.com", name="Ada") for n in range(100)]
        )
    made = await invite(full)
    state = await academy.state()
    with pytest.raises(PlanLimitError):
        await accept(full, made.token)
    assert await academy.state() == state


async def test_a_role_of_ones_own_is_given_as_it_is_then(academy: Academy) -> None:
    async with academy.work() as work:
        of = await role.create(work, name="Author", permissions=["course:read"])
        other = await role.create(work, name="Gone", permissions=["course:read"])
    made = await invite(academy, role_id=of.id)
    lost = await invite(academy, email="lost@example.com", role_id=other.id)
    async with academy.work() as work:
        await role.update(work, of.id, RoleChanges(permissions=["user:read"]), version=1)
        await role.delete(work, other.id)
    person = await accept(academy, made.token)
    assert (person.role, person.role_id) == ("custom", of.id)
    with pytest.raises(ConflictError):
        await accept(academy, lost.token)


@pytest.mark.parametrize(
    ("draft", "error", "field"),
    [
        ({"email": ""}, ValidationError, "email"),
        ({"email": "a\0@b.example"}, ValidationError, "email"),
        ({"email": "x" * 255 + "@b.example"}, ValidationError, "email"),
        ({"role": "king"}, ValidationError, "role"),
        ({"role": "custom"}, ValidationError, "role"),
        ({"role_id": new_id()}, NotFoundError, "roleId"),
        ({"group_ids": [new_id()]}, NotFoundError, "groupIds"),
        ({"group_ids": [new_id() for _ in range(21)]}, ValidationError, "groupIds"),
        ({"expires_at": clock.now() - timedelta(days=1)}, ValidationError, "expiresAt"),
        ({"expires_at": clock.now() + timedelta(days=99)}, ValidationError, "expiresAt"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
async def test_what_cannot_be_is_told_by_field(
    academy: Academy, draft: dict[str, Any], error: type[HarkaError], field: str
) -> None:
    await invite(academy)
    state = await academy.state()
    with pytest.raises(error) as caught:
        await invite(academy, **draft)
    assert caught.value.field == field
    assert await academy.state() == state


async def test_who_comes_in_is_called_something(academy: Academy) -> None:
    made = await invite(academy)
    for given in ({"name": ""}, {"name": "a\0b"}, {"locale": "?"}, {"timezone": "Mars/Base"}):
        with pytest.raises(ValidationError) as caught:
            await accept(academy, made.token, **given)
        assert [caught.value.field] == list(given)
    assert (await accept(academy, made.token, name="👩‍🏫 עברית")).name == "👩‍🏫 עברית"


async def test_nobody_invites_to_more_than_they_may(academy: Academy) -> None:
    admin, manager = [academy.acting(await academy.user(each)) for each in ("admin", "manager")]
    owner = await academy.user("owner", status="inactive")
    made = await invite(academy)
    state = await academy.state()
    acts: list[tuple[TenantContext, Any]] = [
        (admin, lambda work: invitation.invite(work, InvitationDraft(email="x@y.example", role="owner"))),
        (admin, lambda work: invitation.invite(work, InvitationDraft(email=owner.email))),
        (manager, lambda work: invitation.invite(work, InvitationDraft(email="x@y.example"))),
        (manager, lambda work: invitation.revoke(work, made.invitation.id)),
        (manager, invitation.count),
        (manager, lambda work: invitation.list_page(work, after=None, first=1)),
        (manager, lambda work: invitation.find_many(work, [made.invitation.id])),
        (manager, lambda work: invitation.groups_by_invitation(work, [made.invitation.id])),
    ]
    for context, act in acts:
        with pytest.raises(ForbiddenError):
            async with academy.work(context) as work:
                await act(work)
    assert await academy.state() == state


async def test_a_manager_of_groups_invites_into_these_and_sees_their_own(academy: Academy) -> None:
    admin = await academy.user("admin")
    async with academy.work() as work:
        mine, other = [await group.create(work, name=name) for name in ("North", "South")]
        await group_manager.assign(work, mine.id, admin.id)
    context = academy.managing(admin)
    foreign, gone = await invite(academy, email="x@y.example"), await academy.user(status="inactive")
    made = await invite(academy, context, group_ids=[mine.id])
    wrong: list[tuple[dict[str, Any], type[HarkaError]]] = [
        ({"email": "z@y.example"}, ValidationError),
        ({"email": "z@y.example", "group_ids": [mine.id, other.id]}, ForbiddenError),
        ({"email": "z@y.example", "group_ids": [mine.id], "role": "instructor"}, ForbiddenError),
        ({"email": "x@y.example", "group_ids": [mine.id]}, ConflictError),
        ({"email": gone.email, "group_ids": [mine.id]}, ValidationError),
    ]
    state = await academy.state()
    for draft, error in wrong:
        with pytest.raises(error):
            await invite(academy, context, **draft)
    with pytest.raises(NotFoundError):
        async with academy.work(context) as work:
            await invitation.revoke(work, foreign.invitation.id)
    assert await academy.state() == state
    async with academy.work(context, read_only=True) as work:
        assert await invitation.count(work) == 1
        assert await invitation.list_page(work, after=None, first=9) == [made.invitation]
        assert list(await invitation.find_many(work, [foreign.invitation.id])) == []
    person = await accept(academy, made.token)
    async with academy.work(context, read_only=True) as work:
        assert list(await user.find_many(work, [person.id])) == [person.id]


async def test_who_is_invited_to_manage_is_bound_from_the_first_moment(academy: Academy) -> None:
    async with academy.work() as work:
        kept, gone = [await group.create(work, name=name) for name in ("Kept", "Gone")]
    managed = [kept.id, gone.id, kept.id]
    made = await invite(academy, role="manager", managed_group_ids=managed)
    other = await invite(academy, role="manager", managed_group_ids=[gone.id], email="other@example.com")
    async with academy.work() as work:
        await group.delete(work, gone.id)
    for token, left in ((made.token, {kept.id}), (other.token, set())):
        person = await accept(academy, token)
        context = await academy.entering(person)
        assert context.manages_groups
        async with academy.work(context, read_only=True) as work:
            assert await user.count(work) == 1
        async with academy.work(read_only=True) as work:
            listed = await group_list.groups_by_user(work, Tie.MANAGER, [person.id], first=9)
        assert {each.id for each in listed.get(person.id, [])} == left


async def test_what_nobody_is_invited_to_manage(academy: Academy, rival: Academy) -> None:
    async with rival.work() as work:
        foreign = await group.create(work, name="Foreign")
    async with academy.work() as work:
        own = await group.create(work, name="Own")
    state = await academy.state()
    for role_, ids, error in (
        ("manager", [foreign.id], NotFoundError),
        ("owner", [own.id], ValidationError),
        ("manager", [new_id() for _ in range(21)], ValidationError),
    ):
        with pytest.raises(error) as caught:
            await invite(academy, role=role_, managed_group_ids=ids)
        assert caught.value.field == "managedGroupIds"
    assert await academy.state() == state


async def test_what_is_accepted_or_has_changed_is_not_revoked(academy: Academy) -> None:
    made, other = await invite(academy), await invite(academy, email="other@example.com")
    await accept(academy, made.token)
    state = await academy.state()
    for id_, version, error in (
        (made.invitation.id, None, ConflictError),
        (other.invitation.id, 7, ConflictError),
        (new_id(), None, NotFoundError),
    ):
        with pytest.raises(error):
            async with academy.work() as work:
                await invitation.revoke(work, id_, version=version)
    assert await academy.state() == state
