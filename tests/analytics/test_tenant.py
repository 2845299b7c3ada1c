import pytest

from academy import Academy
from harka import clock
from harka.analytics import tenant, usage
from harka.analytics.tenant import TenantAnalytics
from harka.errors import ForbiddenError
from harka.learning import progress
from harka.repositories.request_usage import RequestUsage
from harka.tenancy.permission import Permission


async def read(academy: Academy, requests: int = 0) -> TenantAnalytics:
    async with academy.work(read_only=True) as work:
        return await tenant.read(work, RequestUsage(requests, clock.now()))


async def test_figures_follow_what_people_do(academy: Academy, rival: Academy) -> None:
    subject = await academy.course(weights=(1, 1))
    fast, slow = [await academy.enrollment(await academy.user(), subject) for _ in range(2)]
    await academy.user(status="inactive")
    first, second = await academy.lessons(subject)
    async with academy.work() as work:
        for lesson in (first, second):
            await progress.record(work, enrollment_id=fast.id, lesson_id=lesson.id, fraction=1)
        await progress.record(work, enrollment_id=slow.id, lesson_id=first.id, fraction=0.5)
        await usage.measure(work)

    found = await read(academy, requests=7)
    assert academy.statements == 3
    metrics = found.metrics
    assert found.tenant_id == academy.organization.id
    assert (metrics.active_users, metrics.total_users, metrics.courses_completed) == (2, 3, 1)
    assert metrics.average_progress == (1 + 0.25) / 2
    assert metrics.api_usage.requests == 7
    assert 0 < metrics.storage.used < metrics.storage.limit
    assert metrics.storage.as_of is not None
    assert (await read(rival)).metrics.total_users == 0


async def test_nothing_is_nought(academy: Academy) -> None:
    metrics = (await read(academy)).metrics
    assert (metrics.average_progress, metrics.storage.used, metrics.storage.as_of) == (0.0, 0, None)


async def test_only_who_may_reads_them(academy: Academy) -> None:
    requests = RequestUsage(0, clock.now())
    manager, instructor = await academy.user("manager"), await academy.user("instructor")
    for allowed in (academy.acting(manager), academy.key(Permission.ANALYTICS_READ)):
        async with academy.work(allowed, read_only=True) as work:
            assert (await tenant.read(work, requests)).metrics.total_users == 2
    for refused in (academy.acting(instructor), academy.key(Permission.USER_READ)):
        async with academy.work(refused, read_only=True) as work:
            with pytest.raises(ForbiddenError):
                await tenant.read(work, requests)
