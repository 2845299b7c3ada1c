import pytest

from harka import clock
from harka.repositories import entitlement as entitlements
from harka.repositories import organization as organizations
from harka.repositories.entitlement import Change
from harka.repositories.organization import Granted
from harka.storage.catalog import Catalog
from harka.storage.failure import UniqueError
from registry import AddOrganization


async def test_a_version_is_replaced_once(catalog: Catalog, add_organization: AddOrganization) -> None:
    ours, other = await add_organization(), await add_organization()
    assert await entitlements.put(catalog, ours.id, {"users": 3}, shadow=False, version=1) is None
    assert await entitlements.put(catalog, ours.id, {"users": 3}, shadow=False, version=0) == 1
    assert await entitlements.put(catalog, ours.id, {"users": 4}, shadow=False, version=0) is None
    assert await entitlements.put(catalog, ours.id, {"users": None}, shadow=True, version=1) == 2
    found = {each.id: each.granted for each in await organizations.find_by_ids(catalog, [ours.id, other.id])}
    assert found == {ours.id: Granted({"users": None}, shadow=True, version=2), other.id: None}


async def test_a_plan_that_stays_leaves_the_organization_as_it_is(
    catalog: Catalog, add_organization: AddOrganization
) -> None:
    made = await add_organization()
    await entitlements.set_plan(catalog, made.id, made.plan, made.features)
    assert await organizations.find_by_slug(catalog, made.slug) == made
    await entitlements.set_plan(catalog, made.id, "STARTER", {"sso": True})
    found = await organizations.find_by_slug(catalog, made.slug)
    assert found is not None
    assert (found.plan, found.features, found.version) == ("STARTER", {"sso": True}, made.version + 1)


async def test_history_is_added_to_alone(catalog: Catalog, add_organization: AddOrganization) -> None:
    made = await add_organization()
    change = Change(
        version=1,
        plan="GROWTH",
        limits={"users": None},
        features={"sso": True},
        shadow=False,
        actor="Łukasz",
        reason="",
        changed_at=clock.now(),
    )
    await entitlements.note(catalog, made.id, change)
    with pytest.raises(UniqueError):
        await entitlements.note(catalog, made.id, change)
    (found,) = await entitlements.history(catalog, made.id, first=5)
    assert (found.limits, found.features, found.actor) == ({"users": None}, {"sso": True}, "Łukasz")
