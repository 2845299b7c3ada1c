import pytest

from academy import Academy
from harka.errors import ConflictError, ForbiddenError, NotFoundError, ValidationError
from harka.ids import new_id
from harka.learning import (
    enrollment,
    group,
    group_manager,
    group_member,
    path,
    path_enrollment,
    progress,
)
from harka.learning.path import PathDraft
from harka.learning.path_enrollment import PathEnrolled
from harka.repositories.course import Course
from harka.repositories.path import LearningPath
from harka.repositories.path_enrollment_list import PathEnrollmentFilter
from harka.repositories.user import User


async def published(
    academy: Academy, *of: Course, sequential: bool = True, required: int | None = None
) -> LearningPath:
    ids = [each.id for each in of]
    draft = PathDraft(title="Way", course_ids=ids, is_sequential=sequential, required_count=required)
    async with academy.work() as work:
        return await path.publish(work, (await path.create(work, draft)).id)


async def put(academy: Academy, person: User, way: LearningPath) -> PathEnrolled:
    async with academy.work() as work:
        return await path_enrollment.enroll(work, path_id=way.id, user_id=person.id)


async def taken(academy: Academy, person: User) -> set[str]:
    """The courses that somebody takes."""
    return {
        row["course_id"]
        for row in await academy.rows("enrollment")
        if row["user_id"] == str(person.id) and row["status"] != "withdrawn"
    }


async def test_a_path_opens_its_first_course_or_all(academy: Academy) -> None:
    one, two = await academy.course(), await academy.course()
    first, second = await academy.user(), await academy.user()
    ordered = await put(academy, first, await published(academy, two, one))
    assert (ordered.created, ordered.opened, ordered.enrollment.status) == (True, 1, "active")
    assert await taken(academy, first) == {str(two.id)}
    free = await put(academy, second, await published(academy, one, two, sequential=False))
    assert free.opened == 2
    assert await taken(academy, second) == {str(one.id), str(two.id)}


async def test_twice_is_once_and_asks_for_what_was_full_again(academy: Academy) -> None:
    full = await academy.course(seats=1)
    seated, waiting = await academy.user(), await academy.user()
    taken_seat = await academy.enrollment(seated, full)
    way = await published(academy, full)
    before = await put(academy, waiting, way)
    assert (before.created, before.opened) == (True, 0)
    async with academy.work() as work:
        await enrollment.unenroll(work, taken_seat.id)
    after = await put(academy, waiting, way)
    assert (after.created, after.opened) == (False, 1)
    assert after.enrollment == before.enrollment
    assert await taken(academy, waiting) == {str(full.id)}


async def test_what_was_completed_before_counts(academy: Academy) -> None:
    one, two = await academy.course(weights=(1,)), await academy.course()
    person = await academy.user()
    done = await academy.enrollment(person, one)
    (only,) = await academy.lessons(one)
    async with academy.work() as work:
        await progress.record(work, enrollment_id=done.id, lesson_id=only.id, fraction=1)
    half = await put(academy, person, await published(academy, one, two))
    assert (half.enrollment.progress, half.opened) == (0.5, 1)
    assert await taken(academy, person) == {str(one.id), str(two.id)}
    whole = await put(academy, person, await published(academy, one, two, required=1))
    assert (whole.enrollment.status, whole.enrollment.progress, whole.opened) == ("completed", 1, 0)
    # what is written in one transaction is not changed or done before it was made
    for each in (half.enrollment, whole.enrollment):
        assert each.created_at <= each.updated_at
        assert each.completed_at is None or each.created_at <= each.completed_at
    with pytest.raises(ConflictError):
        async with academy.work() as work:
            await path_enrollment.withdraw(work, whole.enrollment.id)


async def test_who_is_taken_off_stays_in_the_courses_and_may_begin_again(academy: Academy) -> None:
    of, person = await academy.course(), await academy.user()
    way = await published(academy, of)
    first = (await put(academy, person, way)).enrollment
    async with academy.work() as work:
        withdrawn = await path_enrollment.withdraw(work, first.id)
        assert await path_enrollment.withdraw(work, first.id) == withdrawn
    assert (withdrawn.status, withdrawn.version) == ("withdrawn", 2)
    assert await taken(academy, person) == {str(of.id)}
    again = await put(academy, person, way)
    assert again.created
    assert again.enrollment.id != first.id


async def test_nobody_is_put_where_they_cannot_be(academy: Academy, rival: Academy) -> None:
    person, gone = await academy.user(), await academy.user(status="inactive")
    way = await published(academy, await academy.course())
    async with academy.work() as work:
        draft = await path.create(work, PathDraft(title="Draft"))
    foreign_way, stranger = await published(rival, await rival.course()), await rival.user()
    before = await academy.state()
    for path_id, user_id, error, field in (
        (draft.id, person.id, ValidationError, "learningPathId"),
        (way.id, gone.id, ValidationError, "userId"),
        (new_id(), person.id, NotFoundError, "learningPathId"),
        (foreign_way.id, person.id, NotFoundError, "learningPathId"),
        (way.id, stranger.id, NotFoundError, "userId"),
    ):
        with pytest.raises(error) as refused:
            async with academy.work() as work:
                await path_enrollment.enroll(work, path_id=path_id, user_id=user_id)
        assert getattr(refused.value, "field", None) == field
    assert await academy.state() == before


async def test_learners_see_their_own_and_change_nothing(academy: Academy) -> None:
    one, other = await academy.user(), await academy.user()
    way = await published(academy, await academy.course())
    own, theirs = [(await put(academy, person, way)).enrollment for person in (one, other)]
    before = await academy.state()
    async with academy.work(academy.acting(one)) as work:
        assert list(await path_enrollment.find_many(work, [own.id, theirs.id])) == [own.id]
        assert [each.id for each in await path_enrollment.list_page(work, after=None, first=9)] == [own.id]
        asked = PathEnrollmentFilter(user_id=other.id, path_id=way.id)
        assert await path_enrollment.list_page(work, asked, after=None, first=9) == []
        assert (await path_enrollment.count(work), await path_enrollment.count(work, asked)) == (1, 0)
        with pytest.raises(ForbiddenError):
            await path_enrollment.enroll(work, path_id=way.id, user_id=one.id)
        with pytest.raises(ForbiddenError):
            await path_enrollment.withdraw(work, own.id)
    async with academy.work() as work:
        here = PathEnrollmentFilter(path_id=way.id, status="active")
        assert await path_enrollment.count(work, here) == 2
        assert len(await path_enrollment.list_page(work, here, after=None, first=9)) == 2
    assert await academy.state() == before


async def test_a_manager_of_groups_reaches_the_people_of_these(academy: Academy) -> None:
    manager, inside, outside = await academy.user("manager"), await academy.user(), await academy.user()
    way = await published(academy, await academy.course())
    async with academy.work() as work:
        team = await group.create(work, name="Team")
        await group_member.add(work, team.id, [inside.id])
        await group_manager.assign(work, team.id, manager.id)
    beyond = (await put(academy, outside, way)).enrollment
    async with academy.work(academy.managing(manager)) as work:
        own = (await path_enrollment.enroll(work, path_id=way.id, user_id=inside.id)).enrollment
        with pytest.raises(NotFoundError):
            await path_enrollment.enroll(work, path_id=way.id, user_id=outside.id)
        with pytest.raises(NotFoundError):
            await path_enrollment.withdraw(work, beyond.id)
        assert list(await path_enrollment.find_many(work, [own.id, beyond.id])) == [own.id]
        for asked, ids in (({}, [own.id]), ({"user_id": inside.id}, [own.id]), ({"user_id": outside.id}, [])):
            only = PathEnrollmentFilter(path_id=way.id, **asked)
            listed = await path_enrollment.list_page(work, only, after=None, first=9)
            assert [each.id for each in listed] == ids
            assert await path_enrollment.count(work, only) == len(ids)
        assert (await path_enrollment.withdraw(work, own.id)).status == "withdrawn"
