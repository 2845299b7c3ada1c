"""Making, suspending and naming organizations: what the command line and the demo call.

A tenant appears in the catalog in one transaction, after its home exists: it is served whole or not at all. A
crash before that leaves at most an empty home, and the same call simply succeeds later. A shard where others
live is taken as it is.
"""

import asyncio
from collections.abc import Mapping
from typing import Final
from uuid import UUID

from harka import clock
from harka.config import Settings
from harka.crypto.keyring import Keyring
from harka.crypto.signing import Algorithm
from harka.errors import ConflictError, NotFoundError, ValidationError
from harka.fastpath import RESERVED_SUBDOMAINS
from harka.ids import new_id
from harka.repositories import domain as domains
from harka.repositories import organization as organizations
from harka.repositories import placement as placements
from harka.repositories import signing_key as signing_keys
from harka.repositories.domain import Domain, DomainStatus
from harka.repositories.organization import Organization
from harka.repositories.placement import Placement
from harka.storage.catalog import Catalog, CatalogAccess
from harka.storage.failure import UniqueError
from harka.storage.provision import create_home, drop_home
from harka.tenancy import signing_key
from harka.tenancy.domain_name import LABEL, accept_domain
from harka.tenancy.entitlement import require_feature
from harka.tenancy.placement import Mode, first_home
from harka.tenancy.plan import Plan

_NAME_CHARACTERS: Final = 200
_MOST_DOMAINS: Final = 100
_DOMAINS: Final = "custom_branding"
"""The feature by which they are served."""


async def create_tenant(  # noqa: PLR0913 - one argument for each thing a tenant starts with
    catalog: Catalog,
    settings: Settings,
    *,
    name: str,
    slug: str,
    plan: Plan,
    users_expected: int,
    mode: Mode | None = None,
    domain: str | None = None,
    locale: str = "en",
    timezone: str = "UTC",
    region: str | None = None,
    algorithm: Algorithm = Algorithm.EDDSA,
    tags: Mapping[str, str] | None = None,
) -> Organization:
    """Make an organization with its home and signing key; every process serves it within a second.

    `domain` counts as proven: only an operator gets here. `tags` go into its settings. Raise
    `ValidationError` naming the field, `FeatureNotInPlanError` for a domain that the plan does not serve, and
    `ConflictError` when slug or domain is taken.
    """
    made_at = clock.now()
    tenant = new_id()
    home = first_home(settings, tenant, users_expected, mode)
    organization = Organization(
        id=tenant,
        name=_checked_name(name),
        slug=_checked_slug(slug),
        plan=plan,
        status="active",
        locale=locale,
        timezone=timezone,
        region=region or None,
        settings=dict(tags or {}),
        features={},
        created_at=made_at,
        updated_at=made_at,
        version=1,
        domain=None if domain is None else accept_domain(domain, settings.platform_domain),
        shard=home.shard,
        mode=home.mode,
        database=home.database,
        schema=home.schema,
        epoch=home.epoch,
    )
    if domain is not None:
        require_feature(organization, _DOMAINS, field="domain")
    await _require_free_slug(catalog, organization.slug)
    # one where others live is there: what a release adds to it is for migrations, which visit every home
    if not await placements.is_inhabited(catalog, organization.location):
        await create_home(settings, organization.location)
    try:
        await _enter(catalog, settings, organization, home, algorithm)
    except UniqueError as error:
        if home.mode != Mode.POOL:
            await drop_home(settings, organization.location)
        raise ConflictError(_taken(error)) from error
    return organization


async def suspend(catalog: Catalog, tenant: UUID) -> Organization:
    """Nobody gets in any more, within a second. Raise `NotFoundError`."""
    return _found(await organizations.set_status(catalog, tenant, "suspended"))


async def resume(catalog: Catalog, tenant: UUID) -> Organization:
    """Raise `NotFoundError`."""
    return _found(await organizations.set_status(catalog, tenant, "active"))


async def get_by_slug(catalog: Catalog, slug: str) -> Organization:
    """Raise `NotFoundError`."""
    return _found(await organizations.find_by_slug(catalog, slug))


async def add_domain(catalog: Catalog, settings: Settings, organization: Organization, name: str) -> Domain:
    """Claim a custom domain: PENDING, matched by nothing until it is proven or confirmed.

    Any number of organizations may claim the same name. Raise `ValidationError` for what is no domain or
    belongs to the platform, `FeatureNotInPlanError`, `ConflictError` when this organization has claimed it
    already.
    """
    require_feature(organization, _DOMAINS)
    accepted = accept_domain(name, settings.platform_domain)
    try:
        return await _claim(catalog, organization.id, accepted, DomainStatus.PENDING)
    except UniqueError as error:
        raise ConflictError("This organization has this domain already.") from error


async def confirm_domain(catalog: Catalog, organization: Organization, name: str) -> Domain:
    """Take the operator's word for a claimed domain; it is served within a second.

    Raise `NotFoundError` for a name not claimed, `FeatureNotInPlanError`, `ConflictError` when another
    organization proved it.
    """
    require_feature(organization, _DOMAINS)
    try:
        confirmed = await domains.confirm(catalog, organization.id, name.lower().removesuffix("."))
    except UniqueError as error:
        raise ConflictError(_taken(error)) from error
    if confirmed is None:
        raise NotFoundError("This organization has not claimed this domain.")
    return confirmed


async def _enter(
    catalog: Catalog, settings: Settings, organization: Organization, home: Placement, algorithm: Algorithm
) -> None:
    key = await asyncio.to_thread(signing_key.make, Keyring(settings.secret), organization.id, algorithm)
    async with catalog.transaction() as transaction:
        await organizations.insert(transaction, organization)
        await placements.insert(transaction, home)
        await signing_keys.insert(transaction, key)
        if organization.domain is not None:
            await _claim(transaction, organization.id, organization.domain, DomainStatus.ACTIVE)


async def _claim(catalog: CatalogAccess, tenant: UUID, name: str, status: str) -> Domain:
    """Raise `ConflictError` for more than an organization can have."""
    made = await domains.insert(catalog, new_id(), tenant, name, status, most=_MOST_DOMAINS)
    if made is None:
        raise ConflictError("This organization has enough domains.")
    return made


async def _require_free_slug(catalog: Catalog, slug: str) -> None:
    """Before a home is made for nothing; the database's own constraint decides a race."""
    if await organizations.find_by_slug(catalog, slug) is not None:
        raise ConflictError("This slug is taken.")


def _taken(error: UniqueError) -> str:
    return "Another organization has this domain." if "domain" in error.constraint else "This slug is taken."


def _found(organization: Organization | None) -> Organization:
    if organization is None:
        raise NotFoundError("There is no such organization.")
    return organization


def _checked_name(name: str) -> str:
    name = name.strip()
    if not 0 < len(name) <= _NAME_CHARACTERS or not name.isprintable():
        raise ValidationError(
            f"A name of 1 to {_NAME_CHARACTERS} printable characters is needed.", field="name"
        )
    return name


def _checked_slug(slug: str) -> str:
    # xn-- and its kin would show as something else in a browser's address bar
    if not LABEL.fullmatch(slug) or slug[2:4] == "--":
        raise ValidationError(
            "A slug is 1 to 63 lower-case letters, digits and inner hyphens, as in a host name.", field="slug"
        )
    if slug in RESERVED_SUBDOMAINS:
        raise ValidationError("This slug is reserved.", field="slug")
    return slug
