from uuid import UUID

import pytest

from harka.errors import ValidationError
from harka.ids import new_id
from harka.repositories import domain as domains
from harka.repositories.domain import Domain, DomainStatus
from harka.storage.catalog import Catalog
from harka.storage.failure import UniqueError
from registry import AddOrganization


async def claim(catalog: Catalog, tenant: UUID, name: str, status: str = DomainStatus.PENDING) -> Domain:
    made = await domains.insert(catalog, new_id(), tenant, name, status, most=3)
    assert made is not None
    return made


async def test_squatter_cannot_keep_the_owner_from_a_domain(
    catalog: Catalog, add_organization: AddOrganization
) -> None:
    squatter, owner = await add_organization(), await add_organization()
    name = f"{owner.slug}.example"
    squatted = await claim(catalog, squatter.id, name)
    claimed = await claim(catalog, owner.id, name)
    assert squatted.token != claimed.token
    proven = await domains.prove(catalog, owner.id, claimed.id)
    assert proven is not None
    assert (proven.status, proven.proven_by, proven.version) == ("VERIFIED", "dns", 2)
    for attempt in (
        domains.prove(catalog, squatter.id, squatted.id),
        domains.confirm(catalog, squatter.id, name),
    ):
        with pytest.raises(UniqueError) as refused:
            await attempt
        assert refused.value.constraint == "domain_name_proven"


async def test_only_an_active_domain_is_served(catalog: Catalog, add_organization: AddOrganization) -> None:
    one = await add_organization()
    made = await claim(catalog, one.id, f"{one.slug}.example")
    assert await domains.activate(catalog, one.id, made.id, None) is None
    await domains.prove(catalog, one.id, made.id)
    assert await domains.list_served(catalog, [one.id]) == []
    assert await domains.activate(catalog, one.id, made.id, 1) is None
    active = await domains.activate(catalog, one.id, made.id, 2)
    assert await domains.list_served(catalog, [one.id]) == [active]


async def test_proven_domain_can_be_given_up_and_taken_by_another(
    catalog: Catalog, add_organization: AddOrganization
) -> None:
    one, other = await add_organization(), await add_organization()
    name = f"{one.slug}.example"
    made = await claim(catalog, one.id, name, DomainStatus.ACTIVE)
    assert made.proven_by == "operator"
    assert not await domains.delete(catalog, one.id, made.id, 7)
    assert await domains.delete(catalog, one.id, made.id, 1)
    assert not await domains.delete(catalog, one.id, made.id)
    await claim(catalog, other.id, name, DomainStatus.ACTIVE)


async def test_domain_of_another_tenant_is_not_touched(
    catalog: Catalog, add_organization: AddOrganization
) -> None:
    one, other = await add_organization(), await add_organization()
    mine = await claim(catalog, one.id, f"{one.slug}.example")
    assert await domains.confirm(catalog, other.id, mine.name) is None
    assert await domains.prove(catalog, other.id, mine.id) is None
    assert await domains.find_by_ids(catalog, other.id, [mine.id]) == []
    assert not await domains.delete(catalog, other.id, mine.id)
    assert await domains.page(catalog, one.id, first=9) == [mine]
    proven = await domains.prove(catalog, one.id, mine.id)
    assert await domains.activate(catalog, other.id, mine.id, None) is None
    assert await domains.checked(catalog, other.id, mine.id, found=False, grace=0.0) is None
    assert await domains.page(catalog, one.id, first=9) == [proven]


async def test_claim_twice_or_in_capitals_is_refused(
    catalog: Catalog, add_organization: AddOrganization
) -> None:
    one = await add_organization()
    mine = await claim(catalog, one.id, f"{one.slug}.example")
    with pytest.raises(UniqueError):
        await claim(catalog, one.id, mine.name)
    with pytest.raises(ValidationError):
        await claim(catalog, one.id, mine.name.upper())


async def test_no_more_than_so_many(catalog: Catalog, add_organization: AddOrganization) -> None:
    one = await add_organization()
    for number in range(3):
        await claim(catalog, one.id, f"{number}.{one.slug}.example")
    assert await domains.insert(catalog, new_id(), one.id, f"3.{one.slug}.example", "PENDING", most=3) is None
    assert await domains.count(catalog, one.id) == 3


async def test_a_proof_that_is_gone_is_noted_and_after_a_while_has_its_consequence(
    catalog: Catalog, add_organization: AddOrganization
) -> None:
    one = await add_organization()
    served, kept = [await claim(catalog, one.id, f"{name}.{one.slug}.example") for name in "ab"]
    for each in (served, kept):
        await domains.prove(catalog, one.id, each.id)
    await domains.activate(catalog, one.id, served.id, None)

    async def look(of: Domain, *, found: bool | None, grace: float = 3600.0) -> tuple[str, bool]:
        now = await domains.checked(catalog, one.id, of.id, found=found, grace=grace)
        assert now is not None
        return now.status, now.proof_missing_since is not None

    assert await look(served, found=None) == ("ACTIVE", False)
    assert await look(served, found=False, grace=0.0) == ("ACTIVE", True)
    # nobody answers: neither better nor worse
    assert await look(served, found=None, grace=0.0) == ("ACTIVE", True)
    assert await look(served, found=False) == ("ACTIVE", True)
    assert await look(served, found=True, grace=0.0) == ("ACTIVE", False)
    for of, status in ((served, "SUSPENDED"), (kept, "PENDING")):
        await look(of, found=False)
        assert await look(of, found=False, grace=0.0) == (status, True)
        # another may have it now
        assert await domains.checked(catalog, one.id, of.id, found=True, grace=0.0) is None
    other = await add_organization()
    taken = await claim(catalog, other.id, served.name)
    assert await domains.prove(catalog, other.id, taken.id) is not None


async def test_due_are_those_proven_by_dns_and_not_just_looked_at(
    catalog: Catalog, add_organization: AddOrganization
) -> None:
    one = await add_organization()
    await claim(catalog, one.id, f"claimed.{one.slug}.example")
    await claim(catalog, one.id, f"word.{one.slug}.example", DomainStatus.ACTIVE)
    made = await claim(catalog, one.id, f"dns.{one.slug}.example")
    proven = await domains.prove(catalog, one.id, made.id)
    assert await domains.list_due(catalog, one.id, older_than=3600.0) == []
    assert await domains.list_due(catalog, one.id, older_than=0.0) == [proven]
