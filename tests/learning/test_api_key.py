from datetime import timedelta

import msgspec
import pytest

from doors import MakeTenant
from harka import clock
from harka.errors import FeatureNotInPlanError, ForbiddenError, PlanLimitError, UnauthenticatedError
from harka.learning import api_key
from harka.learning.api_key import ApiKeyDraft, ApiKeyState, state_of
from harka.learning.work import unit_of_work
from harka.repositories import api_key as keys
from harka.repositories.organization import Organization
from harka.runtime import Runtime
from harka.tenancy.context import ANONYMOUS, Actor, ActorKind, TenantContext, operator_context
from harka.tenancy.permission import EVERY_PERMISSION, Permission

DRAFT = ApiKeyDraft(name="ci", scopes=["course:read"])


async def create(runtime: Runtime, context: TenantContext) -> api_key.Made:
    parts = runtime.databases, runtime.cache, runtime.pubsub
    async with unit_of_work(*parts, context, read_only=False, timeout=20.0, outside=runtime.outside) as work:
        return await api_key.create(work, DRAFT)


def acting(organization: Organization, *permissions: Permission) -> TenantContext:
    return TenantContext(
        organization=organization, actor=Actor(ActorKind.API_KEY), permissions=frozenset(permissions)
    )


async def test_without_the_feature_no_key_is_made(runtime: Runtime, make_tenant: MakeTenant) -> None:
    tenant = msgspec.structs.replace(await make_tenant(), features={"api_access": False})
    with pytest.raises(FeatureNotInPlanError) as refused:
        await create(runtime, operator_context(tenant))
    assert refused.value.extensions() == {
        "code": "FEATURE_NOT_IN_PLAN",
        "feature": "apiAccess",
        "plan": None,
    }
    assert await keys.count(runtime.catalog, tenant.id) == 0


async def test_there_are_only_so_many_live_keys(
    runtime: Runtime, make_tenant: MakeTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = await make_tenant()
    monkeypatch.setattr(keys, "MOST_LIVE", 2)
    first = await create(runtime, operator_context(tenant))
    await create(runtime, operator_context(tenant))
    with pytest.raises(PlanLimitError):
        await create(runtime, operator_context(tenant))
    await keys.revoke_by_id(runtime.catalog, tenant.id, first.key.id, None)
    assert first.text not in repr(await create(runtime, operator_context(tenant)))


async def test_the_rule_asks_for_the_permissions_itself(runtime: Runtime, make_tenant: MakeTenant) -> None:
    tenant = await make_tenant()
    others = EVERY_PERMISSION - {Permission.ORGANIZATION_WRITE}
    for context in (acting(tenant, *others), acting(tenant, Permission.ORGANIZATION_WRITE)):
        with pytest.raises(ForbiddenError):
            await create(runtime, context)
    with pytest.raises(UnauthenticatedError):
        await create(runtime, TenantContext(organization=tenant, actor=ANONYMOUS))
    assert await keys.count(runtime.catalog, tenant.id) == 0


async def test_a_key_is_live_until_it_ends_or_is_revoked(runtime: Runtime, make_tenant: MakeTenant) -> None:
    key = (await create(runtime, operator_context(await make_tenant()))).key
    past = clock.now() - timedelta(seconds=1)
    assert state_of(key) is ApiKeyState.LIVE
    assert state_of(msgspec.structs.replace(key, expires_at=past)) is ApiKeyState.EXPIRED
    assert state_of(msgspec.structs.replace(key, revoked_at=past)) is ApiKeyState.REVOKED
