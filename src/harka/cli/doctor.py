"""`harka doctor`: what works on this machine, and what does not."""

import asyncio
import platform
from collections.abc import Awaitable, Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console

import harka
from harka.auth.xmlsec import Xmlsec
from harka.cache.tenant import TenantCache
from harka.cli.embedded import postgres, valkey
from harka.cli.embedded.attach import NotStartedError, running_settings
from harka.cli.embedded.directory import DATA, holder, locate
from harka.config import Settings, load
from harka.errors import HarkaError
from harka.fastpath import COMPILED
from harka.storage.databases import Databases
from harka.storage.migrate import check_all
from harka.storage.readiness import ping

_TIMEOUT: Final = 3.0


class State(StrEnum):
    OK = "ok"
    NOTE = "note"
    BAD = "bad"


class Finding(msgspec.Struct, frozen=True):
    subject: str
    state: State
    detail: str


def doctor(
    *, data: Annotated[Path, typer.Option(help="Data directory of the embedded servers.")] = DATA
) -> None:
    """Look at everything HARKA needs here. Exit 1 when something is broken."""
    console = Console(highlight=False)
    colours = {State.OK: "green", State.NOTE: "yellow", State.BAD: "red"}
    broken = False
    for finding in examine(load(), data):
        broken |= finding.state is State.BAD
        console.print(f"[{colours[finding.state]}]{finding.state:<5}[/]", f"{finding.subject:<15}", end="")
        console.print(finding.detail, markup=False, soft_wrap=True)
    raise typer.Exit(1 if broken else 0)


def examine(settings: Settings, data: Path) -> Iterator[Finding]:
    yield Finding("harka", State.OK, harka.__version__)
    yield Finding("python", State.OK, f"{platform.python_version()} on {platform.platform()}")
    yield _fast_path()
    if settings.database_url is None:
        yield _tried("postgresql", lambda: _postgres_programs(settings))
    if settings.redis_url is None:
        yield _tried("valkey", lambda: str(valkey.find_program(settings)))
    yield _xmlsec1(settings)
    yield _data_directory(data)
    yield _secret(settings)
    try:
        running = running_settings(settings, data) or settings
    except NotStartedError as error:
        yield Finding("servers", State.NOTE, error.message)
        return
    if running.database_url is None:
        yield Finding("database", State.NOTE, "embedded, not running: `harka up` starts it")
    else:
        yield from asyncio.run(_databases(running))
    if running.redis_url is not None:
        yield asyncio.run(_cache(running))


def _fast_path() -> Finding:
    if COMPILED:
        return Finding("fast path", State.OK, "compiled")
    return Finding("fast path", State.NOTE, "pure Python: no compiler was found, or HARKA_PURE_PYTHON is set")


def _postgres_programs(settings: Settings) -> str:
    programs = postgres.find_programs(settings)
    return f"{postgres.version(programs)} in {programs}"


def _xmlsec1(settings: Settings) -> Finding:
    try:
        version = Xmlsec(Path(settings.xmlsec1)).version()
    except HarkaError as error:
        return Finding("xmlsec1", State.NOTE, f"{error.message} Nobody signs in by SAML.")
    return Finding("xmlsec1", State.OK, f"{'.'.join(map(str, version))} at {settings.xmlsec1}")


def _data_directory(data: Path) -> Finding:
    directory = locate(data)
    if not directory.exists():
        return Finding("data", State.OK, f"{directory}: made by the first `harka up`")
    pid = holder(data)
    return Finding("data", State.OK, f"{directory}: {f'in use by process {pid}' if pid else 'not in use'}")


def _secret(settings: Settings) -> Finding:
    if not settings.secret and settings.database_url is not None:
        return Finding("secret", State.BAD, "HARKA_SECRET is not set: `openssl rand -hex 32` makes one")
    return Finding("secret", State.OK, "set" if settings.secret else "kept with the data")


async def _databases(settings: Settings) -> list[Finding]:
    databases = Databases(settings)
    try:
        answers = await _asked("database", ping(databases, "app", seconds=_TIMEOUT))
    finally:
        await databases.close()
    try:
        pending = await check_all(settings)
    except HarkaError as error:
        return [answers, Finding("migrations", State.BAD, error.message)]
    if pending:
        return [answers, Finding("migrations", State.BAD, f"{len(pending)} pending: run `harka migrate`")]
    return [answers, Finding("migrations", State.OK, "none pending")]


async def _cache(settings: Settings) -> Finding:
    cache = TenantCache(settings.redis_url, bytes(16))  # the key names entries; none is read
    try:
        answers = await cache.ping()
    finally:
        await cache.close()
    return (
        Finding("cache", State.OK, "answers") if answers else Finding("cache", State.BAD, "does not answer")
    )


async def _asked(subject: str, question: Awaitable[None]) -> Finding:
    try:
        await question
    except HarkaError as error:
        return Finding(subject, State.BAD, error.message)
    return Finding(subject, State.OK, "answers")


def _tried(subject: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(subject, State.OK, look())
    except HarkaError as error:
        return Finding(subject, State.BAD, error.message)
