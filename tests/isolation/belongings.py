"""What a world has in the catalog of the platform: domains, and a key."""

from typing import TYPE_CHECKING
from uuid import UUID

from harka.auth import api_key
from harka.ids import new_id
from harka.repositories import domain as domains
from harka.runtime import Runtime

if TYPE_CHECKING:
    from worlds import World


async def claim(runtime: Runtime, world: "World") -> UUID:
    """A domain of each status that it can have; answers the one that is proven and not served."""
    catalog, tenant = runtime.catalog, world.organization.id
    for name in ("claimed", "proven", "served"):
        made = await domains.insert(
            catalog, new_id(), tenant, f"{name}.{world.canary}.example", "PENDING", most=9
        )
        assert made is not None
        world.raw |= {made.token, str(made.id), made.id.hex}
        if name != "claimed":
            await domains.prove(catalog, tenant, made.id)
        if name == "proven":
            proven = made.id
    await domains.activate(catalog, tenant, made.id, None)
    return proven


async def make_key(runtime: Runtime, world: "World") -> UUID:
    """One that nobody uses."""
    made = await api_key.create(
        runtime.catalog, world.organization.id, name=f"Key {world.canary}", scopes=["course:read"]
    )
    world.raw |= {made.text, made.key.prefix, str(made.key.id), made.key.id.hex}
    return made.key.id
