from uuid import UUID

import pytest

from harka.errors import ValidationError
from harka.ids import new_id
from harka.repositories import domain as domains
from harka.repositories.domain import Domain
from harka.storage.catalog import Catalog
from harka.storage.failure import UniqueError
from registry import AddOrganization


def claim(tenant: UUID, name: str, status: str = "PENDING") -> Domain:
    return Domain(id=new_id(), tenant_id=tenant, name=name, status=status)


async def test_squatter_cannot_keep_the_owner_from_a_domain(
    catalog: Catalog, add_organization: AddOrganization
) -> None:
    squatter, owner = await add_organization(), await add_organization()
    name = f"{owner.slug}.example"
    await domains.insert(catalog, claim(squatter.id, name))
    await domains.insert(catalog, claim(owner.id, name))
    assert await domains.list_proven(catalog, [squatter.id, owner.id]) == []
    proven = await domains.set_status(catalog, owner.id, name, "VERIFIED")
    assert proven is not None
    with pytest.raises(UniqueError) as refused:
        await domains.set_status(catalog, squatter.id, name, "VERIFIED")
    assert refused.value.constraint == "domain_name_proven"
    assert await domains.list_proven(catalog, [squatter.id, owner.id]) == [proven]


async def test_proven_domain_can_be_given_up_and_taken_by_another(
    catalog: Catalog, add_organization: AddOrganization
) -> None:
    one, other = await add_organization(), await add_organization()
    name = f"{one.slug}.example"
    await domains.insert(catalog, claim(one.id, name, "ACTIVE"))
    assert await domains.delete(catalog, one.id, name)
    assert not await domains.delete(catalog, one.id, name)
    await domains.insert(catalog, claim(other.id, name, "ACTIVE"))


async def test_domain_of_another_tenant_is_not_touched(
    catalog: Catalog, add_organization: AddOrganization
) -> None:
    one, other = await add_organization(), await add_organization()
    mine = claim(one.id, f"{one.slug}.example")
    await domains.insert(catalog, mine)
    assert await domains.set_status(catalog, other.id, mine.name, "ACTIVE") is None
    assert not await domains.delete(catalog, other.id, mine.name)
    assert await domains.list_by_tenant(catalog, one.id) == [mine]


async def test_claim_twice_or_in_capitals_is_refused(
    catalog: Catalog, add_organization: AddOrganization
) -> None:
    one = await add_organization()
    mine = claim(one.id, f"{one.slug}.example")
    await domains.insert(catalog, mine)
    with pytest.raises(UniqueError):
        await domains.insert(catalog, claim(one.id, mine.name))
    with pytest.raises(ValidationError):
        await domains.insert(catalog, claim(one.id, mine.name.upper()))
