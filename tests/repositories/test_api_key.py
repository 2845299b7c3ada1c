import asyncio
import secrets
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
import pytest

from harka import clock
from harka.ids import new_id
from harka.repositories import api_key as api_keys
from harka.repositories.api_key import ApiKey
from harka.storage.catalog import Catalog
from harka.storage.failure import ForeignKeyError, UniqueError
from harka.storage.statement import CatalogStatement
from registry import AddOrganization
from waiting import until


def key(tenant: UUID, *, expires_at: datetime | None = None) -> ApiKey:
    return ApiKey(
        id=new_id(),
        tenant_id=tenant,
        prefix=secrets.token_hex(6),
        hash=secrets.token_bytes(32),
        name="integration",
        scopes=["course:read", "user:read"],
        user_id=None,
        created_at=clock.now(),
        expires_at=expires_at,
        revoked_at=None,
        networks=["192.0.2.0/24"],
        requests_per_second=5,
        created_by=None,
        updated_at=clock.now(),
        version=1,
    )


async def test_live_keys_are_those_neither_revoked_nor_expired(
    catalog: Catalog, add_organization: AddOrganization
) -> None:
    tenant = (await add_organization()).id
    live, expired = key(tenant), key(tenant, expires_at=clock.now() - timedelta(seconds=1))
    revoked, later = key(tenant), key(tenant, expires_at=clock.now() + timedelta(days=1))
    for each in (live, expired, revoked, later):
        await api_keys.insert(catalog, each)
    assert (await api_keys.revoke(catalog, tenant, revoked.prefix) or live).revoked_at is not None
    found = await api_keys.list_live(catalog, [tenant, new_id()])
    assert {each.prefix: each for each in found} == {live.prefix: live, later.prefix: later}
    assert len(await api_keys.list_by_tenant(catalog, tenant)) == 4


async def test_key_is_revoked_once_and_by_its_own_tenant(
    catalog: Catalog, add_organization: AddOrganization
) -> None:
    tenant, other = (await add_organization()).id, (await add_organization()).id
    mine = key(tenant)
    await api_keys.insert(catalog, mine)
    assert await api_keys.revoke(catalog, other, mine.prefix) is None
    assert await api_keys.list_live(catalog, [tenant]) == [mine]
    assert await api_keys.revoke(catalog, tenant, mine.prefix) is not None
    assert await api_keys.revoke(catalog, tenant, mine.prefix) is None


async def test_a_key_is_its_own_tenants_alone_by_id_too(
    catalog: Catalog, add_organization: AddOrganization
) -> None:
    tenant, other = (await add_organization()).id, (await add_organization()).id
    mine = key(tenant)
    await api_keys.insert(catalog, mine)
    assert await api_keys.find_by_ids(catalog, other, [mine.id]) == []
    assert await api_keys.page(catalog, other, first=5) == []
    assert await api_keys.count(catalog, other) == 0
    assert await api_keys.revoke_by_id(catalog, other, mine.id, None) is None
    fresh = msgspec.structs.replace(key(tenant), id=new_id())
    stranger = msgspec.structs.replace(mine, tenant_id=other)
    assert await api_keys.rotate(catalog, stranger, fresh, overlap=0.0) is None
    assert await api_keys.list_live(catalog, [tenant]) == [mine]
    (found,) = await api_keys.find_by_ids(catalog, tenant, [mine.id])
    assert (found.networks, found.requests_per_second, found.last_used_at) == (["192.0.2.0/24"], 5, None)


async def test_prefix_belongs_to_one_key_of_the_platform(
    catalog: Catalog, add_organization: AddOrganization
) -> None:
    mine = key((await add_organization()).id)
    await api_keys.insert(catalog, mine)
    with pytest.raises(UniqueError):
        await api_keys.insert(catalog, msgspec.structs.replace(mine, id=new_id()))
    with pytest.raises(ForeignKeyError):
        await api_keys.insert(catalog, key(new_id()))


async def test_last_use_never_moves_backwards(catalog: Catalog, add_organization: AddOrganization) -> None:
    tenant = (await add_organization()).id
    mine, now = key(tenant), clock.now()
    await api_keys.insert(catalog, mine)
    await api_keys.touch(catalog, {mine.id: now})
    await api_keys.touch(catalog, {mine.id: now - timedelta(hours=1), new_id(): now})
    assert [each.last_used_at for each in await api_keys.list_by_tenant(catalog, tenant)] == [now]


async def test_writers_of_the_same_keys_wait_for_each_other_in_one_order(
    catalog: Catalog, add_organization: AddOrganization
) -> None:
    tenant = (await add_organization()).id
    # ids of one millisecond are in no order
    first, second = sorted((key(tenant), key(tenant)), key=lambda each: each.id)
    # in the table, and in what is asked below, the greater id comes first
    for each in (second, first):
        await api_keys.insert(catalog, each)
    early, late = clock.now() - timedelta(hours=1), clock.now()
    async with catalog.transaction() as transaction:
        await api_keys.touch(transaction, {first.id: late})
        # the other one meets the key that is held before it takes the one that is not
        waiting = asyncio.create_task(api_keys.touch(catalog, {second.id: early, first.id: early}))
        await until(lambda: somebody_waits(catalog))
        await api_keys.touch(transaction, {second.id: late})
    await waiting
    assert [each.last_used_at for each in await api_keys.list_by_tenant(catalog, tenant)] == [late, late]


async def somebody_waits(catalog: Catalog) -> bool:
    return bool(await catalog.fetch_value(WAITING))


WAITING = CatalogStatement(
    "test.waiting",
    """SELECT count(*) FROM pg_stat_activity
    WHERE wait_event_type = 'Lock' AND query LIKE '%UPDATE control.api_key%' AND pid <> pg_backend_pid()""",
)
