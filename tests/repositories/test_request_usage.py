from datetime import date

from harka.ids import new_id
from harka.repositories import request_usage
from harka.storage.catalog import Catalog
from registry import AddOrganization

MAY, JUNE = date(2026, 5, 1), date(2026, 6, 1)


async def test_requests_add_up_by_organization_and_month(
    catalog: Catalog, add_organization: AddOrganization
) -> None:
    busy, other, idle = [(await add_organization()).id for _ in range(3)]
    for counted, month in (({busy: 2, other: 1}, MAY), ({busy: 3}, MAY), ({busy: 5}, JUNE)):
        await request_usage.add(catalog, counted, [month] * len(counted))

    async def known(month: date) -> list[int | None]:
        found = [await request_usage.find(catalog, each, month) for each in (busy, other, idle)]
        return [None if each is None else each.requests for each in found]

    assert await known(MAY) == [5, 1, None]
    assert await known(JUNE) == [5, None, None]


async def test_an_organization_that_is_gone_keeps_no_other_from_being_counted(
    catalog: Catalog, add_organization: AddOrganization
) -> None:
    there, gone = (await add_organization()).id, new_id()
    await request_usage.add(catalog, {gone: 1, there: 1}, [MAY, MAY])
    assert await request_usage.find(catalog, gone, MAY) is None
    found = await request_usage.find(catalog, there, MAY)
    assert found is not None
    assert found.requests == 1
