"""`harka jobs …`: an organization's jobs."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Annotated, Final, TypeVar
from uuid import UUID

import typer
from rich.table import Table
from rich.text import Text

from harka.cli.control import DEFAULT_DATA, Data, Tenant, notes, operate, operating, print_table
from harka.config import Settings
from harka.learning import job as jobs
from harka.learning.work import UnitOfWork
from harka.repositories.job import Job, JobState
from harka.repositories.page import Order, OrderDirection
from harka.storage.catalog import Catalog
from harka.tenancy.provisioning import get_by_slug

app = typer.Typer(no_args_is_help=True, help="Jobs of an organization: list, dead, cancel, retry.")

_NEWEST_FIRST: Final = Order("created_at", OrderDirection.DESC)

JobId = Annotated[UUID, typer.Argument(help="As `list` shows it.")]
T = TypeVar("T")


@app.command("list")
def list_(
    tenant: Tenant,
    *,
    state: Annotated[JobState | None, typer.Option(help="Only those in this state.")] = None,
    type_: Annotated[str | None, typer.Option("--type", help="Only those of this type.")] = None,
    most: Annotated[int, typer.Option(help="How many, the newest first.", min=1, max=10_000)] = 50,
    data: Data = DEFAULT_DATA,
) -> None:
    """List an organization's newest jobs."""

    async def action(work: UnitOfWork) -> Sequence[Job]:
        return await jobs.list_page(
            work, after=None, first=most, order=_NEWEST_FIRST, state=state, type_=type_
        )

    _print(_worked(tenant, data, action))


@app.command()
def dead(
    tenant: Tenant,
    *,
    most: Annotated[int, typer.Option(help="How many, the newest first.", min=1, max=10_000)] = 50,
    data: Data = DEFAULT_DATA,
) -> None:
    """List the jobs that were given up, with why."""
    list_(tenant, state=JobState.DEAD, type_=None, most=most, data=data)


@app.command()
def cancel(tenant: Tenant, job: JobId, *, data: Data = DEFAULT_DATA) -> None:
    """Cancel a job: at once while it waits, within seconds while it runs."""
    ended = _worked(tenant, data, lambda work: jobs.cancel(work, job))
    notes.print(f"{tenant}: job {ended.id} is {'being cancelled' if ended.cancelling else ended.state}")


@app.command()
def retry(tenant: Tenant, job: JobId, *, data: Data = DEFAULT_DATA) -> None:
    """Have a job tried again that was given up or cancelled."""
    again = _worked(tenant, data, lambda work: jobs.retry(work, job))
    notes.print(f"{tenant}: job {again.id} is {again.state}")


def _worked(tenant: str, data: Data, action: Callable[[UnitOfWork], Awaitable[T]]) -> T:
    """What `action` answers, as the operator of this organization, committed."""

    async def operated(catalog: Catalog, settings: Settings) -> T:
        async with operating(settings, await get_by_slug(catalog, tenant)) as work:
            return await action(work)

    return operate(data, operated)


def _print(found: Sequence[Job]) -> None:
    table = Table("id", "type", "state", "attempts", "put in", "runs at", "ended", "error", box=None)
    for job in found:
        table.add_row(
            str(job.id),
            job.type,
            job.state,
            f"{job.attempts}/{job.max_attempts}",
            _moment(job.created_at),
            _moment(job.run_at),
            _moment(job.finished_at),
            Text(job.error or ""),
        )
    print_table(table)


def _moment(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M:%S}"
