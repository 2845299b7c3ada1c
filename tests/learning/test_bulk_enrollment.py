"""Many people enrolled at once: each has their own fate, and a policy says what it means to the others."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from academy import Academy
from harka.errors import ForbiddenError, HarkaError, InvalidIdError, NotFoundError, ValidationError
from harka.ids import new_id
from harka.learning import bulk_enrollment, group, group_manager, group_member, role, user
from harka.learning.bulk_enrollment import MOST, OnError, Outcome
from harka.learning.user import UserChanges
from harka.repositories.course import Course
from harka.tenancy.permission import Permission


async def enrolled(
    academy: Academy,
    course: Course,
    *people: UUID | HarkaError,
    on_error: OnError = OnError.REJECT_FAILED_ROWS,
    dry_run: bool = False,
) -> Outcome:
    async with academy.work() as work:
        return await bulk_enrollment.enroll(work, course.id, people, on_error=on_error, dry_run=dry_run)


def told(outcome: Outcome) -> list[tuple[int, bool, str | None]]:
    return [
        (fate.index, fate.created, None if fate.refused is None else fate.refused.code)
        for fate in outcome.fates
    ]


async def mixed(academy: Academy, rival: Academy, course: Course) -> list[UUID | HarkaError]:
    """New, enrolled already, inactive, nobody, somebody else's, garbage, and the first once more."""
    new, there = await academy.user(), await academy.user()
    await academy.enrollment(there, course)
    away, foreign = await academy.user(status="inactive"), await rival.user()
    return [new.id, there.id, away.id, new_id(), foreign.id, InvalidIdError(field="userIds"), new.id]


FAILED = [(2, "VALIDATION_FAILED"), (3, "NOT_FOUND"), (4, "NOT_FOUND"), (5, "INVALID_ID")]


async def test_those_that_fail_are_told(academy: Academy, rival: Academy) -> None:
    course = await academy.course()
    outcome = await enrolled(academy, course, *await mixed(academy, rival, course))
    assert told(outcome) == [
        (0, True, None),
        (1, False, None),
        *((place, False, code) for place, code in FAILED),
        (6, False, None),
    ]
    assert outcome.fates[0].enrollment == outcome.fates[6].enrollment
    assert len(await academy.rows("enrollment")) == 2


async def test_those_that_fail_are_left_out(academy: Academy, rival: Academy) -> None:
    course = await academy.course()
    people = await mixed(academy, rival, course)
    outcome = await enrolled(academy, course, *people, on_error=OnError.IGNORE_FAILED)
    assert told(outcome) == [(0, True, None), (1, False, None), (6, False, None)]
    assert len(await academy.rows("enrollment")) == 2


async def test_those_that_fail_keep_the_others_back(academy: Academy, rival: Academy) -> None:
    course = await academy.course()
    people = await mixed(academy, rival, course)
    state = await academy.state()
    outcome = await enrolled(academy, course, *people, on_error=OnError.REJECT_EVERYTHING)
    assert outcome.rejected
    assert [(place, code) for place, _, code in told(outcome) if code] == FAILED
    assert len(outcome.fates) == len(people)
    assert await academy.state() == state
    fine = await enrolled(academy, course, *people[:2], on_error=OnError.REJECT_EVERYTHING)
    assert told(fine) == [(0, True, None), (1, False, None)]


async def test_a_dry_run_tells_and_does_nothing(academy: Academy, rival: Academy) -> None:
    course = await academy.course()
    people = await mixed(academy, rival, course)
    state = await academy.state()
    dry = await enrolled(academy, course, *people, dry_run=True)
    assert await academy.state() == state
    assert {fate.enrollment for fate in dry.fates} == {None}
    assert told(dry) == told(await enrolled(academy, course, *people))


@pytest.mark.parametrize("count", [1, 50])
async def test_many_cost_as_much_as_one(academy: Academy, count: int) -> None:
    course = await academy.course()
    people = [(await academy.user()).id for _ in range(count)]
    await enrolled(academy, course, *people)
    assert academy.statements == 3


async def test_two_at_once_enroll_nobody_twice(academy: Academy) -> None:
    course = await academy.course()
    people = [(await academy.user()).id for _ in range(30)]
    outcomes = await asyncio.gather(
        *(enrolled(academy, course, *order) for order in (people, people[::-1], people[10:20]))
    )
    assert sum(fate.created for outcome in outcomes for fate in outcome.fates) == 30
    assert len(await academy.rows("enrollment")) == 30


async def test_what_is_wrong_with_the_course_refuses_all(academy: Academy, rival: Academy) -> None:
    user = await academy.user()
    for course, error in (
        (await academy.course(published=False), ValidationError),
        (await rival.course(), NotFoundError),
    ):
        with pytest.raises(error) as caught:
            await enrolled(academy, course, user.id)
        assert caught.value.field == "courseId"
    assert await academy.rows("enrollment") == []


async def test_there_is_an_end(academy: Academy) -> None:
    course = await academy.course()
    with pytest.raises(ValidationError):
        await enrolled(academy, course, *[new_id()] * (MOST + 1))
    assert academy.statements == 0


async def test_people_of_a_role(academy: Academy, monkeypatch: pytest.MonkeyPatch) -> None:
    learners = [await academy.user() for _ in range(3)]
    await academy.user(status="inactive")
    instructor = await academy.user("instructor")
    async with academy.work(read_only=True) as work:
        assert await bulk_enrollment.people_matching(work, role="learner") == [each.id for each in learners]
        assert len(await bulk_enrollment.people_matching(work)) == 4
        monkeypatch.setattr(bulk_enrollment, "MOST", 3)
        assert len(await bulk_enrollment.people_matching(work, role="learner")) == 3
        with pytest.raises(ValidationError):
            await bulk_enrollment.people_matching(work)
    async with academy.work(academy.acting(instructor)) as work:
        with pytest.raises(ForbiddenError):
            await bulk_enrollment.people_matching(work)


async def test_people_of_a_group_are_those_of_the_groups_below_it_too(academy: Academy) -> None:
    inside, below, outside = [await academy.user() for _ in range(3)]
    gone, boss = await academy.user(status="inactive"), await academy.user("manager")
    async with academy.work() as work:
        top = await group.create(work, name="Top")
        under = await group.create(work, name="Under", parent_id=top.id)
        await group_member.add(work, top.id, [inside.id, gone.id])
        await group_member.add(work, under.id, [below.id])
        await group_manager.assign(work, under.id, boss.id)
        own = await role.create(work, name="Own", permissions=["course:read"])
        await user.update(work, outside.id, UserChanges(role_id=own.id), version=outside.version)
        assert await bulk_enrollment.people_matching(work, group_id=top.id) == [inside.id, below.id]
        assert await bulk_enrollment.people_matching(work, group_id=under.id) == [below.id]
        assert await bulk_enrollment.people_matching(work, group_id=new_id()) == []
        assert await bulk_enrollment.people_matching(work, role_id=own.id) == [outside.id]
        assert await bulk_enrollment.people_matching(work, role_id=own.id, group_id=top.id) == []
        late = inside.created_at + timedelta(microseconds=1)
        assert inside.id not in await bulk_enrollment.people_matching(work, created_from=late)
        assert await user.count(work, group_id=top.id) == 3
    async with academy.work(academy.managing(boss)) as work:
        assert await bulk_enrollment.people_matching(work, group_id=top.id) == [below.id]
        assert await user.count(work, group_id=top.id) == 1


async def test_who_may_not_enroll_enrolls_nobody(academy: Academy) -> None:
    course, user = await academy.course(), await academy.user()
    context = academy.key(*(set(Permission) - {Permission.ENROLLMENT_WRITE}))
    with pytest.raises(ForbiddenError):
        async with academy.work(context) as work:
            await bulk_enrollment.enroll(work, course.id, [user.id], on_error=OnError.IGNORE_FAILED)
    assert academy.statements == 0
