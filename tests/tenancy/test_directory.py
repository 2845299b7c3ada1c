import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import msgspec
import pytest

from harka.auth import api_key
from harka.config import Settings
from harka.errors import UnavailableError
from harka.ids import new_id
from harka.repositories import organization as organizations
from harka.repositories import placement as placements
from harka.repositories.organization import Organization
from harka.storage.catalog import Catalog
from harka.tenancy import directory as module
from harka.tenancy.directory import Directory
from harka.tenancy.entitling import Wanted, change
from harka.tenancy.plan import Plan
from harka.tenancy.provisioning import add_domain, confirm_domain, create_tenant, resume, suspend
from harka.tenancy.resolution import tenant_at
from harka.tenancy.snapshot import Snapshot
from tenancy.fixtures import new_slug
from tenancy.wire import Wire, wired

PROMISED = 1.0
"""Seconds after which every process knows of a change."""


@contextlib.asynccontextmanager
async def following(directory: Directory) -> AsyncIterator[Directory]:
    task = asyncio.create_task(directory.run())
    try:
        await in_time(directory, lambda seen: seen.loaded, seconds=5.0)
        yield directory
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.fixture
async def directory(catalog: Catalog, settings: Settings) -> AsyncIterator[Directory]:
    async with following(Directory(catalog, settings)) as followed:
        yield followed


async def in_time(
    directory: Directory, holds: Callable[[Snapshot], bool], seconds: float = PROMISED
) -> Snapshot:
    async with asyncio.timeout(seconds):
        return await directory.until(holds)


def answers(name: str, tenant: Organization) -> Callable[[Snapshot], bool]:
    def holds(seen: Snapshot) -> bool:
        position = seen.hosts.resolve([(b"host", name.encode())], False)[0]
        return position >= 0 and seen.organizations[position].id == tenant.id

    return holds


async def made(catalog: Catalog, settings: Settings) -> Organization:
    slug = new_slug()
    return await create_tenant(catalog, settings, name=slug, slug=slug, plan=Plan.STARTER, users_expected=200)


async def test_a_new_organization_is_served_within_a_second(
    directory: Directory, catalog: Catalog, settings: Settings
) -> None:
    tenant = await made(catalog, settings)
    seen = await in_time(directory, answers(f"{tenant.slug}.{settings.platform_domain}", tenant))
    assert seen.organization(tenant.id) == tenant
    assert [key.tenant_id for key in seen.signing_keys.values()].count(tenant.id) == 1


async def test_organizations_are_read_again_without_the_others(catalog: Catalog, settings: Settings) -> None:
    directory = Directory(catalog, settings)
    await directory.refresh()
    one, other = await made(catalog, settings), await made(catalog, settings)
    await directory.reread(one.id)
    seen = directory.current
    assert (seen.organization(one.id), seen.organization(other.id)) == (one, None)


async def test_a_domain_is_served_within_a_second_of_its_proof_and_not_before(
    directory: Directory, catalog: Catalog, settings: Settings, tenant: Organization
) -> None:
    name = f"{tenant.slug}.example.com"
    tenant = await change(catalog, tenant, Wanted(plan=Plan.GROWTH), actor="ada")
    await add_domain(catalog, settings, tenant, name)
    marked = await suspend(catalog, tenant.id)
    seen = await in_time(directory, lambda seen: seen.organization(tenant.id) == marked)
    assert not answers(name, tenant)(seen)
    await confirm_domain(catalog, tenant, name)
    await in_time(directory, answers(name, tenant))


@pytest.mark.parametrize("without", [Wanted(plan=Plan.STARTER), Wanted(features={"custom_branding": False})])
async def test_a_domain_leads_nowhere_within_a_second_of_the_loss_of_its_feature_and_back_again(
    directory: Directory, catalog: Catalog, settings: Settings, tenant: Organization, without: Wanted
) -> None:
    name = f"{tenant.slug}.example.com"
    tenant = await change(catalog, tenant, Wanted(plan=Plan.GROWTH), actor="ada")
    await add_domain(catalog, settings, tenant, name)
    await confirm_domain(catalog, tenant, name)
    await in_time(directory, answers(name, tenant))

    tenant = await change(catalog, tenant, without, actor="ada")
    seen = await in_time(directory, lambda seen: not answers(name, tenant)(seen))
    assert (seen.domains_of(tenant.id), tenant_at(seen, name)) == ((), None)
    assert answers(f"{tenant.slug}.{settings.platform_domain}", tenant)(seen), "nobody is locked out"
    await directory.refresh()
    assert not answers(name, tenant)(directory.current), "read as a whole neither"

    back = Wanted(plan=Plan.GROWTH, clear=tuple(without.features))
    await change(catalog, tenant, back, actor="ada")
    await in_time(directory, answers(name, tenant))


async def test_an_api_key_counts_and_ceases_to_count_within_a_second(
    directory: Directory, catalog: Catalog, tenant: Organization
) -> None:
    key = (await api_key.create(catalog, tenant.id, name="ci", scopes=["course:read"])).key
    seen = await in_time(directory, lambda seen: key.prefix in seen.api_keys)
    assert seen.api_keys[key.prefix] == key
    await api_key.revoke(catalog, tenant.id, key.prefix)
    await in_time(directory, lambda seen: key.prefix not in seen.api_keys)


async def test_suspending_and_resuming_count_within_a_second(
    directory: Directory, catalog: Catalog, tenant: Organization
) -> None:
    for turn in (suspend, resume):
        changed = await turn(catalog, tenant.id)
        await in_time(directory, partial(_shows, changed))


def _shows(organization: Organization, seen: Snapshot) -> bool:
    return seen.organization(organization.id) == organization


async def test_a_deleted_organization_is_gone_within_a_second(
    directory: Directory, catalog: Catalog, tenant: Organization
) -> None:
    await in_time(directory, lambda seen: seen.organization(tenant.id) is not None)
    assert await organizations.delete(catalog, tenant.id)
    await in_time(directory, lambda seen: seen.organization(tenant.id) is None)


async def test_a_burst_of_changes_is_read_together(
    directory: Directory, catalog: Catalog, tenant: Organization
) -> None:
    await in_time(directory, lambda seen: seen.organization(tenant.id) is not None)
    home = await placements.find(catalog, tenant.id)
    assert home is not None
    crowd = [new_id() for _ in range(100)]
    async with catalog.transaction() as transaction:
        for each in crowd:
            one = msgspec.structs.replace(tenant, id=each, slug=f"x{each.hex[-12:]}")
            await organizations.insert(transaction, one)
            await placements.insert(transaction, msgspec.structs.replace(home, tenant_id=each))
    snapshots = [directory.current]
    while snapshots[-1].organization(crowd[-1]) is None:
        snapshots.append(await in_time(directory, lambda seen: seen is not snapshots[-1]))
    assert len(snapshots) <= 5
    for each in crowd:
        await organizations.delete(catalog, each)


async def test_refreshing_by_hand_reads_everything_in_pages(
    catalog: Catalog, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PAGE", 2)
    tenants = [await made(catalog, settings) for _ in range(5)]
    directory = Directory(catalog, settings)
    never = directory.age
    await directory.refresh()
    assert all(directory.current.organization(tenant.id) == tenant for tenant in tenants)
    assert (never, directory.age is None) == (None, False)
    before = directory.current
    await directory.refresh()
    assert directory.current is before


async def test_a_lost_notification_is_made_up_for(
    catalog: Catalog, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SAFETY_PERIOD", 0.2)
    deaf = msgspec.structs.replace(settings, listen_database_url=_other_database(settings))
    async with following(Directory(catalog, deaf)) as directory:
        tenant = await made(catalog, settings)
        await in_time(directory, lambda seen: seen.organization(tenant.id) == tenant, seconds=5.0)


def _other_database(settings: Settings) -> str:
    """Where nothing is heard: notifications stay within a database."""
    assert settings.admin_database_url is not None
    address, _, query = settings.admin_database_url.partition("?")
    return f"{address.rpartition('/')[0]}/postgres?{query}"


@pytest.fixture
async def wire(settings: Settings) -> AsyncIterator[Wire]:
    assert settings.database_url is not None
    with tempfile.TemporaryDirectory(prefix="harka-") as place:
        async with wired(settings.database_url, Path(place)) as made:
            yield made


@pytest.fixture
async def remote(settings: Settings, wire: Wire) -> AsyncIterator[Directory]:
    """A directory that reaches the catalog over `wire`."""
    catalog = Catalog(msgspec.structs.replace(settings, database_url=wire.url))
    yield Directory(catalog, msgspec.structs.replace(settings, listen_database_url=wire.url))
    await catalog.close()


async def test_a_catalog_that_is_down_leaves_the_last_snapshot_and_is_caught_up_with(
    remote: Directory, wire: Wire, catalog: Catalog, settings: Settings, tenant: Organization
) -> None:
    async with following(remote):
        await wire.cut()
        newer = await made(catalog, settings)
        assert remote.current.organization(tenant.id) == tenant
        await wire.mend()
        await in_time(remote, lambda seen: seen.organization(newer.id) == newer, seconds=15.0)


async def test_a_directory_started_without_a_catalog_is_loaded_once_there_is_one(
    remote: Directory, wire: Wire, tenant: Organization
) -> None:
    await wire.cut()
    task = asyncio.create_task(remote.run())
    try:
        with pytest.raises(UnavailableError):
            await remote.refresh()
        assert not remote.current.loaded
        await wire.mend()
        await in_time(remote, lambda seen: seen.organization(tenant.id) == tenant, seconds=15.0)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_an_unreadable_notification_means_everything(catalog: Catalog, settings: Settings) -> None:
    directory = Directory(catalog, settings)
    await directory.refresh()
    tenant = await made(catalog, settings)
    await directory._catch_up()
    assert directory.current.organization(tenant.id) is None
    await directory._notified("gibberish")
    await directory._catch_up()
    assert directory.current.organization(tenant.id) == tenant


async def test_a_notification_is_not_forgotten_when_reading_fails(
    remote: Directory, wire: Wire, catalog: Catalog, settings: Settings
) -> None:
    await remote.refresh()
    tenant = await made(catalog, settings)
    await remote._notified(str(tenant.id))
    await wire.cut()
    with pytest.raises(UnavailableError):
        await remote._catch_up()
    assert remote._changed == {tenant.id}


async def test_refreshing_by_hand_forgets_what_is_gone(
    catalog: Catalog, settings: Settings, tenant: Organization
) -> None:
    directory = Directory(catalog, settings)
    await directory.refresh()
    assert directory.current.organization(tenant.id) == tenant
    await organizations.delete(catalog, tenant.id)
    await directory.refresh()
    assert directory.current.organization(tenant.id) is None
