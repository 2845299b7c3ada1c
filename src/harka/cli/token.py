"""`harka token …`: access tokens for users."""

from typing import Annotated

import typer

from harka import clock
from harka.auth import token
from harka.auth.key_rotation import Rotation, rotate
from harka.cli.control import DEFAULT_DATA, Data, Tenant, duration, find_user, notes, operate
from harka.config import Settings
from harka.crypto.keyring import Keyring
from harka.crypto.signing import Algorithm
from harka.errors import NotFoundError
from harka.repositories import signing_key as signing_keys
from harka.storage.catalog import Catalog
from harka.tenancy.provisioning import get_by_slug

app = typer.Typer(no_args_is_help=True, help="Access tokens for the users of an organization.")


@app.command()
def create(
    tenant: Tenant,
    *,
    user: Annotated[str, typer.Option(help="Id or address.")],
    ttl: Annotated[str, typer.Option(help="Lifetime, as in 30m or 12h; at most 24h.")] = "1h",
    data: Data = DEFAULT_DATA,
) -> None:
    """Print a token with which `user` may ask; there is no way to revoke it before it ends."""
    lifetime = duration(ttl)

    async def action(catalog: Catalog, settings: Settings) -> str:
        organization = await get_by_slug(catalog, tenant)
        person = await find_user(settings, organization, user)
        key = await signing_keys.find_current(catalog, organization.id)
        if key is None:
            raise NotFoundError("This organization has no key to sign tokens with.")
        return token.issue(
            key, Keyring(settings.secret), settings, user=person.id, lifetime=lifetime, now=clock.now()
        )

    text = operate(data, action)
    notes.print(f"{tenant}: a token for {user}, good for {ttl}", markup=False)
    print(text)


@app.command("rotate-key")
def rotate_key(
    tenant: Tenant,
    *,
    algorithm: Annotated[Algorithm, typer.Option(help="Of the new key.")] = Algorithm.EDDSA,
    leaked: Annotated[
        bool, typer.Option("--leaked", help="End every token there is: the keys are known to others.")
    ] = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Sign with a new key, once all know it; tokens of the one before are accepted while they live."""

    async def action(catalog: Catalog, settings: Settings) -> Rotation:
        organization = await get_by_slug(catalog, tenant)
        keyring = Keyring(settings.secret)
        return await rotate(catalog, keyring, organization.id, algorithm=algorithm, leaked=leaked)

    done = operate(data, action)
    since = "at once" if leaked else f"in {int(signing_keys.KNOWN_AFTER.total_seconds())} s"
    retired = ", ".join(done.retired) or "none"
    notes.print(f"{tenant}: signs with {done.made} {since}; retired: {retired}", markup=False)
