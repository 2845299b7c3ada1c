import asyncio
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from harka import clock
from harka.analytics.requests import Requests
from harka.config import Settings
from harka.storage.catalog import Catalog
from registry import AddOrganization
from waiting import until

DOWN = Settings(database_url="postgresql://127.0.0.1:1/harka", secret="ab" * 32)


def counting(catalog: Catalog) -> Requests:
    return Requests(catalog, lambda _: "Europe/Warsaw")


async def test_requests_of_all_processes_are_added_up(
    catalog: Catalog, add_organization: AddOrganization
) -> None:
    tenant, other = await add_organization(), await add_organization()
    one, another = counting(catalog), counting(catalog)
    for _ in range(3):
        one.note(tenant.id)
    another.note(tenant.id)
    another.note(other.id)
    assert (await one.this_month(tenant)).requests == 3, "its own, before anything is written"

    await one.flush()
    await one.flush()
    assert (await another.this_month(tenant)).requests == 4
    await another.flush()
    assert (await one.this_month(tenant)).requests == 4
    assert (await one.this_month(other)).requests == 1


async def test_while_they_are_written_none_is_missing(
    catalog: Catalog, add_organization: AddOrganization
) -> None:
    tenant, requests = await add_organization(), counting(catalog)
    for _ in range(20):
        requests.note(tenant.id)
        before = (await requests.this_month(tenant)).requests
        writing = asyncio.create_task(requests.flush())
        # it has begun, and what it writes is counted here no more
        await asyncio.sleep(0)
        assert (await requests.this_month(tenant)).requests == before
        await writing


async def test_what_cannot_be_written_is_kept(catalog: Catalog, add_organization: AddOrganization) -> None:
    tenant, down = await add_organization(), Catalog(DOWN)
    requests = counting(down)
    requests.note(tenant.id)
    await requests.flush()
    requests.note(tenant.id)
    await down.close()

    requests._catalog = catalog
    await requests.flush()
    assert (await counting(catalog).this_month(tenant)).requests == 2


async def test_what_is_counted_is_written_by_itself(
    catalog: Catalog, add_organization: AddOrganization
) -> None:
    tenant, requests = await add_organization(), counting(catalog)
    requests.note(tenant.id)
    running = asyncio.create_task(requests.run(period=0.01))

    async def is_written() -> bool:
        return (await counting(catalog).this_month(tenant)).requests == 1

    await until(is_written)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_new_month_begins_at_nought(
    catalog: Catalog, add_organization: AddOrganization, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant, requests = await add_organization(), counting(catalog)
    requests.note(tenant.id)
    await requests.flush()
    later = clock.now() + timedelta(days=31)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert (await requests.this_month(tenant)).requests == 0


async def test_requests_count_for_the_month_where_the_organization_is(
    catalog: Catalog, add_organization: AddOrganization, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In Warsaw it is June already."""
    tenant, requests = await add_organization(), Requests(catalog, lambda _: "Europe/Warsaw")
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 5, 31, 23, 0, tzinfo=UTC))
    requests.note(tenant.id)
    await requests.flush()
    assert (await requests.this_month(tenant)).requests == 1
    elsewhere = msgspec.structs.replace(tenant, timezone="America/Lima")
    assert (await requests.this_month(elsewhere)).requests == 0
