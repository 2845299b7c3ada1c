"""`harka tenant …`: organizations and their domains."""

from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from harka.cli import limits
from harka.cli.control import DEFAULT_DATA, Data, operate, print_table
from harka.codec import json_bytes
from harka.config import Settings
from harka.crypto.signing import Algorithm
from harka.learning.locale import accept_locale, accept_timezone
from harka.repositories import domain as domains
from harka.repositories import organization as organizations
from harka.repositories.domain import Domain, DomainStatus
from harka.repositories.organization import Organization
from harka.storage.catalog import Catalog
from harka.tenancy import provisioning
from harka.tenancy.entitlement import features_for
from harka.tenancy.placement import Mode
from harka.tenancy.plan import Plan

app = typer.Typer(
    no_args_is_help=True, help="Organizations: create, list, show, suspend, resume, plan, limits, domains."
)
domain_app = typer.Typer(no_args_is_help=True, help="Custom domains of an organization.")
app.add_typer(domain_app, name="domain")
app.add_typer(limits.app, name="limits")
app.command("plan")(limits.plan)

Slug = Annotated[str, typer.Argument(help="The organization's slug: its subdomain of the platform.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]
_PAGE = 500
_NOT_SERVED = " (not served: the plan has no customBranding)"
_LISTED = ("slug", "name", "plan", "status", "mode", "shard", "domain")
_SHOWN = (*_LISTED, "database", "schema", "locale", "timezone", "region")
DomainName = Annotated[str, typer.Argument(help="As in learn.example.com.")]


@app.command()
def create(  # noqa: PLR0913 - one argument for each option
    slug: Slug,
    *,
    name: Annotated[str | None, typer.Option(help="Shown name. Default: the slug.")] = None,
    plan: Annotated[Plan, typer.Option(case_sensitive=False)] = Plan.STARTER,
    users: Annotated[int, typer.Option(help="Users expected: chooses the first home.", min=0)] = 100,
    mode: Annotated[Mode | None, typer.Option(case_sensitive=False, help="Default: by size.")] = None,
    domain: Annotated[str | None, typer.Option(help="Custom domain; counts as verified.")] = None,
    locale: Annotated[str, typer.Option()] = "en",
    timezone: Annotated[str, typer.Option()] = "UTC",
    region: Annotated[str | None, typer.Option(help="Where its data are to be kept.")] = None,
    algorithm: Annotated[
        Algorithm, typer.Option(case_sensitive=False, help="Of its tokens.")
    ] = Algorithm.EDDSA,
    as_json: AsJson = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Create an organization with its home; a running HARKA serves it within a second."""

    async def action(catalog: Catalog, settings: Settings) -> Organization:
        return await provisioning.create_tenant(
            catalog,
            settings,
            name=slug if name is None else name,
            slug=slug,
            plan=plan,
            users_expected=users,
            mode=mode,
            domain=domain,
            locale=accept_locale(locale),
            timezone=accept_timezone(timezone),
            region=region,
            algorithm=algorithm,
        )

    _show(operate(data, action, begins=True), as_json=as_json)


@app.command("list")
def list_(*, as_json: AsJson = False, data: Data = DEFAULT_DATA) -> None:
    """List all organizations, oldest first."""

    async def action(catalog: Catalog, _: Settings) -> list[Organization]:
        found: list[Organization] = []
        after = None
        while ids := await organizations.list_ids(catalog, after=after, first=_PAGE):
            found += sorted(await organizations.find_by_ids(catalog, ids), key=lambda each: each.id)
            after = ids[-1]
        return found

    found = operate(data, action)
    if as_json:
        print(json_bytes([_fields(each) for each in found]).decode())
        return
    table = Table(*_LISTED, box=None)
    for each in found:
        told = {name: getattr(each, name) for name in _LISTED} | {"domain": _marked_domain(each)}
        table.add_row(*(Text(value or "") for value in told.values()))
    print_table(table)


@app.command()
def show(slug: Slug, *, as_json: AsJson = False, data: Data = DEFAULT_DATA) -> None:
    """Show an organization, where it lives and its domains."""

    async def action(catalog: Catalog, _: Settings) -> tuple[Organization, list[str]]:
        organization = await provisioning.get_by_slug(catalog, slug)
        claimed = await domains.page(catalog, organization.id, first=_PAGE)
        return organization, [_marked(organization, each) for each in claimed]

    organization, claimed = operate(data, action)
    _show(organization, as_json=as_json, domains=claimed)


@app.command()
def suspend(slug: Slug, *, data: Data = DEFAULT_DATA) -> None:
    """Refuse everybody of an organization, within a second; nothing is deleted."""

    async def action(catalog: Catalog, _: Settings) -> Organization:
        return await provisioning.suspend(catalog, (await provisioning.get_by_slug(catalog, slug)).id)

    _show(operate(data, action))


@app.command()
def resume(slug: Slug, *, data: Data = DEFAULT_DATA) -> None:
    """Let an organization in again."""

    async def action(catalog: Catalog, _: Settings) -> Organization:
        return await provisioning.resume(catalog, (await provisioning.get_by_slug(catalog, slug)).id)

    _show(operate(data, action))


@domain_app.command("add")
def domain_add(slug: Slug, name: DomainName, *, data: Data = DEFAULT_DATA) -> None:
    """Claim a domain; nothing is served there until `verify`."""

    async def action(catalog: Catalog, settings: Settings) -> Domain:
        organization = await provisioning.get_by_slug(catalog, slug)
        return await provisioning.add_domain(catalog, settings, organization, name)

    _show_domain(operate(data, action))


@domain_app.command("verify")
def domain_verify(slug: Slug, name: DomainName, *, data: Data = DEFAULT_DATA) -> None:
    """Confirm, as the operator, that the organization holds the domain; it is served within a second."""

    async def action(catalog: Catalog, _: Settings) -> Domain:
        organization = await provisioning.get_by_slug(catalog, slug)
        return await provisioning.confirm_domain(catalog, organization, name)

    _show_domain(operate(data, action))


def _show(organization: Organization, *, as_json: bool = False, **more: Any) -> None:
    fields = {**_fields(organization), **more}
    if as_json:
        print(json_bytes(fields).decode())
        return
    for name, value in {**fields, "domain": _marked_domain(organization)}.items():
        shown = ", ".join(value) if isinstance(value, list) else "" if value is None else value
        print(f"{name:<12}{shown}".rstrip())


def _show_domain(domain: Domain) -> None:
    print(f"{domain.name} ({domain.status})")


def _fields(organization: Organization) -> dict[str, Any]:
    fields: dict[str, Any] = {name: getattr(organization, name) for name in _SHOWN}
    if not features_for(organization).custom_branding:
        fields["domain"] = None
    return {"id": str(organization.id), **fields, "features": _features(organization)}


def _marked_domain(organization: Organization) -> str | None:
    """Told also where it leads nowhere, and that it does: for people, who look for it."""
    if organization.domain is None or features_for(organization).custom_branding:
        return organization.domain
    return organization.domain + _NOT_SERVED


def _marked(organization: Organization, domain: Domain) -> str:
    is_dead = domain.status == DomainStatus.ACTIVE and not features_for(organization).custom_branding
    return f"{domain.name} ({domain.status}){_NOT_SERVED if is_dead else ''}"


def _features(organization: Organization) -> list[str]:
    features = features_for(organization)
    return [name for name in features.__struct_fields__ if getattr(features, name)]
