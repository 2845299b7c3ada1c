from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from academy import Academy
from harka.errors import ConflictError, ForbiddenError, NotFoundError, ValidationError
from harka.ids import new_id
from harka.learning import (
    certificate,
    completion,
    enrollment,
    group,
    group_list,
    group_manager,
    group_member,
    lesson,
    module,
    progress,
    quiz_attempt,
    user,
)
from harka.learning.completion import CompletionEntry
from harka.learning.enrollment import WithdrawalEntry
from harka.learning.group import GroupChanges
from harka.learning.progress import ProgressEntry
from harka.learning.user import UserChanges, UserDraft
from harka.learning.work import UnitOfWork
from harka.repositories.enrollment import Enrollment
from harka.repositories.enrollment_list import EnrollmentFilter
from harka.repositories.group import Group
from harka.repositories.group_list import Tie
from harka.repositories.page import BEGINNING
from harka.repositories.user import User
from harka.tenancy.context import TenantContext
from harka.tenancy.permission import EVERY_PERMISSION
from quizzes import taken

Act = Callable[[UnitOfWork], Awaitable[Any]]


class Ground(msgspec.Struct, frozen=True):
    """`ours` is in `team`, which is below `top`, which `manager` manages; `stranger` is in `elsewhere`."""

    top: Group
    team: Group
    elsewhere: Group
    manager: User
    ours: User
    stranger: User
    enrollments: dict[Any, Enrollment]
    context: TenantContext


async def ground(academy: Academy, role: str = "manager") -> Ground:
    manager, ours, stranger = [await academy.user(each) for each in (role, "learner", "learner")]
    course = await academy.course()
    async with academy.work() as work:
        top = await group.create(work, name="North")
        team = await group.create(work, name="Team", parent_id=top.id)
        elsewhere = await group.create(work, name="South")
        await group_member.add(work, team.id, [ours.id])
        await group_member.add(work, elsewhere.id, [stranger.id])
        await group_manager.assign(work, top.id, manager.id)
    enrolled = {each.id: await academy.enrollment(each, course) for each in (ours, stranger)}
    return Ground(top, team, elsewhere, manager, ours, stranger, enrolled, academy.managing(manager))


async def test_groups_are_given_and_taken_again(academy: Academy) -> None:
    made = await ground(academy)
    async with academy.work() as work:
        held, person, is_new = await group_manager.assign(work, made.team.id, made.manager.id)
        assert (held, person, is_new) == (made.team, made.manager, True)
    assert academy.statements == 3
    async with academy.work() as work:
        assert not (await group_manager.assign(work, made.team.id, made.manager.id))[2]
    async with academy.work(read_only=True) as work:
        both = [made.top.id, made.team.id]
        listed = await group_list.people_by_group(work, Tie.MANAGER, [*both, made.elsewhere.id], first=5)
        assert listed == {id_: [made.manager] for id_ in both}
        mine = await group_list.groups_by_user(work, Tie.MANAGER, [made.manager.id, made.ours.id], first=1)
        first, last = sorted([made.top, made.team], key=lambda each: each.id)
        assert mine == {made.manager.id: [first]}
        rest = await group_list.page_of_user(
            work, Tie.MANAGER, made.manager.id, after=(first.id, first.id), first=5
        )
        assert rest == [last]
        assert await group_list.count_by_user(work, Tie.MANAGER, [made.manager.id]) == {made.manager.id: 2}
        assert await group_list.count_by_group(work, Tie.MANAGER, both) == dict.fromkeys(both, 1)
    async with academy.work() as work:
        for id_ in both:
            assert (await group_manager.unassign(work, id_, made.manager.id))[2]
            assert not (await group_manager.unassign(work, id_, made.manager.id))[2]
    assert await academy.rows("user_scope") == []


async def test_somebody_new_is_bound_from_the_first_moment(academy: Academy) -> None:
    made = await ground(academy)
    draft = UserDraft(email="new@example.com", name="New", role="manager")
    async with academy.work() as work:
        person = await group_manager.create(work, draft, [made.team.id, made.top.id, made.team.id])
    # a seat, the person, the groups
    assert academy.statements <= 4
    async with academy.work(await academy.entering(person), read_only=True) as work:
        assert await user.count(work) == 2


@pytest.mark.parametrize(
    ("role", "groups", "error"),
    [
        ("owner", None, ValidationError),
        ("manager", [new_id()], NotFoundError),
        ("manager", [new_id() for _ in range(21)], ValidationError),
    ],
)
async def test_who_cannot_be_bound_is_not_made(academy: Academy, role: str, groups: Any, error: Any) -> None:
    made = await ground(academy)
    state = await academy.state()
    draft = UserDraft(email="new@example.com", name="New", role=role)
    with pytest.raises(error) as caught:
        async with academy.work() as work:
            await group_manager.create(work, draft, groups or [made.top.id])
    assert (caught.value.field, await academy.state()) == ("managedGroupIds", state)


async def test_who_never_managed_a_group_is_not_bound_by_taking_one(academy: Academy) -> None:
    made, instructor = await ground(academy), await academy.user("instructor")
    async with academy.work() as work:
        assert not (await group_manager.unassign(work, made.top.id, instructor.id))[2]
    assert not (await academy.entering(instructor)).manages_groups


async def test_a_group_that_somebody_manages_stays(academy: Academy) -> None:
    """Gone, it would let its manager see everybody."""
    made = await ground(academy)
    async with academy.work() as work:
        await group_manager.assign(work, made.elsewhere.id, made.manager.id)
    state = await academy.state()
    with pytest.raises(ConflictError):
        async with academy.work() as work:
            await group.delete(work, made.elsewhere.id)
    assert await academy.state() == state


async def test_a_branch_is_all_below_it_wherever_it_is_moved(academy: Academy) -> None:
    made = await ground(academy)

    async def seen() -> list[User]:
        async with academy.work(made.context, read_only=True) as work:
            return list(await user.list_page(work, after=None, first=9))

    assert await seen() == [made.manager, made.ours]
    async with academy.work() as work:
        await group.update(work, made.team.id, GroupChanges(parent_id=made.elsewhere.id), version=1)
    assert await seen() == [made.manager]
    async with academy.work() as work:
        await group.update(work, made.elsewhere.id, GroupChanges(parent_id=made.top.id), version=1)
    assert await seen() == [made.manager, made.ours, made.stranger]


async def test_pages_and_counts_of_whom_they_manage_cost_one_statement(academy: Academy) -> None:
    made = await ground(academy)
    both = [made.ours.id, made.stranger.id]
    course_id = made.enrollments[made.ours.id].course_id
    expected: list[tuple[Act, Any]] = [
        (user.count, 2),
        (lambda work: user.count(work, role="learner"), 1),
        (lambda work: user.list_page(work, after=BEGINNING, first=9, role="learner"), [made.ours]),
        (enrollment.count, 1),
        (lambda work: enrollment.count(work, EnrollmentFilter(user_id=made.stranger.id)), 0),
        (
            lambda work: enrollment.list_page(
                work, EnrollmentFilter(user_id=made.stranger.id), after=None, first=9
            ),
            [],
        ),
        (lambda work: enrollment.count_by_user(work, both), {made.ours.id: 1}),
        (lambda work: enrollment.count_by_course(work, [course_id]), {course_id: 1}),
        (lambda work: certificate.list_page(work, user_id=made.stranger.id, after=None, first=9), []),
        (lambda work: certificate.count_by_user(work, both), {}),
        (lambda work: group_list.count_by_user(work, Tie.MEMBER, both), {made.ours.id: 1}),
        (
            lambda work: group_list.count_by_group(work, Tie.MEMBER, [made.team.id, made.elsewhere.id]),
            {made.team.id: 1},
        ),
    ]
    for act, answer in expected:
        async with academy.work(made.context, read_only=True) as work:
            assert await act(work) == answer
        assert academy.statements == 1


BEYOND: dict[str, Callable[[Ground], Act]] = {
    "issue": lambda made: lambda work: certificate.issue(work, made.enrollments[made.stranger.id].id),
    "unenroll": lambda made: lambda work: enrollment.unenroll(work, made.enrollments[made.stranger.id].id),
    "record": lambda made: (
        lambda work: progress.record_many(
            work,
            [
                ProgressEntry(
                    enrollment_id=made.enrollments[made.stranger.id].id, lesson_id=new_id(), fraction=0.5
                )
            ],
        )
    ),
    "update": lambda made: lambda work: user.update(work, made.stranger.id, UserChanges(name="X"), version=1),
    "add": lambda made: lambda work: group_member.add(work, made.team.id, [made.stranger.id]),
    "remove": lambda made: lambda work: group_member.remove(work, made.team.id, [made.stranger.id]),
}


@pytest.mark.parametrize("name", BEYOND)
async def test_who_is_beyond_is_not_there_to_be_changed(academy: Academy, name: str) -> None:
    made = await ground(academy, "admin")
    state = await academy.state()
    with pytest.raises(NotFoundError):
        async with academy.work(made.context) as work:
            await BEYOND[name](made)(work)
    assert await academy.state() == state


async def test_of_many_those_beyond_are_passed_over(academy: Academy) -> None:
    made = await ground(academy)
    ids = [each.id for each in made.enrollments.values()]
    async with academy.work(made.context) as work:
        completed = await completion.complete_many(work, [CompletionEntry(enrollment_id=id_) for id_ in ids])
        assert completed == 1
    async with academy.work(made.context) as work:
        entries = [WithdrawalEntry(enrollment_id=made.enrollments[made.stranger.id].id)]
        assert await enrollment.unenroll_many(work, entries) == 0


async def test_attempts_at_quizzes_are_seen_of_those_within(academy: Academy) -> None:
    made = await ground(academy)
    of = await taken(academy)
    async with academy.work(of.acting) as work:
        begun = await quiz_attempt.start(work, enrollment_id=of.enrollment.id, quiz_id=of.quiz.id)
    id_, enrolled, asked = begun.attempt.id, of.enrollment.id, of.quiz.id

    async def seen() -> list[Any]:
        async with academy.work(made.context, read_only=True) as work:
            return [
                list(await quiz_attempt.find_many(work, [id_])),
                list(await quiz_attempt.page_of_enrollment(work, enrolled, after=None, first=1)),
                list(await quiz_attempt.pages_by_enrollment(work, [enrolled], first=1)),
                await quiz_attempt.count_by_enrollment(work, [enrolled]),
                list(await quiz_attempt.questions_by_attempt(work, [id_])),
                list(await quiz_attempt.page_of_quiz(work, asked, after=None, first=1)),
                list(await quiz_attempt.pages_by_quiz(work, [asked], first=1)),
                (await quiz_attempt.count_by_quiz(work, [asked])).get(asked, 0),
            ]

    assert await seen() == [[], [], [], {}, [], [], [], 0]
    with pytest.raises(NotFoundError):
        async with academy.work(made.context) as work:
            await quiz_attempt.submit(work, id_, [])
    async with academy.work() as work:
        await group_member.add(work, made.team.id, [of.learner.id])
    seen_within = [[id_], [begun.attempt], [enrolled], {enrolled: 1}, [id_]]
    assert await seen() == [*seen_within, [begun.attempt], [asked], 1]


REFUSED: dict[str, Callable[[Ground], Act]] = {
    "create a user": lambda _: lambda work: user.create(work, UserDraft(email="x@y.example", name="X")),
    "create a group": lambda made: lambda work: group.create(work, name="X", parent_id=made.top.id),
    "move a group": lambda made: (
        lambda work: group.update(work, made.elsewhere.id, GroupChanges(parent_id=made.top.id), version=1)
    ),
    "delete a group": lambda made: lambda work: group.delete(work, made.team.id),
    "assign": lambda made: lambda work: group_manager.assign(work, made.top.id, made.ours.id),
    "unassign": lambda made: lambda work: group_manager.unassign(work, made.top.id, made.ours.id),
    "another group": lambda made: lambda work: group_member.add(work, made.elsewhere.id, [made.ours.id]),
    "a role that sees": lambda made: (
        lambda work: user.update(work, made.ours.id, UserChanges(role="instructor"), version=1)
    ),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_would_reach_beyond_is_refused(academy: Academy, name: str) -> None:
    made = await ground(academy, "admin")
    state = await academy.state()
    with pytest.raises(ForbiddenError):
        async with academy.work(made.context) as work:
            await REFUSED[name](made)(work)
    assert await academy.state() == state


async def test_within_the_branch_an_administrator_is_one(academy: Academy) -> None:
    made = await ground(academy, "admin")
    async with academy.work(made.context) as work:
        changed = await user.update(work, made.ours.id, UserChanges(name="Bea"), version=1)
        assert changed.name == "Bea"
        assert (await group_member.add(work, made.top.id, [made.ours.id]))[1] == 1
        assert (await group_member.remove(work, made.team.id, [made.ours.id]))[1] == 1


async def test_who_sees_beyond_cannot_be_changed_from_within(academy: Academy) -> None:
    """To change the address of who sees everybody is to become them."""
    made, instructor = await ground(academy, "admin"), await academy.user("instructor")
    async with academy.work() as work:
        await group_member.add(work, made.team.id, [instructor.id])
    with pytest.raises(ForbiddenError):
        async with academy.work(made.context) as work:
            await user.update(work, instructor.id, UserChanges(email="mine@example.com"), version=1)


async def test_owners_and_oneself_are_given_nothing(academy: Academy, rival: Academy) -> None:
    made, owner, admin = await ground(academy), await academy.user("owner"), await academy.user("admin")
    foreign = await rival.user()
    state = await academy.state()
    for acting, group_id, user_id, error in (
        (owner, made.top.id, admin.id, None),
        (academy.operator.user, made.top.id, owner.id, ValidationError),
        (admin, made.top.id, admin.id, ConflictError),
        (admin, made.top.id, owner.id, ForbiddenError),
        (made.ours, made.top.id, made.ours.id, ForbiddenError),
        (owner, made.top.id, foreign.id, NotFoundError),
        (owner, new_id(), admin.id, NotFoundError),
    ):
        context = academy.operator if acting is None else academy.acting(acting)
        for act in (group_manager.assign, group_manager.unassign):
            if error is None or (error is ValidationError and act is group_manager.unassign):
                continue
            with pytest.raises(error):
                async with academy.work(context) as work:
                    await act(work, group_id, user_id)
    assert await academy.state() == state


async def test_work_of_people_beyond_is_not_theirs_to_delete(academy: Academy) -> None:
    """Who would manage groups and write courses deletes a lesson in which others have worked: not so."""
    made = await ground(academy, "admin")
    writing = msgspec.structs.replace(made.context, permissions=EVERY_PERMISSION)
    subject = made.enrollments[made.ours.id].course_id
    async with academy.work() as work:
        (first, second, *_) = (await lesson.by_course(work, [subject]))[subject]
        for person, taken_ in ((made.ours, first), (made.stranger, second)):
            await progress.record(
                work, enrollment_id=made.enrollments[person.id].id, lesson_id=taken_.id, fraction=0.5
            )
    state = await academy.state()
    for act in (
        lambda work: lesson.delete(work, second.id, version=second.version, with_progress=True),
        lambda work: module.delete(work, second.module_id, version=1, with_progress=True),
    ):
        with pytest.raises(ConflictError) as refused:
            async with academy.work(writing) as work:
                await act(work)
        assert refused.value.field == "withProgress"
        assert await academy.state() == state
    async with academy.work(writing) as work:
        await lesson.delete(work, first.id, version=first.version, with_progress=True)
