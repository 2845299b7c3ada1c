"""`harka user …`: how the first person of an organization comes in, and one who has lost everything."""

from typing import Annotated

import typer

from harka.cli.control import DEFAULT_DATA, Data, Tenant, find_user, notes, operate, operating
from harka.config import Settings
from harka.learning import password, totp
from harka.learning.password import Reset
from harka.storage.catalog import Catalog
from harka.tenancy.provisioning import get_by_slug

app = typer.Typer(no_args_is_help=True, help="Users of an organization: a way back in.")


@app.callback()
def _group() -> None:
    """Keep `reset-password` a subcommand although it is the only one."""


@app.command("reset-password")
def reset_password(
    tenant: Tenant,
    *,
    user: Annotated[str, typer.Option(help="Id or address.")],
    without_device: Annotated[
        bool, typer.Option("--without-device", help="Ask for no code of a second device any more.")
    ] = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Print the path at which somebody sets a password, once, within a day; to be handed on to them."""

    async def action(catalog: Catalog, settings: Settings) -> Reset:
        organization = await get_by_slug(catalog, tenant)
        person = await find_user(settings, organization, user)
        async with operating(settings, organization) as work:
            if without_device:
                await totp.remove_of(work, person.id)
            return await password.allow_reset(work, person.id)

    made = operate(data, action)
    notes.print(
        f"{tenant}: for {made.user.email}, at the organization's own address, until", markup=False, end=" "
    )
    notes.print(f"{made.expires_at:%Y-%m-%d %H:%M} UTC", markup=False)
    print(f"/auth/reset?token={made.token}")
