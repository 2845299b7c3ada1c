import msgspec
import pytest

from academy import Academy
from harka import clock
from harka.analytics import quota, usage
from harka.analytics.quota import Quota, QuotaState
from harka.errors import ForbiddenError, QueueLimitError
from harka.queue.enqueue import enqueue, require_room
from harka.repositories.organization import Granted
from harka.repositories.request_usage import RequestUsage
from harka.tenancy.context import operator_context
from harka.tenancy.permission import Permission
from harka.tenancy.plan import Plan, Resource

NOTHING = RequestUsage(0, clock.now())


async def test_what_is_used_stands_beside_what_may_be(academy: Academy) -> None:
    granted = Granted({"users": 1, "requests_per_month": 100, "grace": 0.5}, shadow=True, version=1)
    organization = msgspec.structs.replace(academy.organization, granted=granted)
    await academy.user()
    await academy.user(status="inactive")
    async with academy.work(operator_context(organization)) as work:
        await usage.measure(work)
    async with academy.work(operator_context(organization), read_only=True) as work:
        found = await quota.read(work, RequestUsage(120, clock.now()))
    assert academy.statements == 3
    assert (found.plan, found.shadow) == ("GROWTH", True)
    told = {each.resource: each for each in found.limits}
    users, requests = told[Resource.USERS], told[Resource.REQUESTS_PER_MONTH]
    assert (users.used, users.soft, users.limit, users.resets_at) == (1, 1, 1, None)
    assert users.state == QuotaState.EXHAUSTED
    assert (requests.used, requests.soft, requests.grace, requests.limit) == (120, 100, 50, 150)
    assert requests.state == QuotaState.GRACE
    assert requests.resets_at is not None
    assert requests.resets_at > found.as_of
    assert 0 < told[Resource.STORAGE].used < told[Resource.STORAGE].soft
    assert found.after(Plan.STARTER).excess == (), "what was granted stays"


@pytest.mark.parametrize(
    ("used", "state"),
    [(0, QuotaState.WITHIN), (9, QuotaState.WITHIN), (10, QuotaState.GRACE), (12, QuotaState.EXHAUSTED)],
)
def test_a_limit_stands_by_what_is_used(used: float, state: QuotaState) -> None:
    assert Quota(Resource.BANDWIDTH, used, 10, 12).state == state
    assert Quota(Resource.BANDWIDTH, used, None, None).state == QuotaState.WITHIN


async def test_jobs_that_wait_count_up_to_their_limit(academy: Academy, rival: Academy) -> None:
    granted = Granted({"queued_jobs": 3, "cache_bytes": 500}, shadow=False, version=1)
    academy.organization = msgspec.structs.replace(academy.organization, granted=granted)
    async with rival.work() as work:
        await enqueue(work.session, "test", {})
    for count, state in ((2, QuotaState.WITHIN), (3, QuotaState.EXHAUSTED), (3, QuotaState.EXHAUSTED)):
        async with academy.work() as work:
            for _ in range(2 if count == 2 else 1):
                await enqueue(work.session, "test", {})
        context = operator_context(academy.organization)
        async with academy.work(context, read_only=True) as work:
            found = await quota.read(work, NOTHING, cached=400)
        told = {each.resource: each for each in found.limits}
        queued = told[Resource.QUEUED_JOBS]
        assert (queued.used, queued.soft, queued.limit, queued.state) == (count, 3, 3, state)
        assert (told[Resource.CACHE].used, told[Resource.CACHE].limit) == (400, 500)
    async with academy.work() as work:
        with pytest.raises(QueueLimitError) as caught:
            await require_room(work.session, 1, most=3)
    told_of = caught.value.extensions()
    assert told_of == {
        "code": "QUEUE_LIMIT_EXCEEDED",
        "resource": Resource.QUEUED_JOBS.upper(),
        "limit": 3,
        "used": 3,
    }
    assert caught.value.message.startswith("3 jobs may wait")


async def test_only_who_reads_the_figures_is_told(academy: Academy) -> None:
    async with academy.work(academy.key(Permission.ORGANIZATION_READ), read_only=True) as work:
        with pytest.raises(ForbiddenError):
            await quota.read(work, NOTHING)
        assert work.session.statements == 0
