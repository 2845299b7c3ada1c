"""Many people at once: each has their own fate, and a policy says what it means to the others."""

from typing import Any

import msgspec
import pytest

from academy import Academy
from harka.errors import ForbiddenError, InvalidIdError, ValidationError
from harka.ids import new_id
from harka.learning import bulk_user, group, group_manager, group_member, role, user
from harka.learning.bulk_enrollment import OnError
from harka.learning.bulk_user import MOST, Outcome, UserEntry
from harka.learning.user import UserChanges, UserDraft
from harka.repositories.user import User
from harka.tenancy.context import TenantContext
from harka.tenancy.plan import Resource


async def written(
    academy: Academy,
    *entries: Any,
    on_error: OnError = OnError.REJECT_FAILED_ROWS,
    dry_run: bool = False,
    context: TenantContext | None = None,
) -> Outcome:
    async with academy.work(context) as work:
        return await bulk_user.write(work, entries, on_error=on_error, dry_run=dry_run)


def new(email: str, **given: Any) -> UserEntry:
    return UserEntry(changes=UserChanges(email=email, **{"name": "Ada", **given}))


def change(of: User, version: int | None = None, **given: Any) -> UserEntry:
    return UserEntry(id=of.id, version=version, changes=UserChanges(**given))


def told(outcome: Outcome) -> list[tuple[int, bool, str | None, str | None]]:
    return [
        (
            fate.index,
            fate.created,
            None if fate.refused is None else fate.refused.code,
            None if fate.refused is None else fate.refused.field,
        )
        for fate in outcome.fates
    ]


async def mixed(academy: Academy, rival: Academy) -> list[Any]:
    """Two that can be, and what can go wrong."""
    there, other, foreign = await academy.user(), await academy.user(), await rival.user()
    return [
        new("one@example.com"),
        change(there, 1, name="Bea", email="bea@example.com"),
        new("ONE@example.com"),
        new(other.email.upper()),
        new("x@example.com", name="a\0b"),
        UserEntry(changes=UserChanges(name="Ada")),
        change(other, 7, name="Bea"),
        change(there, name="Twice"),
        change(foreign, name="X"),
        UserEntry(id=new_id()),
        new("y@example.com", role_id=new_id()),
        change(other, email="bea@example.com"),
        InvalidIdError(field="id"),
    ]


FAILED = [
    (2, False, "VALIDATION_FAILED", "email"),
    (3, False, "VALIDATION_FAILED", "email"),
    (4, False, "VALIDATION_FAILED", "name"),
    (5, False, "VALIDATION_FAILED", "email"),
    (6, False, "CONFLICT", None),
    (7, False, "NOT_FOUND", "id"),
    (8, False, "NOT_FOUND", "id"),
    (9, False, "NOT_FOUND", "id"),
    (10, False, "NOT_FOUND", "roleId"),
    (11, False, "NOT_FOUND", "id"),
    (12, False, "INVALID_ID", "id"),
]
DONE = [(0, True, None, None), (1, False, None, None)]


async def test_those_that_fail_are_told_and_the_others_done(academy: Academy, rival: Academy) -> None:
    entries = await mixed(academy, rival)
    outcome = await written(academy, *entries)
    assert told(outcome) == [*DONE, *FAILED]
    made, changed = [fate.user for fate in outcome.fates[:2]]
    assert made is not None
    assert changed is not None
    assert (made.email, made.role, made.version) == ("one@example.com", "learner", 1)
    assert (changed.name, changed.email, changed.version) == ("Bea", "bea@example.com", 2)
    async with academy.work(read_only=True) as work:
        kept = await user.find_many(work, [made.id, changed.id])
    assert (kept[made.id].email, kept[changed.id]) == ("one@example.com", changed)
    assert len(await academy.rows('"user"')) == 3


async def test_those_that_fail_are_left_out(academy: Academy, rival: Academy) -> None:
    outcome = await written(academy, *await mixed(academy, rival), on_error=OnError.IGNORE_FAILED)
    assert (told(outcome), outcome.rejected) == (DONE, False)


async def test_one_that_fails_keeps_all_back(academy: Academy, rival: Academy) -> None:
    entries = await mixed(academy, rival)
    state = await academy.state()
    outcome = await written(academy, *entries, on_error=OnError.REJECT_EVERYTHING)
    assert outcome.rejected
    assert [each for each in told(outcome) if each[2]] == FAILED
    assert await academy.state() == state


async def test_a_dry_run_tells_the_same_and_does_nothing(academy: Academy, rival: Academy) -> None:
    entries = await mixed(academy, rival)
    state = await academy.state()
    outcome = await written(academy, *entries, dry_run=True)
    assert told(outcome) == [*DONE, *FAILED]
    assert [fate.user for fate in outcome.fates] == [None] * len(entries)
    assert await academy.state() == state


async def test_the_number_of_statements_is_that_of_one(academy: Academy) -> None:
    people = [await academy.user() for _ in range(6)]
    async with academy.work() as work:
        of = await role.create(work, name="Helper", permissions=["course:read"])
    await written(academy, new("0@example.com", role_id=of.id), change(people[0], name="Bea"))
    one = academy.statements
    await written(
        academy,
        *(new(f"{n}@example.com", role_id=of.id) for n in range(1, 50)),
        *(change(each, name=f"Bea {n}") for n, each in enumerate(people[1:])),
    )
    # who is changed, their roles, who has the addresses, the seats twice, who is made, who is changed
    assert academy.statements == one == 7


async def test_seats_go_to_the_first(academy: Academy) -> None:
    starter = Academy(academy.parts, msgspec.structs.replace(academy.organization, plan="STARTER"))
    await written(academy, *(new(f"{n}@example.com") for n in range(98)))
    outcome = await written(starter, *(new(f"late{n}@example.com") for n in range(4)))
    assert [code for _, _, code, _ in told(outcome)] == [None, None, *["PLAN_LIMIT_REACHED"] * 2]
    assert len(await academy.rows('"user"')) == 100


async def test_who_finds_no_seat_is_told_what_those_before_them_left(academy: Academy) -> None:
    await academy.user()
    academy.grant(users=2)
    outcome = await written(academy, *(new(f"{n}@example.com") for n in range(3)))
    limits = [None if each.refused is None else each.refused.extensions() for each in outcome.fates]
    reached = {"code": "PLAN_LIMIT_REACHED", "resource": "USERS", "limit": 2, "used": 2}
    assert limits == [None, reached, reached]
    assert academy.refused == {(Resource.USERS, False): 2}


async def test_in_shadow_mode_everybody_finds_a_seat_and_is_counted(academy: Academy) -> None:
    academy.grant(shadow=True, users=1)
    outcome = await written(academy, *(new(f"{n}@example.com") for n in range(3)))
    assert [each.refused for each in outcome.fates] == [None] * 3
    assert academy.refused == {(Resource.USERS, True): 2}
    assert len(await academy.rows('"user"')) == 3


async def test_what_is_so_already_is_not_written(academy: Academy) -> None:
    there = await academy.user()
    state = await academy.state()
    outcome = await written(academy, change(there, 1, name=there.name))
    assert outcome.fates[0].user == there
    assert await academy.state() == state


async def test_an_owner_is_unmade_one_by_one(academy: Academy) -> None:
    owners = [await academy.user("owner") for _ in range(2)]
    outcome = await written(academy, *(change(each, role="learner") for each in owners))
    assert [(code, field) for _, _, code, field in told(outcome)] == [("CONFLICT", "role")] * 2
    renamed = await written(academy, change(owners[0], name="Bea"))
    assert renamed.fates[0].user is not None


@pytest.mark.parametrize(
    "entry",
    [
        lambda owner, _: change(owner, name="X"),
        lambda _, __: new("x@example.com", role="owner"),
        lambda _, of: new("x@example.com", role_id=of.id),
    ],
    ids=["who may do more", "a role that may", "one of one's own"],
)
async def test_what_the_caller_may_not_is_refused_as_a_whole(academy: Academy, entry: Any) -> None:
    owner = await academy.user("owner")
    async with academy.work() as work:
        powers = await role.create(work, name="Registrar", permissions=["user:read", "user:write"])
        of = await role.create(work, name="Author", permissions=["course:write"])
        registrar = await user.create(work, UserDraft(email="r@example.com", name="R", role_id=powers.id))
    context = await academy.entering(registrar)
    state = await academy.state()
    ours = change(registrar, name="Changed")
    with pytest.raises(ForbiddenError):
        await written(academy, ours, entry(owner, of), context=context)
    assert await academy.state() == state


async def test_a_manager_of_groups_changes_their_own_people_and_makes_nobody(academy: Academy) -> None:
    admin, ours, stranger = [await academy.user(each) for each in ("admin", "learner", "learner")]
    async with academy.work() as work:
        team = await group.create(work, name="Team")
        await group_member.add(work, team.id, [ours.id])
        await group_manager.assign(work, team.id, admin.id)
    context = academy.managing(admin)
    outcome = await written(academy, change(ours, name="Bea"), change(stranger, name="Bea"), context=context)
    assert [code for _, _, code, _ in told(outcome)] == [None, "NOT_FOUND"]
    state = await academy.state()
    with pytest.raises(ForbiddenError):
        await written(academy, new("x@example.com"), context=context)
    assert await academy.state() == state


async def test_only_who_manages_people_does_so_and_not_too_many(academy: Academy) -> None:
    with pytest.raises(ValidationError) as caught:
        await written(academy, *[new("x@example.com")] * (MOST + 1))
    assert (caught.value.field, academy.statements) == ("users", 0)
    for name in ("learner", "instructor", "manager"):
        person = await academy.user(name)
        with pytest.raises(ForbiddenError):
            await written(academy, change(person, name="X"), context=academy.acting(person))
        assert academy.statements == 0
