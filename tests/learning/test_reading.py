from datetime import timedelta

from academy import Academy
from harka import clock
from harka.learning import enrollment
from harka.learning.enrollment import EnrollmentChanges
from harka.learning.reading import readable
from harka.tenancy.permission import Permission


async def test_lessons_are_read_by_who_takes_them_and_by_authors(academy: Academy) -> None:
    course, other = await academy.course(), await academy.course()
    learner = await academy.user()
    await academy.enrollment(learner, course)
    own, others = await academy.lessons(course), await academy.lessons(other)
    ids = [each.id for each in (*own, *others)]
    for context, expected in (
        (academy.acting(learner), {each.id for each in own}),
        (academy.acting(await academy.user("manager")), set(ids)),
        (academy.key(Permission.COURSE_READ), set()),
    ):
        async with academy.work(context, read_only=True) as work:
            assert set(await readable(work, ids)) == expected
            assert not await readable(work, [])


async def test_nothing_is_read_once_access_has_ended(academy: Academy) -> None:
    course, learner = await academy.course(), await academy.user()
    taken, ids = (
        await academy.enrollment(learner, course),
        [each.id for each in await academy.lessons(course)],
    )
    for shift, expected in ((timedelta(minutes=-1), []), (timedelta(days=1), ids)):
        async with academy.work() as work:
            await enrollment.update(work, taken.id, EnrollmentChanges(expires_at=clock.now() + shift))
        async with academy.work(academy.acting(learner), read_only=True) as work:
            assert sorted(await readable(work, ids)) == sorted(expected)
