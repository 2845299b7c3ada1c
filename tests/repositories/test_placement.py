import msgspec
import pytest

from harka.ids import new_id
from harka.repositories import placement as placements
from harka.storage.catalog import Catalog
from harka.storage.failure import ForeignKeyError, UniqueError
from harka.storage.location import Location
from registry import AddOrganization


async def test_move_counts_epochs_and_happens_once(
    catalog: Catalog, add_organization: AddOrganization
) -> None:
    tenant = (await add_organization()).id
    home = await placements.find(catalog, tenant)
    assert home is not None
    wanted = msgspec.structs.replace(home, shard="shard_medium_1", schema="shard_medium_1")
    moved = await placements.move(catalog, wanted)
    assert moved == msgspec.structs.replace(wanted, epoch=2)
    assert await placements.move(catalog, wanted) is None
    assert await placements.find(catalog, tenant) == moved


async def test_a_home_is_inhabited_where_a_tenant_lives(
    catalog: Catalog, add_organization: AddOrganization
) -> None:
    home = await placements.find(catalog, (await add_organization()).id)
    assert home is not None
    own = msgspec.structs.replace(home, mode="SCHEMA", schema=f"tenant_{home.tenant_id.hex}")
    assert await placements.is_inhabited(catalog, home.location)
    assert not await placements.is_inhabited(catalog, own.location)
    assert not await placements.is_inhabited(catalog, Location("elsewhere", home.schema))
    await placements.move(catalog, own)
    assert await placements.is_inhabited(catalog, own.location)


async def test_own_schema_cannot_be_shared(catalog: Catalog, add_organization: AddOrganization) -> None:
    one, other = await add_organization(), await add_organization()
    own = f"tenant_{one.id.hex}"
    for tenant in (one, other):
        home = await placements.find(catalog, tenant.id)
        assert home is not None
        wanted = msgspec.structs.replace(home, mode="SCHEMA", schema=own)
        if tenant is one:
            await placements.move(catalog, wanted)
        else:
            with pytest.raises(UniqueError):
                await placements.move(catalog, wanted)


async def test_nobody_is_placed_nowhere(catalog: Catalog, add_organization: AddOrganization) -> None:
    home = await placements.find(catalog, (await add_organization()).id)
    assert home is not None
    assert await placements.find(catalog, new_id()) is None
    with pytest.raises(ForeignKeyError):
        await placements.insert(catalog, msgspec.structs.replace(home, tenant_id=new_id()))
