"""What stands on a certificate that is printed: in the language and the look of who issued it."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from harka.errors import NotFoundError
from harka.learning import branding
from harka.learning.certificate_words import words_of
from harka.learning.work import UnitOfWork
from harka.repositories import certificate as certificates
from harka.repositories.branding_asset import BrandingAsset
from harka.repositories.certificate import Certificate
from harka.repositories.organization import Organization
from harka.repositories.scope import Scope

_PRIMARY: Final = "#1f2937"
_SECONDARY: Final = "#6b7280"


class Sheet(msgspec.Struct, frozen=True):
    """`data`: for the template `certificate`. `issued_at`: when it says it was made."""

    data: dict[str, Any]
    serial: str
    issued_at: datetime


async def sheet(work: UnitOfWork, id_: UUID, platform_domain: str) -> Sheet:
    """For whoever has a link to it. Raise `NotFoundError` for one that is not there or was revoked."""
    found = await certificates.find_visible(work.session, Scope(everything=True), [id_])
    if not found or found[0].revoked_at is not None:
        raise NotFoundError
    certificate, organization = found[0], work.context.organization
    look = await branding.look(work)
    logo = await branding.find_asset(work, look.logo_hash) if look.logo_hash else None
    words = words_of(organization.locale)
    data = {
        "title": f"{certificate.holder_name}: {certificate.title}",
        "organization": organization.name,
        "holder": certificate.holder_name,
        "course": certificate.title,
        "dates": _dates(certificate, organization, words.until),
        "language": words.language,
        "heading": words.heading,
        "has_completed": words.has_completed,
        "proof": f"{certificate.serial} · {organization.slug}.{platform_domain}",
        "primary_color": look.primary_color or _PRIMARY,
        "secondary_color": look.secondary_color or _SECONDARY,
        "logo": _picture(logo),
    }
    return Sheet(data, certificate.serial, certificate.issued_at)


def _dates(certificate: Certificate, organization: Organization, until: str) -> str:
    """Days as they are where the organization is."""
    zone = ZoneInfo(organization.timezone)
    issued = certificate.issued_at.astimezone(zone).date().isoformat()
    if certificate.expires_at is None:
        return issued
    return f"{issued} {until} {certificate.expires_at.astimezone(zone).date().isoformat()}"


def _picture(logo: BrandingAsset | None) -> str | list[int] | None:
    """A drawing as its text, anything else as its bytes: JSON has no better word for them."""
    if logo is None:
        return None
    return logo.content.decode() if logo.media_type == "image/svg+xml" else list(logo.content)
