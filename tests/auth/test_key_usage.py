import asyncio
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from doors import logged
from harka import clock
from harka.auth import api_key
from harka.auth.key_usage import KeyUsage
from harka.config import Settings
from harka.ids import new_id
from harka.repositories import api_key as repository
from harka.repositories.organization import Organization
from harka.storage.catalog import Catalog
from harka.tenancy.directory import Directory
from waiting import until

DOWN = Settings(database_url="postgresql://127.0.0.1:1/harka", secret="ab" * 32)


async def made(catalog: Catalog, tenant: Organization) -> UUID:
    return (await api_key.create(catalog, tenant.id, name="test", scopes=["course:read"])).key.id


async def uses(catalog: Catalog, tenant: Organization) -> list[datetime | None]:
    return [key.last_used_at for key in await repository.list_by_tenant(catalog, tenant.id)]


def at(monkeypatch: pytest.MonkeyPatch, moment: datetime) -> datetime:
    monkeypatch.setattr(clock, "now", lambda: moment)
    return moment


async def test_the_newest_use_of_each_key_is_written(
    catalog: Catalog, tenant: Organization, other_tenant: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy, idle, foreign = (
        await made(catalog, tenant),
        await made(catalog, tenant),
        await made(catalog, other_tenant),
    )
    usage, now = KeyUsage(catalog), clock.now()
    for seconds in range(3):
        last = at(monkeypatch, now + timedelta(seconds=seconds))
        usage.note(busy)
        usage.note(foreign)
        usage.note(None)
    assert await uses(catalog, tenant) == [None, None], "not before it is written"

    await usage.flush()

    assert await uses(catalog, tenant) == [last, None]
    assert await uses(catalog, other_tenant) == [last]
    assert idle not in usage._newest


async def test_a_key_that_is_gone_is_no_reason_to_fail(catalog: Catalog, tenant: Organization) -> None:
    usage = KeyUsage(catalog)
    usage.note(await made(catalog, tenant))
    usage.note(new_id())
    await usage.flush()
    assert None not in await uses(catalog, tenant)


async def test_what_cannot_be_written_is_kept_and_newer_uses_win(
    catalog: Catalog, tenant: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await made(catalog, tenant), await made(catalog, tenant)
    down = Catalog(DOWN)
    usage = KeyUsage(down)
    early = at(monkeypatch, clock.now())
    usage.note(first)
    usage.note(second)
    with logged() as lines:
        flushing = asyncio.create_task(usage.flush())
        await asyncio.sleep(0)  # it has taken what was noted so far
        late = at(monkeypatch, early + timedelta(seconds=1))
        usage.note(second)
        await flushing
    assert [(line["event"], line["keys"]) for line in lines.all] == [("use of keys not written", 2)]
    assert "Traceback" not in lines.text
    await down.close()

    usage._catalog = catalog
    await usage.flush()

    assert await uses(catalog, tenant) == [early, late]


async def test_a_writing_that_is_cut_off_loses_nothing(
    catalog: Catalog, tenant: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = at(monkeypatch, clock.now())
    usage = KeyUsage(catalog)
    usage.note(await made(catalog, tenant))
    flushing = asyncio.create_task(usage.flush())
    await asyncio.sleep(0)  # it has taken what was noted
    flushing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await flushing

    await usage.flush()

    assert await uses(catalog, tenant) == [moment]


async def test_it_is_written_without_being_asked(catalog: Catalog, tenant: Organization) -> None:
    usage = KeyUsage(catalog)
    usage.note(await made(catalog, tenant))
    writing = asyncio.create_task(usage.run(period=0.01))

    async def written() -> bool:
        return None not in await uses(catalog, tenant)

    await until(written)
    writing.cancel()
    await asyncio.wait({writing})


async def test_with_nothing_to_write_nothing_is_sent() -> None:
    down = Catalog(DOWN)
    with logged() as lines:
        await KeyUsage(down).flush()
    assert lines.text == ""
    await down.close()


async def test_the_use_of_a_key_changes_no_snapshot(
    catalog: Catalog, tenant: Organization, settings: Settings
) -> None:
    key = await made(catalog, tenant)
    directory = Directory(catalog, settings)
    await directory.refresh()
    before = directory.current
    usage = KeyUsage(catalog)
    usage.note(key)
    await usage.flush()
    await directory.refresh()
    assert directory.current is before
