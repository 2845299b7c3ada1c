import asyncio

import pytest

from harka.errors import ConflictError, DowngradeError, ValidationError
from harka.repositories import entitlement as entitlements
from harka.repositories.dependent import Dependent
from harka.repositories.organization import Organization
from harka.storage.catalog import Catalog
from harka.tenancy.entitlement import features_for, is_shadow, limits_for
from harka.tenancy.entitling import InUse, Wanted, change, plan_change
from harka.tenancy.plan import LIMITS, Plan, Resource
from harka.tenancy.provisioning import get_by_slug
from tenancy.samples import organization


async def test_every_change_has_a_version_and_is_written_down(catalog: Catalog, tenant: Organization) -> None:
    first = await change(
        catalog,
        tenant,
        Wanted(limits={"users": 5, "bandwidth_bytes": None}, features={"sso": True}),
        actor="ada",
        reason="a pilot",
    )
    second = await change(
        catalog, first, Wanted(plan=Plan.GROWTH, shadow=True, clear=("users", "sso")), actor="grace"
    )
    read = await get_by_slug(catalog, tenant.slug)
    assert (read.plan, read.granted) == ("GROWTH", second.granted)
    assert (limits_for(read).users, limits_for(read).bandwidth_bytes) == (LIMITS[Plan.GROWTH].users, None)
    assert is_shadow(read)
    assert features_for(read).sso, "the plan's own by now"

    newest, oldest = await entitlements.history(catalog, tenant.id, first=10)
    assert (oldest.version, oldest.actor, oldest.reason, oldest.plan) == (1, "ada", "a pilot", "STARTER")
    assert (oldest.limits, oldest.features) == ({"users": 5, "bandwidth_bytes": None}, {"sso": True})
    assert (newest.version, newest.actor, newest.plan, newest.shadow) == (2, "grace", "GROWTH", True)
    assert (newest.limits, newest.features) == ({"bandwidth_bytes": None}, {})


async def test_of_two_at_once_one_is_told(catalog: Catalog, tenant: Organization) -> None:
    outcomes = await asyncio.gather(
        *(change(catalog, tenant, Wanted(limits={"users": n}), actor="ada") for n in (1, 2, 3)),
        return_exceptions=True,
    )
    assert sorted(type(each).__name__ for each in outcomes) == ["ConflictError"] * 2 + ["Organization"]
    assert len(await entitlements.history(catalog, tenant.id, first=10)) == 1
    with pytest.raises(ConflictError):
        await change(catalog, tenant, Wanted(plan=Plan.ENTERPRISE), actor="ada")
    assert (await get_by_slug(catalog, tenant.slug)).plan == "STARTER"


async def test_what_cannot_be_is_refused_whole(catalog: Catalog, tenant: Organization) -> None:
    for wanted, actor, reason in (
        (Wanted(limits={"users": 5, "burst": 0}), "ada", ""),
        (Wanted(features={"teleport": True}), "ada", ""),
        (Wanted(clear=("users",)), "ada", ""),
        (Wanted(shadow=True), "", ""),
        (Wanted(shadow=True), "ada", "\0"),
        (Wanted(shadow=True), "ada", "x" * 501),
    ):
        with pytest.raises(ValidationError):
            await change(catalog, tenant, wanted, actor=actor, reason=reason)
    with pytest.raises(ValidationError, match="no limit or feature of this name"):
        await change(catalog, tenant, Wanted(clear=("teleport",)), actor="ada")
    assert await entitlements.history(catalog, tenant.id, first=1) == []
    assert await get_by_slug(catalog, tenant.slug) == tenant


async def test_a_downgrade_lists_what_must_go(catalog: Catalog, tenant: Organization) -> None:
    used = InUse({Resource.USERS: 120.0, Resource.STORAGE: 1.0})
    with pytest.raises(DowngradeError) as refused:
        await change(catalog, tenant, Wanted(limits={"users": 90}), actor="ada", used=used)
    assert refused.value.extensions() == {
        "code": "DOWNGRADE_EXCEEDS_LIMITS",
        "excess": [{"resource": Resource.USERS, "used": 120.0, "limit": 90, "over": 30.0}],
        "dependents": [],
    }
    assert (await get_by_slug(catalog, tenant.slug)).granted is None
    changed = await change(catalog, tenant, Wanted(limits={"users": 90}), actor="ada", used=used, force=True)
    assert limits_for(changed).users == 90
    await change(catalog, changed, Wanted(limits={"users": 80}), actor="ada", force=True)
    unknown, known = await entitlements.history(catalog, tenant.id, first=2)
    assert known.forced == {
        "measured": True,
        "excess": [{"resource": "users", "used": 120.0, "limit": 90}],
        "dependents": [],
    }
    assert unknown.forced == {"measured": False, "excess": [], "dependents": []}


async def test_a_limit_where_there_was_none_lists_what_must_go(
    catalog: Catalog, tenant: Organization
) -> None:
    large = await change(catalog, tenant, Wanted(plan=Plan.ENTERPRISE), actor="ada")
    used = InUse({Resource.USERS: 120.0, Resource.REQUESTS_PER_MONTH: 99.0})
    with pytest.raises(DowngradeError) as refused:
        await change(catalog, large, Wanted(plan=Plan.STARTER), actor="ada", used=used)
    assert [each["resource"] for each in refused.value.extensions()["excess"]] == [Resource.USERS]
    assert [each.resource for each in plan_change(large, Plan.STARTER, used.amounts).excess] == [
        Resource.USERS
    ]


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(plan=Plan.GROWTH),
        Wanted(features={"sso": True}),
        Wanted(clear=("users",)),
        Wanted(limits={"users": 90, "sockets": 1}),
        Wanted(limits={"grace": 0.2}),
    ],
    ids=["a larger plan", "a feature", "the plan's own again", "more", "another limit"],
)
async def test_who_is_beyond_a_limit_is_refused_nothing_that_does_not_lower_it(
    catalog: Catalog, tenant: Organization, wanted: Wanted
) -> None:
    """They came to be by force, or while it was only counted: a larger plan was refused them all the same."""
    tight = {"users": 50, "requests_per_month": 60}
    before = await change(catalog, tenant, Wanted(limits=tight), actor="ada")
    used = InUse({Resource.USERS: 120.0, Resource.REQUESTS_PER_MONTH: 99.0})
    await change(catalog, before, wanted, actor="ada", used=used)
    told = plan_change(before, Plan.ENTERPRISE, used.amounts)
    assert told.excess == ()


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(plan=Plan.STARTER),
        Wanted(features={"custom_branding": False}),
        Wanted(clear=("custom_branding",), plan=Plan.STARTER),
    ],
)
async def test_who_loses_a_feature_is_told_what_hangs_on_it(
    catalog: Catalog, tenant: Organization, wanted: Wanted
) -> None:
    granted = {"sso": True, "custom_branding": True}
    before = await change(catalog, tenant, Wanted(plan=Plan.GROWTH, features=granted), actor="ada")
    if not wanted.clear:
        before = await change(catalog, before, Wanted(clear=("custom_branding",)), actor="ada")
    domain = Dependent("custom_branding", "domain", "learn.example.com")
    used = InUse({}, [domain, Dependent("sso", "sso_connection", "Entra")])
    with pytest.raises(DowngradeError, match=r": 1 domain without customBranding\.$") as refused:
        await change(catalog, before, wanted, actor="ada", used=used)
    assert refused.value.extensions() == {
        "code": "DOWNGRADE_EXCEEDS_LIMITS",
        "excess": [],
        "dependents": [{"feature": "customBranding", "kind": "domain", "name": "learn.example.com"}],
    }
    assert features_for(await get_by_slug(catalog, tenant.slug)).custom_branding
    forced = await change(catalog, before, wanted, actor="ada", used=used, force=True)
    assert not features_for(forced).custom_branding
    newest, earlier = await entitlements.history(catalog, tenant.id, first=2)
    assert (newest.forced, earlier.forced) == (
        {"measured": True, **{name: refused.value.extensions()[name] for name in ("excess", "dependents")}},
        None,
    )
    again = await change(catalog, forced, Wanted(limits={"users": 9}), actor="ada", used=used)
    assert limits_for(again).users == 9, "what was lost before stands in nobody's way"


def test_another_plan_is_told_before() -> None:
    acme = organization(plan="GROWTH", features={"sso": True, "custom_ai": True})
    told = plan_change(acme, Plan.STARTER, {Resource.USERS: 101, Resource.STORAGE: 11 * 2**30})
    assert [(each.resource, each.over) for each in told.excess] == [("users", 1), ("storage", 2**30)]
    assert told.lost_features == ("customBranding",), "the others are its own"
    larger = plan_change(acme, Plan.ENTERPRISE, {Resource.USERS: 10_000})
    assert (larger.excess, larger.lost_features) == ((), ())
