"""Which organization a request is for: by agreement of everything it says, never by precedence.

Docs: `docs/decisions/0003-tenant-resolution.md`.
"""

from uuid import UUID

import msgspec

from harka.errors import (
    BadRequestError,
    TenantMismatchError,
    TenantSuspendedError,
    UnavailableError,
    UnknownTenantError,
)
from harka.fastpath import MALFORMED, UNKNOWN
from harka.repositories.organization import Organization
from harka.tenancy.directory import Snapshot

Headers = list[tuple[bytes, bytes]]


class Signals(msgspec.Struct, frozen=True):
    """What the headers say. The credentials are well-formed text, not yet verified.

    `host`: the organization at this address; None at a neutral address (the platform itself, loopback).
    """

    host: UUID | None
    api_key: bytes | None = None
    bearer: bytes | None = None
    session: bytes | None = None


def signals(snapshot: Snapshot, headers: Headers, *, trusted: bool) -> Signals:
    """`trusted`: the peer is a configured proxy, so its `X-Forwarded-Host` counts.

    Raise `BadRequestError` for malformed or repeated headers, `UnknownTenantError` for a host that is
    nobody's (before any credential is looked at, so that it says the same to everyone), `UnavailableError`
    while the catalog has never been read.
    """
    if not snapshot.loaded:
        raise UnavailableError
    host, api_key, bearer, session = snapshot.hosts.resolve(headers, trusted)
    if host == MALFORMED:
        raise BadRequestError
    if host == UNKNOWN:
        raise UnknownTenantError
    tenant = snapshot.organizations[host].id if host >= 0 else None
    return Signals(tenant, api_key, bearer, session)


def tenant_at(snapshot: Snapshot, host: str) -> UUID | None:
    """Whose pages are at a host name; None for a neutral or malformed one, and for nobody's."""
    name = host.encode("ascii", "replace")
    place = snapshot.hosts.resolve([(b"host", name)], False)[0] if snapshot.loaded else UNKNOWN
    return snapshot.organizations[place].id if place >= 0 else None


def agree(snapshot: Snapshot, *named: UUID | None) -> Organization:
    """Return the organization that every signal present names. `named`: of host, key, token; None: absent.

    The credentials among them must be verified already: only then does `TenantMismatchError` tell nothing to
    somebody who merely guesses. Raise `UnknownTenantError` when no signal is present, `TenantSuspendedError`
    last of all.
    """
    agreed = None
    for tenant in named:
        if agreed is None:
            agreed = tenant
        elif tenant is not None and tenant != agreed:
            raise TenantMismatchError
    if agreed is None:
        raise UnknownTenantError
    organization = snapshot.organization(agreed)
    if organization is None:
        raise UnknownTenantError
    if organization.status != "active":
        raise TenantSuspendedError
    return organization
