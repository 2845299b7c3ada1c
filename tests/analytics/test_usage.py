import pytest

from academy import Academy
from harka.analytics import usage
from harka.errors import ForbiddenError, UnauthenticatedError
from harka.learning import progress
from harka.queue.message import PLATFORM, USAGE_TOPIC
from harka.tenancy.permission import Permission


async def test_usage_counts_people_and_bytes_of_the_tenant_alone(academy: Academy, rival: Academy) -> None:
    subject, (active, _) = await academy.course(), [await academy.user() for _ in range(2)]
    made = await academy.enrollment(active, subject)
    async with academy.work() as work:
        lesson = (await academy.lessons(subject))[0]
        await progress.record(work, enrollment_id=made.id, lesson_id=lesson.id, fraction=1)

    async with academy.work() as work:
        measured = await usage.measure(work)
    assert academy.statements == 1
    async with rival.work() as work:
        nothing = await usage.measure(work)

    assert (measured.active_users, measured.total_users) == (1, 2)
    assert 500 < measured.storage_bytes < 5000
    assert (nothing.active_users, nothing.total_users, nothing.storage_bytes) == (0, 0, 0)


async def test_a_day_has_one_row_with_its_last_measurement(academy: Academy) -> None:
    async with academy.work(read_only=True) as work:
        assert await usage.latest(work) is None
    await academy.user()
    async with academy.work() as work:
        await usage.measure(work)
    await academy.user()
    async with academy.work() as work:
        measured = await usage.measure(work)

    async with academy.work(read_only=True) as work:
        assert await usage.latest(work) == measured
    assert measured.total_users == 2
    assert len(await academy.rows("usage")) == 1


async def test_a_measurement_is_announced_to_every_process(academy: Academy) -> None:
    await academy.user()

    async with academy.parts.pubsub.subscribe(PLATFORM, USAGE_TOPIC) as announcements:
        async with academy.work() as work:
            measured = await usage.measure(work)
        heard = (await anext(announcements)).payload

    assert heard == {
        "tenant": str(academy.organization.id),
        "activeUsers": 0,
        "totalUsers": 1,
        "storageBytes": measured.storage_bytes,
    }


async def test_usage_is_for_who_may_read_the_organization(academy: Academy) -> None:
    for context, error in (
        (academy.anonymous(), UnauthenticatedError),
        (academy.key(Permission.COURSE_READ), ForbiddenError),
    ):
        for call in (usage.measure, usage.latest):
            with pytest.raises(error):
                async with academy.work(context) as work:
                    await call(work)

    assert await academy.rows("usage") == []
