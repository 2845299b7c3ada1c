import asyncio
from typing import Any

import asyncpg
import msgspec
import pytest

from harka.config import Settings
from harka.crypto.keyring import Keyring
from harka.crypto.signing import Algorithm
from harka.errors import (
    ConflictError,
    FeatureNotInPlanError,
    NotFoundError,
    UnavailableError,
    ValidationError,
)
from harka.fastpath import MEDIUM_SHARDS
from harka.ids import new_id
from harka.repositories import domain as domains
from harka.repositories import organization as organizations
from harka.repositories import placement as placements
from harka.repositories import signing_key as signing_keys
from harka.repositories import user as users
from harka.repositories.organization import Organization
from harka.storage.catalog import Catalog
from harka.storage.databases import Databases
from harka.storage.session import open_session
from harka.tenancy.placement import Mode
from harka.tenancy.plan import Plan
from harka.tenancy.provisioning import (
    add_domain,
    confirm_domain,
    create_tenant,
    get_by_slug,
    resume,
    suspend,
)
from harka.tenancy.signing_key import private_jwk
from tenancy.fixtures import new_slug


async def create(catalog: Catalog, settings: Settings, **changes: Any) -> Organization:
    slug = changes.pop("slug", None) or new_slug()
    wanted = {"name": slug, "slug": slug, "plan": Plan.STARTER, "users_expected": 200, **changes}
    return await create_tenant(catalog, settings, **wanted)


@pytest.mark.parametrize("mode", Mode)
async def test_a_new_tenant_has_a_home_in_every_mode(
    catalog: Catalog, settings: Settings, databases: Databases, mode: Mode
) -> None:
    tenant = await create(catalog, settings, mode=mode, plan=Plan.GROWTH, region="eu", locale="de")
    assert await get_by_slug(catalog, tenant.slug) == tenant
    assert (tenant.mode, tenant.plan, tenant.region, tenant.status) == (mode, "GROWTH", "eu", "active")
    placement = await placements.find(catalog, tenant.id)
    assert placement is not None
    assert placement.location == tenant.location
    session = open_session(databases, tenant.location, tenant.id, read_only=True, timeout=5.0)
    assert await users.count(session) == 0
    await session.commit()


@pytest.mark.parametrize("given", [{}, {"region": None}, {"region": ""}])
async def test_a_tenant_that_did_not_ask_for_a_place_has_none(
    catalog: Catalog, settings: Settings, given: dict[str, Any]
) -> None:
    tenant = await create(catalog, settings, **given)
    assert tenant.region is None
    assert await get_by_slug(catalog, tenant.slug) == tenant


@pytest.mark.parametrize("algorithm", Algorithm)
async def test_a_new_tenant_can_sign_tokens(
    catalog: Catalog, settings: Settings, algorithm: Algorithm
) -> None:
    tenant = await create(catalog, settings, algorithm=algorithm)
    key = await signing_keys.find_current(catalog, tenant.id)
    assert key is not None
    assert key.algorithm == algorithm
    assert private_jwk(Keyring(settings.secret), key)
    assert [each.sealed_private for each in await signing_keys.list_live(catalog, [tenant.id])] == [b""]


async def test_a_slug_belongs_to_one_tenant(
    catalog: Catalog, settings: Settings, tenant: Organization
) -> None:
    with pytest.raises(ConflictError, match="slug"):
        await create(catalog, settings, slug=tenant.slug)


async def test_of_two_who_want_one_slug_at_once_one_gets_it_and_nothing_is_left_of_the_other(
    catalog: Catalog, settings: Settings
) -> None:
    slug = new_slug()
    before = await _own_schemas(settings)
    outcomes = await asyncio.gather(
        *(create(catalog, settings, slug=slug, mode=Mode.SCHEMA) for _ in range(2)), return_exceptions=True
    )
    won = [each for each in outcomes if isinstance(each, Organization)]
    assert [type(each) for each in outcomes if each not in won] == [ConflictError]
    assert await get_by_slug(catalog, slug) == won[0]
    assert await _own_schemas(settings) - before == {won[0].schema}


async def _own_schemas(settings: Settings) -> set[str]:
    connection = await asyncpg.connect(settings.admin_database_url)
    try:
        rows = await connection.fetch("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'tenant\\_%'")
    finally:
        await connection.close()
    return {row[0] for row in rows}


async def test_a_tenant_whose_home_cannot_be_made_does_not_exist(
    catalog: Catalog, settings: Settings
) -> None:
    homeless = msgspec.structs.replace(settings, app_database_url="postgresql://harka_app@127.0.0.1:1/x")
    slug = new_slug()
    with pytest.raises(UnavailableError):
        await create(catalog, homeless, slug=slug, mode=Mode.SCHEMA)
    assert await organizations.find_by_slug(catalog, slug) is None
    assert (await create(catalog, settings, slug=slug, mode=Mode.SCHEMA)).slug == slug


async def test_the_first_of_a_shard_has_it_made_and_others_find_it(
    catalog: Catalog, settings: Settings, databases: Databases
) -> None:
    homeless = msgspec.structs.replace(settings, app_database_url="postgresql://harka_app@127.0.0.1:1/x")
    shards: set[str] = set()
    while len(shards) < MEDIUM_SHARDS:
        shards.add((await create(catalog, settings)).schema)
    tenant = await create(catalog, homeless)
    session = open_session(databases, tenant.location, tenant.id, read_only=True, timeout=5.0)
    assert await users.count(session) == 0
    await session.commit()
    with pytest.raises(UnavailableError):
        # a shard that is its own, where nobody lives yet
        await create(catalog, homeless, users_expected=100_000, mode=Mode.POOL)


@pytest.mark.parametrize(
    "slug", ["", "A", "-a", "a-", "a.b", "a_b", "ä", "x" * 64, "xn--bcher-kva", "www", "admin", "api", "a b"]
)
async def test_a_slug_that_is_no_host_label_or_reserved_is_refused(
    catalog: Catalog, settings: Settings, slug: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        await create_tenant(catalog, settings, name="x", slug=slug, plan=Plan.STARTER, users_expected=1)
    assert caught.value.field == "slug"


@pytest.mark.parametrize("name", ["", " ", "x" * 201, "a\x00b", "a\nb"])
async def test_a_name_that_cannot_be_shown_is_refused(
    catalog: Catalog, settings: Settings, name: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        await create(catalog, settings, name=name)
    assert caught.value.field == "name"


async def test_suspending_and_resuming_change_the_status(catalog: Catalog, tenant: Organization) -> None:
    assert (await suspend(catalog, tenant.id)).status == "suspended"
    assert (await suspend(catalog, tenant.id)).version == tenant.version + 1
    assert (await resume(catalog, tenant.id)).status == "active"
    for change in (suspend, resume):
        with pytest.raises(NotFoundError):
            await change(catalog, new_id())


@pytest.mark.parametrize(
    "name",
    [
        *("", "localhost", "harka.localhost", "acme.harka.localhost", "x.localhost", "10.0.0.1", "a..b"),
        *("-a.com", "a.com/x", "a.com:80", "bücher.de", "\u212aelvin.com", "*.a.com"),
        *(f"{'a' * 64}.com", ".".join(["abc"] * 80)),
    ],
)
async def test_what_is_no_tenants_domain_is_refused(
    catalog: Catalog, settings: Settings, tenant: Organization, name: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        await add_domain(catalog, settings, branded(tenant), name)
    assert caught.value.field == "domain"
    assert await domains.page(catalog, tenant.id, first=9) == []


def branded(organization: Organization) -> Organization:
    """With the feature that domains take."""
    return msgspec.structs.replace(organization, features={"custom_branding": True})


async def test_a_domain_takes_a_plan_that_has_them(
    catalog: Catalog, settings: Settings, tenant: Organization
) -> None:
    slug = new_slug()
    name = f"{slug}.example.com"
    for attempt in (
        create(catalog, settings, slug=slug, domain=name),
        add_domain(catalog, settings, tenant, name),
        confirm_domain(catalog, tenant, name),
    ):
        with pytest.raises(FeatureNotInPlanError, match="GROWTH"):
            await attempt
    assert await organizations.find_by_slug(catalog, slug) is None
    assert await domains.page(catalog, tenant.id, first=9) == []


async def test_a_claim_squats_on_nothing_and_the_first_proof_wins(
    catalog: Catalog, settings: Settings, tenant: Organization, other_tenant: Organization
) -> None:
    name = f"{new_slug()}.example.com"
    for each in (tenant, other_tenant):
        assert (await add_domain(catalog, settings, branded(each), name.upper() + ".")).status == "PENDING"
    with pytest.raises(ConflictError):
        await add_domain(catalog, settings, branded(tenant), name)
    assert (await confirm_domain(catalog, branded(other_tenant), name)).status == "ACTIVE"
    with pytest.raises(ConflictError, match="domain"):
        await confirm_domain(catalog, branded(tenant), name)
    found = await domains.list_served(catalog, [tenant.id, other_tenant.id])
    assert [(each.tenant_id, each.name) for each in found] == [(other_tenant.id, name)]
    assert (await get_by_slug(catalog, other_tenant.slug)).domain == name


async def test_only_a_claimed_domain_is_proven(catalog: Catalog, tenant: Organization) -> None:
    with pytest.raises(NotFoundError):
        await confirm_domain(catalog, branded(tenant), "never.claimed.com")


async def test_a_domain_given_at_creation_is_proven_by_the_operators_word(
    catalog: Catalog, settings: Settings
) -> None:
    name = f"{new_slug()}.example.com"
    tenant = await create(catalog, settings, domain=name, plan=Plan.GROWTH)
    assert await get_by_slug(catalog, tenant.slug) == tenant
    assert tenant.domain == name
    slug = new_slug()
    with pytest.raises(ConflictError, match="domain"):
        await create(catalog, settings, slug=slug, domain=name, plan=Plan.GROWTH)
    assert await organizations.find_by_slug(catalog, slug) is None
