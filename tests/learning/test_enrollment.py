import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from academy import Academy
from harka import clock
from harka.errors import (
    ConflictError,
    ForbiddenError,
    HarkaError,
    NotFoundError,
    UnauthenticatedError,
    ValidationError,
)
from harka.ids import new_id
from harka.learning import completion, course, enrollment
from harka.learning.completion import CompletionEntry
from harka.learning.enrollment import EnrollmentEntry, WithdrawalEntry
from harka.repositories.enrollment_list import EnrollmentFilter
from harka.tenancy.context import TenantContext
from harka.tenancy.permission import Permission


async def test_a_user_is_enrolled_in_a_published_course(academy: Academy) -> None:
    learner, subject = await academy.user(), await academy.course()
    due = datetime(2027, 1, 1, tzinfo=UTC)

    async with academy.work() as work:
        enrolled = await enrollment.enroll(work, user_id=learner.id, course_id=subject.id, due_at=due)

    assert academy.statements == 3
    assert enrolled.created
    made = enrolled.enrollment
    assert (made.user_id, made.course_id, made.status, made.progress) == (
        learner.id,
        subject.id,
        "active",
        0.0,
    )
    assert (made.due_at, made.completed_at, made.withdrawn_at, made.version) == (due, None, None, 1)


async def test_enrolling_again_finds_the_enrollment(academy: Academy) -> None:
    learner, subject = await academy.user(), await academy.course()
    first = await academy.enrollment(learner, subject)
    state = await academy.state()

    async with academy.work() as work:
        again = await enrollment.enroll(work, user_id=learner.id, course_id=subject.id)

    assert (again.created, again.enrollment) == (False, first)
    assert await academy.state() == state


async def test_twenty_enrollments_at_once_make_one(academy: Academy) -> None:
    learner, subject = await academy.user(), await academy.course()

    async def enroll() -> enrollment.Enrolled:
        async with academy.work() as work:
            return await enrollment.enroll(work, user_id=learner.id, course_id=subject.id)

    outcomes = await asyncio.gather(*(enroll() for _ in range(20)))

    assert len({outcome.enrollment.id for outcome in outcomes}) == 1
    assert sum(outcome.created for outcome in outcomes) == 1
    assert len(await academy.rows("enrollment")) == 1


@pytest.mark.parametrize("status", ["draft", "archived"])
async def test_only_a_published_course_accepts_enrollments(academy: Academy, status: str) -> None:
    learner, subject = await academy.user(), await academy.course(published=status != "draft")
    if status == "archived":
        async with academy.work() as work:
            await course.archive(work, subject.id)
    state = await academy.state()

    with pytest.raises(ValidationError) as caught:
        await academy.enrollment(learner, subject)

    assert caught.value.field == "courseId"
    assert await academy.state() == state


async def test_an_enrollment_and_an_archiving_at_once_keep_the_rule(academy: Academy) -> None:
    """Whichever comes first: never an enrollment made after the course was archived."""
    learner, subject = await academy.user(), await academy.course()
    locked, archived = asyncio.Event(), asyncio.Event()

    async def enroll() -> None:
        async with academy.work() as work:
            await enrollment.enroll(work, user_id=learner.id, course_id=subject.id)
            locked.set()
            # the archiving cannot come through while this is not committed
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await archived.wait()

    async def archive() -> None:
        await locked.wait()
        async with academy.work() as work:
            await course.archive(work, subject.id)
        archived.set()

    await asyncio.gather(enroll(), archive())

    assert len(await academy.rows("enrollment")) == 1


async def test_an_inactive_user_cannot_be_enrolled(academy: Academy) -> None:
    learner, subject = await academy.user(status="inactive"), await academy.course()

    with pytest.raises(ValidationError) as caught:
        await academy.enrollment(learner, subject)

    assert caught.value.field == "userId"


async def test_unknown_and_foreign_users_and_courses_are_not_found(academy: Academy, rival: Academy) -> None:
    learner, subject = await academy.user(), await academy.course()
    foreign_learner, foreign_subject = await rival.user(), await rival.course()
    state = await academy.state()

    for user_id, course_id in (
        (learner.id, new_id()),
        (new_id(), subject.id),
        (learner.id, foreign_subject.id),
        (foreign_learner.id, subject.id),
    ):
        with pytest.raises(NotFoundError):
            async with academy.work() as work:
                await enrollment.enroll(work, user_id=user_id, course_id=course_id)

    assert await academy.state() == state


async def test_a_time_without_a_zone_is_refused(academy: Academy) -> None:
    learner, subject = await academy.user(), await academy.course()
    naive = datetime(2027, 1, 1)  # noqa: DTZ001 - the case

    with pytest.raises(ValidationError) as caught:
        async with academy.work() as work:
            await enrollment.enroll(work, user_id=learner.id, course_id=subject.id, due_at=naive)

    assert caught.value.field == "dueAt"


async def test_who_withdrew_starts_anew(academy: Academy) -> None:
    learner, subject = await academy.user(), await academy.course()
    first = await academy.enrollment(learner, subject)
    async with academy.work() as work:
        withdrawn = await enrollment.unenroll(work, first.id)
    # the last: learning paths on which somebody waits for a seat
    assert academy.statements == 2

    second = await academy.enrollment(learner, subject)

    assert (withdrawn.status, withdrawn.version) == ("withdrawn", 2)
    assert withdrawn.withdrawn_at is not None
    assert second.id != first.id
    assert sorted(row["status"] for row in await academy.rows("enrollment")) == ["active", "withdrawn"]


async def test_withdrawing_twice_changes_nothing(academy: Academy) -> None:
    made = await academy.enrollment(await academy.user(), await academy.course())
    async with academy.work() as work:
        withdrawn = await enrollment.unenroll(work, made.id)
    state = await academy.state()

    async with academy.work() as work:
        assert await enrollment.unenroll(work, made.id) == withdrawn

    assert await academy.state() == state


async def test_a_completed_enrollment_stays(academy: Academy, rival: Academy) -> None:
    made = await academy.enrollment(await academy.user(), await academy.course())
    async with academy.work() as work:
        await completion.complete_many(work, [CompletionEntry(enrollment_id=made.id)])
    state = await academy.state()

    for tenant, id_, error in (
        (academy, made.id, ConflictError),
        (academy, new_id(), NotFoundError),
        (rival, made.id, NotFoundError),
    ):
        with pytest.raises(error):
            async with tenant.work() as work:
                await enrollment.unenroll(work, id_)

    assert await academy.state() == state


@pytest.mark.parametrize("size", [1, 30])
async def test_many_enrollments_cost_as_much_as_one(academy: Academy, size: int) -> None:
    subject = await academy.course()
    learners = [await academy.user() for _ in range(size)]
    at = datetime(2024, 10, 1, tzinfo=UTC)
    entries = [EnrollmentEntry(user_id=each.id, course_id=subject.id, enrolled_at=at) for each in learners]

    async with academy.work() as work:
        made = await enrollment.enroll_many(work, [*entries, entries[0]])
    assert academy.statements == 3
    async with academy.work() as work:
        withdrawals = [WithdrawalEntry(enrollment_id=each.id) for each in made[:-1]]
        assert await enrollment.unenroll_many(work, withdrawals) == size
    # the last: learning paths on which somebody waits for a seat
    assert academy.statements == 3

    assert [each.user_id for each in made] == [each.id for each in [*learners, learners[0]]]
    assert {each.enrolled_at for each in made} == {at}
    assert made[0] == made[-1]


async def test_a_withdrawal_in_the_future_is_refused(academy: Academy) -> None:
    made = await academy.enrollment(await academy.user(), await academy.course())
    entry = WithdrawalEntry(enrollment_id=made.id, withdrawn_at=clock.now() + timedelta(days=1))

    with pytest.raises(ValidationError):
        async with academy.work() as work:
            await enrollment.unenroll_many(work, [entry])


@pytest.mark.parametrize("who", ["learner", "instructor", "anonymous", "key"])
async def test_only_managers_enroll(academy: Academy, who: str) -> None:
    learner, subject = await academy.user(), await academy.course()
    made = await academy.enrollment(await academy.user(), subject)
    context, error = await _context(academy, who)
    state = await academy.state()
    entry = EnrollmentEntry(user_id=learner.id, course_id=subject.id)

    for call in (
        lambda work: enrollment.enroll(work, user_id=learner.id, course_id=subject.id),
        lambda work: enrollment.enroll_many(work, [entry]),
        lambda work: enrollment.unenroll(work, made.id),
        lambda work: enrollment.unenroll_many(work, [WithdrawalEntry(enrollment_id=made.id)]),
    ):
        with pytest.raises(error):
            async with academy.work(context) as work:
                await call(work)
        assert academy.statements == 0

    assert await academy.state() == state


async def _context(academy: Academy, who: str) -> tuple[TenantContext, type[HarkaError]]:
    if who == "anonymous":
        return academy.anonymous(), UnauthenticatedError
    if who == "key":
        return academy.key(*(set(Permission) - {Permission.ENROLLMENT_WRITE})), ForbiddenError
    return academy.acting(await academy.user(who)), ForbiddenError


async def test_learners_see_only_their_own(academy: Academy) -> None:
    me, other = await academy.user(), await academy.user()
    one, two = await academy.course(), await academy.course()
    mine = [await academy.enrollment(me, one), await academy.enrollment(me, two)]
    others = await academy.enrollment(other, one)

    async with academy.work(academy.acting(me), read_only=True) as work:
        assert set(await enrollment.find_many(work, [mine[0].id, others.id])) == {mine[0].id}
        assert await enrollment.list_page(work, after=None, first=9) == mine
        assert (
            await enrollment.list_page(work, EnrollmentFilter(course_id=one.id), after=None, first=9)
            == mine[:1]
        )
        assert await enrollment.list_page(work, EnrollmentFilter(user_id=other.id), after=None, first=9) == []
        assert await enrollment.count(work) == 2
        assert await enrollment.count(work, EnrollmentFilter(course_id=one.id)) == 1
        assert await enrollment.count(work, EnrollmentFilter(user_id=other.id)) == 0
        assert await enrollment.pages_by_user(work, [me.id, other.id], first=9) == {me.id: mine}
        assert await enrollment.pages_by_course(work, [one.id, two.id], first=9) == {
            one.id: mine[:1],
            two.id: mine[1:],
        }
        assert await enrollment.count_by_user(work, [me.id, other.id]) == {me.id: 2}
        assert await enrollment.count_by_course(work, [one.id, two.id]) == {one.id: 1, two.id: 1}


async def test_who_may_read_enrollments_sees_all(academy: Academy) -> None:
    one, two, empty = [await academy.course() for _ in range(3)]
    learners = [await academy.user() for _ in range(3)]
    in_one = [await academy.enrollment(each, one) for each in learners]
    in_two = [await academy.enrollment(learners[0], two)]
    reader = academy.acting(await academy.user("instructor"))

    async with academy.work(reader, read_only=True) as work:
        assert await enrollment.list_page(work, after=None, first=9) == in_one + in_two
        assert (
            await enrollment.list_page(work, EnrollmentFilter(status="withdrawn"), after=None, first=9) == []
        )
        of_user = await enrollment.list_page(
            work, EnrollmentFilter(user_id=learners[0].id), after=None, first=9
        )
        assert of_user == [in_one[0], *in_two]
        position = (in_one[0].created_at, in_one[0].id)
        assert await enrollment.list_page(
            work, EnrollmentFilter(course_id=one.id), after=position, first=1
        ) == [in_one[1]]
        assert await enrollment.count(work) == 4
        assert await enrollment.count(work, EnrollmentFilter(status="active", course_id=one.id)) == 3
        pages = await enrollment.pages_by_course(work, [one.id, two.id, empty.id], first=2)
        assert pages == {one.id: in_one[:2], two.id: in_two}
        pages = await enrollment.pages_by_user(work, [each.id for each in learners], first=1)
        assert pages == {each.user_id: [each] for each in in_one}
        assert await enrollment.count_by_course(work, [one.id, two.id, empty.id]) == {one.id: 3, two.id: 1}
        assert (await enrollment.count_by_user(work, [learners[0].id]))[learners[0].id] == 2


async def test_enrollments_are_not_for_the_anonymous_nor_for_keys_without_the_scope(
    academy: Academy,
) -> None:
    for context, error in (
        (academy.anonymous(), UnauthenticatedError),
        (academy.key(Permission.COURSE_READ), ForbiddenError),
    ):
        async with academy.work(context, read_only=True) as work:
            for call in (
                enrollment.find_many(work, []),
                enrollment.list_page(work, after=None, first=1),
                enrollment.count(work),
                enrollment.pages_by_course(work, [], first=1),
                enrollment.pages_by_user(work, [], first=1),
                enrollment.count_by_course(work, []),
                enrollment.count_by_user(work, []),
            ):
                with pytest.raises(error):
                    await call


async def test_nothing_is_found_in_another_tenant(academy: Academy, rival: Academy) -> None:
    learner, subject = await academy.user(), await academy.course()
    made = await academy.enrollment(learner, subject)

    async with rival.work(read_only=True) as work:
        assert await enrollment.find_many(work, [made.id]) == {}
        assert await enrollment.list_page(work, after=None, first=9) == []
        assert (
            await enrollment.list_page(work, EnrollmentFilter(user_id=learner.id), after=None, first=9) == []
        )
        assert await enrollment.pages_by_course(work, [subject.id], first=9) == {}
        assert await enrollment.count_by_user(work, [learner.id]) == {}
        assert await enrollment.count(work) == 0
