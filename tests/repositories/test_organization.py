import msgspec
import pytest

from harka.ids import new_id
from harka.repositories import domain as domains
from harka.repositories import organization as organizations
from harka.storage.catalog import Catalog
from harka.storage.failure import UniqueError
from harka.storage.location import Location
from registry import AddOrganization


async def test_what_was_written_is_read(catalog: Catalog, add_organization: AddOrganization) -> None:
    made = await add_organization()
    assert await organizations.find_by_ids(catalog, [made.id, new_id()]) == [made]
    assert await organizations.find_by_slug(catalog, made.slug) == made
    assert made.location == Location("app", "shard_small_1")


async def test_slug_belongs_to_one(catalog: Catalog, add_organization: AddOrganization) -> None:
    made = await add_organization()
    with pytest.raises(UniqueError) as taken:
        await organizations.insert(catalog, msgspec.structs.replace(made, id=new_id()))
    assert taken.value.constraint == "organization_slug_key"


async def test_pages_of_ids_are_complete_and_in_order(
    catalog: Catalog, add_organization: AddOrganization
) -> None:
    made = {(await add_organization()).id for _ in range(5)}
    seen, after = [], None
    while page := await organizations.list_ids(catalog, after=after, first=2):
        assert len(page) <= 2
        seen += page
        after = page[-1]
    assert seen == sorted(set(seen))
    assert made <= set(seen)


async def test_suspended_organization_has_a_new_version(
    catalog: Catalog, add_organization: AddOrganization
) -> None:
    made = await add_organization()
    suspended = await organizations.set_status(catalog, made.id, "suspended")
    again = await organizations.set_status(catalog, made.id, "suspended")
    assert suspended is not None
    assert (suspended.status, suspended.version) == ("suspended", 2)
    assert again == suspended
    assert await organizations.set_status(catalog, new_id(), "suspended") is None


async def test_only_a_proven_domain_is_shown(catalog: Catalog, add_organization: AddOrganization) -> None:
    made = await add_organization()
    for status in ("PENDING", "VERIFIED", "ACTIVE"):
        name = f"{status.lower()}.{made.slug}.example"
        await domains.insert(catalog, new_id(), made.id, name, status, most=9)
        found = await organizations.find_by_slug(catalog, made.slug)
        assert found is not None
        assert found.domain == (None if status == "PENDING" else name)


async def test_deleted_organization_takes_its_domains_with_it(
    catalog: Catalog, add_organization: AddOrganization
) -> None:
    made = await add_organization()
    name = f"{made.slug}.example"
    await domains.insert(catalog, new_id(), made.id, name, "ACTIVE", most=9)
    assert await organizations.delete(catalog, made.id)
    assert not await organizations.delete(catalog, made.id)
    assert await domains.page(catalog, made.id, first=9) == []


async def test_what_an_organization_says_of_itself_is_changed_by_version(
    catalog: Catalog, add_organization: AddOrganization
) -> None:
    made = await add_organization()
    wanted = msgspec.structs.replace(made, name="Łódź", locale="pl-PL", timezone="UTC", settings={"a": [1]})
    changed = await organizations.update(catalog, wanted)
    assert changed is not None
    assert changed.version == 2
    assert await organizations.find_by_slug(catalog, made.slug) == changed
    assert await organizations.update(catalog, wanted) is None
