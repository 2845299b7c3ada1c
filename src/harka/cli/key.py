"""`harka key …`: API keys."""

from datetime import datetime
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from harka import clock
from harka.auth import api_key
from harka.auth.api_key import NewApiKey
from harka.cli.control import DEFAULT_DATA, Data, Tenant, duration, find_user, notes, operate, print_table
from harka.config import Settings
from harka.repositories import api_key as repository
from harka.repositories.api_key import ApiKey, UsedApiKey
from harka.storage.catalog import Catalog
from harka.tenancy.entitlement import require_feature
from harka.tenancy.permission import Permission
from harka.tenancy.provisioning import get_by_slug

app = typer.Typer(no_args_is_help=True, help="API keys of an organization: create, list, revoke.")

_READING = [permission for permission in Permission if permission.endswith(":read")]


@app.command()
def create(
    tenant: Tenant,
    *,
    name: Annotated[str, typer.Option(help="What the key is for.")] = "command line",
    scope: Annotated[
        list[Permission] | None, typer.Option(help="May be repeated. Default: everything that only reads.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Every scope there is.")] = False,
    user: Annotated[str | None, typer.Option(help="Act as this user (id or address).")] = None,
    ttl: Annotated[str | None, typer.Option(help="Lifetime, as in 90d. Default: until revoked.")] = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Print a new key, once: only its hash is kept. Not of an organization without API access."""
    scopes = list(Permission) if full else scope or _READING
    expires_at = None if ttl is None else clock.now() + duration(ttl)

    async def action(catalog: Catalog, settings: Settings) -> NewApiKey:
        organization = await get_by_slug(catalog, tenant)
        require_feature(organization, "api_access")
        acting = None if user is None else (await find_user(settings, organization, user)).id
        return await api_key.create(
            catalog, organization.id, name=name, scopes=scopes, user=acting, expires_at=expires_at
        )

    made = operate(data, action)
    notes.print(
        f"{tenant}: key {made.key.prefix} may {', '.join(made.key.scopes)}; it is shown this once",
        soft_wrap=True,
    )
    print(made.text)


@app.command("list")
def list_(tenant: Tenant, *, data: Data = DEFAULT_DATA) -> None:
    """List an organization's keys, the dead ones too."""

    async def action(catalog: Catalog, _: Settings) -> list[UsedApiKey]:
        return await repository.list_by_tenant(catalog, (await get_by_slug(catalog, tenant)).id)

    table = Table("prefix", "name", "state", "expires", "last used", "user", "scopes", box=None)
    now = clock.now()
    for key in operate(data, action):
        table.add_row(
            key.prefix,
            Text(key.name),
            _state(key, now),
            _moment(key.expires_at),
            _moment(key.last_used_at),
            str(key.user_id or ""),
            " ".join(key.scopes),
        )
    print_table(table)


@app.command()
def revoke(
    tenant: Tenant,
    prefix: Annotated[str, typer.Argument(help="As `list` shows it.")],
    *,
    data: Data = DEFAULT_DATA,
) -> None:
    """Put a key out of force; every process refuses it within a second."""

    async def action(catalog: Catalog, _: Settings) -> ApiKey:
        return await api_key.revoke(catalog, (await get_by_slug(catalog, tenant)).id, prefix)

    notes.print(f"{tenant}: key {operate(data, action).prefix} is revoked")


def _moment(at: datetime | None) -> str:
    return "never" if at is None else f"{at:%Y-%m-%d %H:%M}"


def _state(key: ApiKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "live" if api_key.is_live(key, now) else "expired"
