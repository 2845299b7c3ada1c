"""`harka tenant limits …` and `harka tenant plan`: what an organization may have."""

import getpass
import os
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from harka import clock
from harka.analytics import quota
from harka.cli.control import DEFAULT_DATA, Data, notes, operate, print_table
from harka.codec import json_bytes
from harka.config import Settings
from harka.errors import DowngradeError, Excess, HarkaError
from harka.repositories import dependent, request_usage
from harka.repositories import entitlement as entitlements
from harka.repositories.entitlement import Change, Limit
from harka.repositories.organization import Organization
from harka.repositories.request_usage import RequestUsage
from harka.storage.catalog import Catalog
from harka.storage.databases import Databases
from harka.storage.session import open_session
from harka.tenancy import entitling
from harka.tenancy.entitlement import FEATURE_NAMES, LIMIT_NAMES, features_for, is_shadow, limits_for
from harka.tenancy.entitling import InUse, Wanted
from harka.tenancy.month import month_of
from harka.tenancy.plan import Plan
from harka.tenancy.provisioning import get_by_slug

app = typer.Typer(no_args_is_help=True, help="What an organization may have beside its plan; who changed it.")

Slug = Annotated[str, typer.Argument(help="The organization's slug.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]
Reason = Annotated[str, typer.Option(help="Why, for whoever reads the history.")]
Force = Annotated[
    bool,
    typer.Option(
        "--force",
        help="Even where more is in use than would be allowed, or hangs on a feature that goes: it stops. "
        "What it was stands in the history.",
    ),
]
_WORDS = {"on": True, "true": True, "off": False, "false": False}
_NO_LIMIT = "unlimited"
_TIMEOUT = 10.0
_CHANGES = 100


@app.command()
def show(slug: Slug, *, as_json: AsJson = False, data: Data = DEFAULT_DATA) -> None:
    """Show every limit and feature, and which of them are not the plan's."""

    async def action(catalog: Catalog, _: Settings) -> Organization:
        return await get_by_slug(catalog, slug)

    _print(operate(data, action), as_json=as_json)


@app.command("set")
def set_(
    slug: Slug,
    changes: Annotated[
        list[str],
        typer.Argument(help="As in users=500, bandwidth_bytes=unlimited, sso=on.", metavar="NAME=VALUE…"),
    ],
    *,
    reason: Reason = "",
    force: Force = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Grant limits or features in place of the plan's; they hold within a second."""
    limits: dict[str, Limit] = {}
    features: dict[str, bool] = {}
    for text in changes:
        name, _, value = text.partition("=")
        if name in FEATURE_NAMES:
            features[name] = _switch(text, value)
        else:
            limits[name] = _limit(text, value)
    wanted = Wanted(limits=limits, features=features)
    _change(data, slug, wanted, reason, force=force)


@app.command()
def clear(
    slug: Slug,
    names: Annotated[list[str], typer.Argument(help="Limits and features.")],
    *,
    reason: Reason = "",
    force: Force = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Go back to what the plan says."""
    wanted = Wanted(clear=tuple(names))
    _change(data, slug, wanted, reason, force=force)


@app.command()
def shadow(
    slug: Slug,
    *,
    on: Annotated[bool, typer.Option("--on/--off", help="Only count, or refuse again.")] = True,
    reason: Reason = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Only count what is beyond a limit, and let it pass."""
    wanted = Wanted(shadow=on)
    _change(data, slug, wanted, reason, is_held=False)


@app.command()
def history(slug: Slug, *, as_json: AsJson = False, data: Data = DEFAULT_DATA) -> None:
    """List who changed what when, the newest first."""

    async def action(catalog: Catalog, _: Settings) -> list[Change]:
        organization = await get_by_slug(catalog, slug)
        return list(await entitlements.history(catalog, organization.id, first=_CHANGES))

    found = operate(data, action)
    if as_json:
        print(json_bytes([msgspec.structs.asdict(each) for each in found]).decode())
        return
    names = ("version", "when", "who", "plan", "limits", "features", "shadow", "forced", "reason")
    table = Table(*names, box=None)
    for each in found:
        granted = [_pairs(each.limits), _pairs(each.features), "on" if each.shadow else "", _forced(each)]
        when = each.changed_at.isoformat(timespec="seconds")
        row = [str(each.version), when, each.actor, each.plan, *granted, each.reason]
        table.add_row(*map(Text, row))
    print_table(table)


def plan(
    slug: Slug,
    to: Annotated[Plan, typer.Argument(case_sensitive=False)],
    *,
    reason: Reason = "",
    force: Force = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Change the plan; refused where more is in use, or hangs on a feature, than fits, with a list of it."""
    wanted = Wanted(plan=to)
    _change(data, slug, wanted, reason, force=force)


def _change(
    data: Path, slug: str, wanted: Wanted, reason: str, *, force: bool = False, is_held: bool = True
) -> None:
    """Change it and show it. `force`: whatever is in use, or hangs on what goes; that is told, and noted.

    `is_held`: against that; needless where nothing is taken.
    """

    async def action(catalog: Catalog, settings: Settings) -> Organization:
        organization = await get_by_slug(catalog, slug)
        used = await _used(catalog, settings, organization, force=force) if is_held else None
        try:
            changed = await entitling.change(
                *(catalog, organization, wanted),
                actor=operator(),
                reason=reason,
                used=used,
                force=force,
            )
        except DowngradeError as error:
            for each in error.excess:
                _note(f"{_over(each)} must go")
            for feature, kind, name in error.dependents:
                _note(f"{feature}: {kind.replace('_', ' ')} {name} must go")
            raise
        if force and used is not None:
            forced = entitling.beyond(organization, wanted, used)
            for each in forced.excess:
                _note(f"exceeds: {_over(each)} too many")
            for feature, kind, name in forced.dependents:
                _note(f"stops: {kind.replace('_', ' ')} {name} (without {feature})")
        return changed

    _print(operate(data, action))


def operator() -> str:
    """Who runs the command; of a user without a name, as in many a container, the number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _note(text: str) -> None:
    """Whole, however long: whoever reads it may be a program."""
    notes.print(text, markup=False, soft_wrap=True)


def _over(each: Excess) -> str:
    return f"{each.resource}: {each.used:,.0f} of {each.limit:,.0f}, so {each.over:,.0f}"


async def _used(
    catalog: Catalog, settings: Settings, organization: Organization, *, force: bool
) -> InUse | None:
    """None where it cannot be measured, which `force` lets pass: the tenant's database may be down."""
    try:
        return await _measure(catalog, settings, organization)
    except HarkaError as error:
        if not force:
            raise
        _note(f"not measured: {error.message}")
        return None


async def _measure(catalog: Catalog, settings: Settings, organization: Organization) -> InUse:
    month = month_of(clock.now(), organization.timezone)
    requests = await request_usage.find(catalog, organization.id, month) or RequestUsage(0, clock.now())
    databases = Databases(settings)
    try:
        session = open_session(
            databases, organization.location, organization.id, read_only=True, timeout=_TIMEOUT
        )
        try:
            measured = await quota.measure(session, organization, requests)
            found = await dependent.list_all(catalog, session, organization.id)
        finally:
            await session.rollback()
    finally:
        await databases.close()
    return InUse({each.resource: each.used for each in measured}, found)


def _limit(text: str, value: str) -> Limit:
    if value == _NO_LIMIT:
        return None
    try:
        return int(value) if value.isdecimal() else float(value)
    except ValueError:
        raise typer.BadParameter(f"{text}: a number or {_NO_LIMIT} is needed") from None


def _switch(text: str, value: str) -> bool:
    if value not in _WORDS:
        raise typer.BadParameter(f"{text}: on or off is needed")
    return _WORDS[value]


def _print(organization: Organization, *, as_json: bool = False) -> None:
    granted = organization.granted
    limits, features = limits_for(organization), features_for(organization)
    own = {} if granted is None else granted.limits
    if as_json:
        shown = {
            "plan": organization.plan,
            "limits": {name: getattr(limits, name) for name in LIMIT_NAMES},
            "features": msgspec.structs.asdict(features),
            "granted": {**own, **organization.features},
            "shadow": is_shadow(organization),
            "version": 0 if granted is None else granted.version,
        }
        print(json_bytes(shown).decode())
        return
    print(f"{organization.slug}: {organization.plan}{', shadow' if is_shadow(organization) else ''}")
    for name in LIMIT_NAMES:
        value = getattr(limits, name)
        mark = " (granted)" if name in own else ""
        print(f"  {name:<22}{_NO_LIMIT if value is None else format(value, ',')}{mark}")
    for name in FEATURE_NAMES:
        mark = " (granted)" if name in organization.features else ""
        print(f"  {name:<22}{'on' if getattr(features, name) else 'off'}{mark}")


def _forced(change: Change) -> str:
    if change.forced is None:
        return ""
    if not change.forced["measured"]:
        return "not measured"
    over = [f"exceeds {each['resource']}" for each in change.forced["excess"]]
    return ", ".join([*over, *(f"stops {each['name']}" for each in change.forced["dependents"])]) or "yes"


def _pairs(values: "dict[str, Limit] | dict[str, bool]") -> str:
    return " ".join(f"{name}={_NO_LIMIT if value is None else value}" for name, value in values.items())
