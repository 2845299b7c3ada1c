"""What the commands that change the catalog share: connect, act, say what went wrong in one line."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, TypeVar
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from harka.cli.embedded.attach import DATA, connected
from harka.config import Settings
from harka.errors import HarkaError, NotFoundError, UnavailableError
from harka.learning.work import UnitOfWork, unit_of_work
from harka.repositories import user as users
from harka.repositories.organization import Organization
from harka.repositories.user import User
from harka.storage.catalog import Catalog
from harka.storage.databases import Databases
from harka.storage.readiness import pending_control_migrations
from harka.storage.session import open_session
from harka.tenancy.context import operator_context

Data = Annotated[Path, typer.Option(help="Data directory of the embedded servers, where no URL is set.")]
Tenant = Annotated[str, typer.Option("--tenant", help="Slug of the organization.")]

DEFAULT_DATA: Final = DATA
notes: Final = Console(stderr=True, highlight=False)
"""For people; standard output carries only what a script would want."""

_DURATION: Final = re.compile(r"([1-9][0-9]{0,5})([smhd])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_LOOKUP_TIMEOUT: Final = 10.0
_WORK_TIMEOUT: Final = 30.0
_PIPE_WIDTH: Final = 400

T = TypeVar("T")


def operate(data: Path, action: Callable[[Catalog, Settings], Awaitable[T]], *, begins: bool = False) -> T:
    """Run `action` on the catalog that `data` and the environment name. Exit with 1 when it fails.

    `begins`: it makes sense where there is nothing yet.
    """
    try:
        with connected(data, begins=begins) as settings:
            return asyncio.run(_operated(settings, action))
    except HarkaError as error:
        notes.print(f"error: {error.message}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from error


@asynccontextmanager
async def operating(settings: Settings, organization: Organization) -> AsyncIterator[UnitOfWork]:
    """A unit of work as the operator of an organization, committed at the end of the block."""
    from harka.opening import open_runtime  # noqa: PLC0415 - `--help` need not wait for the server

    async with (
        open_runtime(settings) as runtime,
        unit_of_work(
            runtime.databases,
            runtime.cache,
            runtime.pubsub,
            operator_context(organization),
            read_only=False,
            timeout=_WORK_TIMEOUT,
        ) as work,
    ):
        yield work


def duration(text: str) -> timedelta:
    """`30s`, `15m`, `12h`, `90d`. Raise `typer.BadParameter`."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise typer.BadParameter("a number and one of s, m, h, d is needed, as in 12h")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def print_table(table: Table) -> None:
    """Print on standard output, whole: rich takes a pipe for 80 columns and would cut slugs short."""
    console = Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH)
    console.print(table)


async def find_user(settings: Settings, organization: Organization, who: str) -> User:
    """Find an active user by id or address. Raise `NotFoundError`."""
    databases = Databases(settings)
    try:
        session = open_session(
            databases, organization.location, organization.id, read_only=True, timeout=_LOOKUP_TIMEOUT
        )
        try:
            found = await (
                users.find_by_emails(session, [who])
                if "@" in who
                else users.find_by_ids(session, [_uuid(who)])
            )
        finally:
            await session.rollback()
    finally:
        await databases.close()
    if not found or found[0].status != "active":
        raise NotFoundError("This organization has no such active user.")
    return found[0]


async def _operated(settings: Settings, action: Callable[[Catalog, Settings], Awaitable[T]]) -> T:
    catalog = Catalog(settings)
    try:
        if await pending_control_migrations(catalog):
            raise UnavailableError(
                "The catalog is not up to date: run `harka migrate` (or `harka up`) first."
            )
        return await action(catalog, settings)
    finally:
        await catalog.close()


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFoundError("This is neither an address nor the id of a user.") from None
