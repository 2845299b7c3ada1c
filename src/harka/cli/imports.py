"""`harka import …`: the demo tenants; a tenant's users and enrollments from CSV files."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Annotated, Final, TextIO
from uuid import UUID

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from harka.cli.control import DEFAULT_DATA, Data, Tenant, notes, operate
from harka.config import Settings
from harka.learning.work import unit_of_work
from harka.onboarding import demo
from harka.onboarding.demo import DemoSummary, Loaded
from harka.onboarding.export import FILES
from harka.onboarding.figures import Figures
from harka.onboarding.restore import Restored, restore
from harka.onboarding.restore_file import Contents
from harka.onboarding.roster import Imported, import_enrollments, import_users
from harka.storage.catalog import Catalog
from harka.tenancy.context import operator_context
from harka.tenancy.provisioning import get_by_slug

app = typer.Typer(no_args_is_help=True, help="Read data in.")

_TIMEOUT: Final = 600.0
_PIECE_BYTES: Final = 1 << 20
_WIDE: Final = 120  # a file or a pipe counts as 80, too narrow for the table
_File = Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="CSV with a line of names.")]


@app.command()
def oulad(*, data: Data = DEFAULT_DATA) -> None:
    """Make the demo tenants of the Open University dataset (OULAD); goes on where it was stopped."""
    with _bar() as bar:
        task = bar.add_task("demo tenants", total=None)

        def report(loaded: Loaded) -> None:
            bar.update(task, completed=loaded.done, total=loaded.total, description=loaded.slug)

        async def action(_: Catalog, settings: Settings) -> DemoSummary:
            from harka.opening import open_runtime  # noqa: PLC0415 - `--help` need not wait for the server

            async with open_runtime(settings) as runtime:
                return await demo.load(runtime, report)

        summary = operate(data, action, begins=True)
    _show(summary)


@app.command("csv")
def csv_(
    tenant: Tenant,
    *,
    users: _File = None,
    enrollments: _File = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Try everything, keep nothing.")] = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Add users (email, name, role, locale, timezone) and enrollments (email, course, enrolled_at, due_at).

    All rows or none: when one is refused, each refusal is listed and nothing is kept. Rows that are there
    already stay as they are, so a file may be imported again.
    """
    if users is None and enrollments is None:
        raise typer.BadParameter("--users or --enrollments (or both) is needed")

    async def action(catalog: Catalog, settings: Settings) -> list[tuple[Path, Imported]]:
        return await _import(catalog, settings, tenant, users, enrollments, keep=not dry_run)

    done = operate(data, action)
    for path, imported in done:
        for error in imported.errors:
            place = f"{path}:{error.line}" + (f": {error.field}" if error.field else "")
            print(f"{place}: {error.code}: {error.message}")
    failed = any(imported.errors for _, imported in done)
    for path, imported in done:
        verb = "would be created" if dry_run or failed else "created"
        notes.print(
            f"{path}: {imported.created:,} {verb}, {imported.unchanged:,} were there, "
            f"{len(imported.errors):,} refused",
            markup=False,
            soft_wrap=True,
        )
    if failed:
        notes.print("nothing was kept", style="red")
        raise typer.Exit(1)


@app.command()
def archive(
    tenant: Tenant,
    directory: Annotated[
        Path, typer.Argument(exists=True, file_okay=False, help="Where `harka export --out` wrote to.")
    ],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Try everything, keep nothing.")] = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Add what another organization's export holds, with what is in its files: all of it, or nothing."""

    async def action(catalog: Catalog, settings: Settings) -> Restored:
        return await _restore(catalog, settings, tenant, directory, keep=not dry_run)

    done = operate(data, action)
    verb = "would be restored" if dry_run else "restored"
    told = [f"{number:,} {noun}" for noun, number in done.came.items()]
    notes.print(f"{', '.join(told)} {verb}", markup=False)
    for noun, number in done.left.items():
        notes.print(f"{number:,} {noun} stayed behind: the export does not hold their files", markup=False)


async def _restore(
    catalog: Catalog, settings: Settings, tenant: str, directory: Path, *, keep: bool
) -> Restored:
    from harka.opening import open_runtime  # noqa: PLC0415 - `--help` need not wait for the server

    def lines(name: str) -> Iterator[bytes]:
        path = directory / name
        if path.exists():
            with path.open("rb") as opened:
                yield from opened

    def content(id_: UUID) -> AsyncIterator[bytes] | None:
        path = directory / FILES / str(id_)
        return _pieces(path) if path.is_file() else None

    context = operator_context(await get_by_slug(catalog, tenant), "import")
    async with open_runtime(settings) as runtime:
        contents, kept = Contents(runtime.files, content), False
        try:
            async with unit_of_work(
                runtime.databases,
                runtime.cache,
                runtime.pubsub,
                context,
                read_only=False,
                timeout=_TIMEOUT,
                outside=runtime.outside,
            ) as work:
                done = await restore(work, lines, contents)
                if not keep:
                    await work.rollback()
            kept = keep
        finally:
            if not kept:
                await contents.forget(context.id)
    return done


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as opened:
        while piece := await asyncio.to_thread(opened.read, _PIECE_BYTES):
            yield piece


async def _import(
    catalog: Catalog,
    settings: Settings,
    tenant: str,
    users: Path | None,
    enrollments: Path | None,
    *,
    keep: bool,
) -> list[tuple[Path, Imported]]:
    from harka.opening import open_runtime  # noqa: PLC0415 - `--help` need not wait for the server

    context = operator_context(await get_by_slug(catalog, tenant), "import")
    done = []
    async with (
        open_runtime(settings) as runtime,
        unit_of_work(
            runtime.databases, runtime.cache, runtime.pubsub, context, read_only=False, timeout=_TIMEOUT
        ) as work,
    ):
        for path, read in ((users, import_users), (enrollments, import_enrollments)):
            if path is not None:
                with _opened(path) as lines:
                    done.append((path, await read(work, lines)))
        if not keep or any(imported.errors for _, imported in done):
            await work.rollback()
    return done


def _opened(path: Path) -> TextIO:
    # a byte order mark is what spreadsheet programs begin with
    return path.open(encoding="utf-8-sig", newline="")


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description:<20}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("enrollments"),
        TimeElapsedColumn(),
        console=notes,
        disable=not notes.is_terminal,
    )


def _show(summary: DemoSummary) -> None:
    names = Figures.__struct_fields__
    table = Table("", *names, box=None)
    rows = {**summary.modes, "together": summary.total}
    if summary.planned is not None:
        rows["in the files"] = summary.planned
    for title, figures in rows.items():
        table.add_row(title, *(f"{getattr(figures, name):,}" for name in names))
    Console(width=_WIDE, highlight=False).print(table)
    there = len(summary.tenants) - summary.loaded
    notes.print(f"{summary.loaded} demo tenants loaded, {there} were there already")
