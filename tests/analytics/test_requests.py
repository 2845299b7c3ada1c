import asyncio
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from harka import clock
from harka.analytics.requests import Requests, month_of
from harka.config import Settings
from harka.storage.catalog import Catalog
from registry import AddOrganization
from waiting import until

DOWN = Settings(database_url="postgresql://127.0.0.1:1/harka", secret="ab" * 32)


async def test_requests_of_all_processes_are_added_up(
    catalog: Catalog, add_organization: AddOrganization
) -> None:
    tenant, other = (await add_organization()).id, (await add_organization()).id
    one, another = Requests(catalog), Requests(catalog)
    for _ in range(3):
        one.note(tenant)
    another.note(tenant)
    another.note(other)
    assert (await one.this_month(tenant)).requests == 3, "its own, before anything is written"

    await one.flush()
    await one.flush()
    assert (await another.this_month(tenant)).requests == 4
    await another.flush()
    assert (await one.this_month(tenant)).requests == 4
    assert (await one.this_month(other)).requests == 1


async def test_what_cannot_be_written_is_kept(catalog: Catalog, add_organization: AddOrganization) -> None:
    tenant, down = (await add_organization()).id, Catalog(DOWN)
    requests = Requests(down)
    requests.note(tenant)
    await requests.flush()
    requests.note(tenant)
    await down.close()

    requests._catalog = catalog
    await requests.flush()
    assert (await Requests(catalog).this_month(tenant)).requests == 2


async def test_what_is_counted_is_written_by_itself(
    catalog: Catalog, add_organization: AddOrganization
) -> None:
    tenant, requests = (await add_organization()).id, Requests(catalog)
    requests.note(tenant)
    running = asyncio.create_task(requests.run(period=0.01))

    async def is_written() -> bool:
        return (await Requests(catalog).this_month(tenant)).requests == 1

    await until(is_written)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_new_month_begins_at_nought(
    catalog: Catalog, add_organization: AddOrganization, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant, requests = (await add_organization()).id, Requests(catalog)
    requests.note(tenant)
    await requests.flush()
    later = clock.now() + timedelta(days=31)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert (await requests.this_month(tenant)).requests == 0


def test_a_month_is_one_of_utc() -> None:
    assert month_of(datetime(2026, 5, 31, 23, 59, tzinfo=UTC)) == date(2026, 5, 1)
    assert month_of(datetime(2026, 6, 1, 1, tzinfo=timezone(timedelta(hours=2)))) == date(2026, 5, 1)
