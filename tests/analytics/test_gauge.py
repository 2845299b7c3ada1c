import asyncio
from uuid import UUID

import pytest

from academy import Academy
from harka.analytics import usage
from harka.analytics.gauge import UsageGauge
from harka.ids import new_id
from harka.metrics import Metrics
from harka.queue.message import PLATFORM, USAGE_TOPIC
from harka.repositories.organization import Organization
from harka.runtime import Runtime
from harka.tenancy.plan import Plan


def told(tenant: UUID, active: int, storage: int) -> dict[str, object]:
    return {"tenant": str(tenant), "activeUsers": active, "totalUsers": 9, "storageBytes": storage}


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(tenants=1)


@pytest.fixture
def gauge(metrics: Metrics, runtime: Runtime) -> UsageGauge:
    return UsageGauge(metrics, runtime.directory)


async def test_tenants_beyond_the_labels_are_summed_by_plan(
    metrics: Metrics, gauge: UsageGauge, make_tenant: object
) -> None:
    busy, *others = [await make_tenant(plan=plan) for plan in (Plan.GROWTH, Plan.STARTER, Plan.STARTER)]  # type: ignore[operator] # a fixture's function
    metrics.observe_request(tenant=busy.id, operation="q", route="/graphql", status=200, seconds=0.1)

    for number, tenant in enumerate((busy, *others), 1):
        gauge.hear(told(tenant.id, number, 100 * number))
    gauge.refresh()

    page = metrics.exposition().decode()
    assert f'tenant_active_users{{plan="GROWTH",tenant_id="{busy.id}"}} 1.0' in page
    assert f'tenant_storage_bytes{{tenant_id="{busy.id}"}} 100.0' in page
    assert 'tenant_active_users{plan="STARTER",tenant_id="other"} 5.0' in page
    assert 'tenant_storage_bytes{tenant_id="other"} 500.0' in page


async def test_while_labels_are_free_everybody_has_one(runtime: Runtime, make_tenant: object) -> None:
    metrics = Metrics(tenants=3)
    gauge = UsageGauge(metrics, runtime.directory)
    busy, *others = [await make_tenant(plan=Plan.STARTER) for _ in range(4)]  # type: ignore[operator] # a fixture's function
    metrics.observe_request(tenant=busy.id, operation="q", route="/graphql", status=200, seconds=0.1)
    for tenant in (*others, busy):
        gauge.hear(told(tenant.id, 1, 1))
    gauge.refresh()

    page = metrics.exposition().decode()
    for tenant in (busy, *others[:2]):
        assert f'tenant_active_users{{plan="STARTER",tenant_id="{tenant.id}"}} 1.0' in page
    assert 'tenant_active_users{plan="STARTER",tenant_id="other"} 1.0' in page
    assert str(others[2].id) not in page


@pytest.mark.parametrize("payload", [{}, {"tenant": "x"}, None, told(new_id(), 1, 1)])
async def test_what_is_garbled_or_of_nobody_is_ignored(
    metrics: Metrics, gauge: UsageGauge, payload: object
) -> None:
    gauge.hear(payload)
    gauge.refresh()

    assert "tenant_active_users{" not in metrics.exposition().decode()


async def test_announcements_reach_the_gauges(
    metrics: Metrics, gauge: UsageGauge, runtime: Runtime, academy: Academy, make_tenant: object
) -> None:
    organization: Organization = await make_tenant()  # type: ignore[operator] # a fixture's function
    academy.organization = organization
    following = asyncio.create_task(gauge.run(runtime.pubsub, period=0.01))
    async with asyncio.timeout(20):
        while "tenant_storage_bytes{" not in metrics.exposition().decode():
            await runtime.pubsub.publish(PLATFORM, USAGE_TOPIC, told(organization.id, 1, 2))
            await asyncio.sleep(0.01)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    assert usage.ACTIVE_DAYS == 30
