"""`harka migrate`: database schemas."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from harka.cli.embedded.attach import connected
from harka.cli.embedded.directory import DATA
from harka.config import Settings
from harka.storage.location import catalog_url, database_name
from harka.storage.migrate import Migrated, check_all, migrate_all
from harka.storage.provision import prepare_server


def migrate(
    *,
    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit 1 if any is pending.")] = False,
    superuser: Annotated[
        str | None,
        typer.Option(metavar="URL", help="First make roles and catalog database, as this superuser."),
    ] = None,
    data: Annotated[
        Path, typer.Option(help="Data directory of the embedded servers, where no URL is set.")
    ] = DATA,
) -> None:
    """Bring the catalog and every tenant's schema up to date."""
    with connected(data, begins=not check) as settings:
        ready = asyncio.run(_check(settings) if check else _migrate(settings, superuser))
    raise typer.Exit(0 if ready else 1)


async def _check(settings: Settings) -> bool:
    pending = await check_all(settings)
    print("\n".join(f"pending: {line}" for line in pending) or "up to date")
    return not pending


async def _migrate(settings: Settings, superuser: str | None) -> bool:
    if superuser is not None:
        await prepare_server(superuser, database=database_name(catalog_url(settings)))
    report = await migrate_all(settings, on_schema=_show)
    print(f"{len(report)} schemas, {sum(len(done.names) for done in report)} migrations applied")
    return True


def _show(done: Migrated) -> None:
    for name in done.names:
        print(f"{done.location.database}.{done.location.schema}: {name}", flush=True)
