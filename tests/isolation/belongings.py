"""What a world has in the catalog of the platform: domains, and a key."""

from typing import TYPE_CHECKING
from uuid import UUID

from harka import clock
from harka.auth import api_key, scim_token
from harka.ids import new_id
from harka.repositories import domain as domains
from harka.repositories import scim_token as scim_tokens
from harka.repositories.scim_token import ScimToken
from harka.runtime import Runtime
from harka.tenancy.permission import Permission

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


async def make_keys(runtime: Runtime, world: "World") -> tuple[UUID, UUID]:
    """Two keys, of which nobody uses the one that is answered; and a directory's token, which is, too."""
    made = await api_key.create(
        runtime.catalog, world.organization.id, name=f"Key {world.canary}", scopes=["course:read"]
    )
    world.raw |= {made.text, made.key.prefix, str(made.key.id), made.key.id.hex}
    used = await api_key.create(
        runtime.catalog, world.organization.id, name="matrix", scopes=sorted(Permission)
    )
    world.api_key = used.text
    text = scim_token.new_text()
    token = ScimToken(
        id=new_id(),
        tenant_id=world.organization.id,
        prefix=scim_token.prefix_of(text),
        hash=scim_token.hashed(text),
        name=f"Directory {world.canary}",
        permissions=sorted(Permission),
        created_by=None,
        created_at=clock.now(),
        expires_at=None,
        revoked_at=None,
        updated_at=clock.now(),
        version=1,
    )
    assert await scim_tokens.insert(runtime.catalog, token)
    world.scim = text
    world.raw |= {text, token.prefix, str(token.id), token.id.hex}
    return made.key.id, token.id
