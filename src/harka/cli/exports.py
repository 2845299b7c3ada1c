"""`harka export`: everything a tenant has, as JSON Lines."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC
from pathlib import Path
from typing import Annotated, Final

import typer

from harka import clock
from harka.cli.control import DEFAULT_DATA, Data, operate
from harka.config import Settings
from harka.learning.work import unit_of_work
from harka.onboarding.export import FILES, PARTS, contents
from harka.repositories.organization import Organization
from harka.runtime import Runtime
from harka.storage.catalog import Catalog
from harka.tenancy.context import operator_context
from harka.tenancy.provisioning import get_by_slug

_TIMEOUT: Final = 3600.0


def export(
    tenant: Annotated[str, typer.Argument(help="Slug of the organization.")],
    *,
    out: Annotated[
        Path | None,
        typer.Option(
            file_okay=False,
            help="Directory to write to, with what is in files. Default: the tenant's own store.",
        ),
    ] = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Write people, courses and what people did in them as JSON Lines, and files; all from one moment."""

    async def action(catalog: Catalog, settings: Settings) -> list[str]:
        from harka.opening import open_runtime  # noqa: PLC0415 - `--help` need not wait for the server

        organization = await get_by_slug(catalog, tenant)
        async with open_runtime(settings) as runtime:
            return await _export(runtime, organization, out)

    for written in operate(data, action):
        print(written)


async def _export(runtime: Runtime, organization: Organization, out: Path | None) -> list[str]:
    prefix = f"exports/{clock.now().astimezone(UTC):%Y%m%dT%H%M%SZ}"
    written = []
    context = operator_context(organization, "export")
    async with unit_of_work(
        runtime.databases, runtime.cache, runtime.pubsub, context, read_only=True, timeout=_TIMEOUT
    ) as work:
        for name, read in PARTS.items():
            if out is None:
                await runtime.files.write(organization.id, f"{prefix}/{name}", read(work))
                written.append(f"{prefix}/{name}")
            else:
                await _write(out / name, read(work))
                written.append(str(out / name))
        if out is not None:
            # in the tenant's own store they are already
            async for id_, content in contents(work, runtime.files):
                await _write(out / FILES / str(id_), content)
                written.append(str(out / FILES / str(id_)))
    return written


async def _write(path: Path, content: AsyncIterator[bytes]) -> None:
    """Replace the file in one step: an export that fails leaves the one before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as file:
        async for piece in content:
            await asyncio.to_thread(file.write, piece)
    partial.replace(path)
