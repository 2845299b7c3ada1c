"""The catalog as one process sees it at one moment: never changed, replaced as a whole."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Self
from uuid import UUID

import msgspec

from harka.fastpath import HostTable
from harka.repositories.api_key import ApiKey
from harka.repositories.organization import Organization
from harka.repositories.scim_token import ScimToken
from harka.repositories.signing_key import SigningKey


class TenantRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one organization that resolution and authentication need.

    `domains`: those that are served, none where the plan includes none. `api_keys`, `signing_keys`,
    `scim_tokens`: live ones, without private halves.
    """

    organization: Organization
    domains: tuple[str, ...] = ()
    api_keys: tuple[ApiKey, ...] = ()
    signing_keys: tuple[SigningKey, ...] = ()
    scim_tokens: tuple[ScimToken, ...] = ()


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Made by `Snapshot.of` and `updated`; callers read the rest but `records` to `domains`.

    `organizations`: in the order of the indexes that `hosts` answers. `loaded`: the catalog was read.
    """

    platform_domain: str
    loaded: bool
    hosts: HostTable
    organizations: list[Organization]
    api_keys: dict[str, ApiKey]
    signing_keys: dict[str, SigningKey]
    scim_tokens: dict[str, ScimToken]
    records: dict[UUID, TenantRecord]
    positions: dict[UUID, int]
    subdomains: dict[str, int]
    domains: dict[str, int]

    @classmethod
    def empty(cls, platform_domain: str) -> Self:
        """Know nothing, as before the catalog is read."""
        return cls._made(platform_domain, (), loaded=False)

    @classmethod
    def of(cls, platform_domain: str, records: Iterable[TenantRecord]) -> Self:
        return cls._made(platform_domain, records, loaded=True)

    def organization(self, tenant: UUID) -> Organization | None:
        position = self.positions.get(tenant)
        return None if position is None else self.organizations[position]

    def domains_of(self, tenant: UUID) -> tuple[str, ...]:
        """The custom domains that lead to an organization, less what another has taken over; sorted."""
        record = self.records.get(tenant)
        if record is None or not record.domains:
            return ()
        position = self.positions[tenant]
        return tuple(name for name in record.domains if self.domains.get(name) == position)

    def by_slug(self, slug: str) -> Organization | None:
        position = self.subdomains.get(slug)
        return None if position is None else self.organizations[position]

    def updated(self, changes: Mapping[UUID, TenantRecord | None]) -> Self:
        """Return the snapshot after `changes` (None: the organization is gone); itself when nothing differs.

        Costs a copy of each dictionary (tenths of a millisecond at 10,000 organizations), and the compilation
        of `hosts` only when a name changed.
        """
        differing = {tenant: new for tenant, new in changes.items() if new != self.records.get(tenant)}
        if not differing and self.loaded:
            return self
        if any(record is None for record in differing.values()):
            # positions close up: rare enough to build anew, and no slot is ever left behind
            remaining = {**self.records, **differing}
            return type(self).of(self.platform_domain, (record for record in remaining.values() if record))
        draft = _Draft(self)
        for record in differing.values():
            if record is not None:
                draft.put(record)
        return self._frozen(self.platform_domain, draft, loaded=True)

    @classmethod
    def _made(cls, platform_domain: str, records: Iterable[TenantRecord], *, loaded: bool) -> Self:
        draft = _Draft(None)
        for record in records:
            draft.put(record)
        return cls._frozen(platform_domain, draft, loaded=loaded)

    @classmethod
    def _frozen(cls, platform_domain: str, draft: "_Draft", *, loaded: bool) -> Self:
        # prefixes of keys are left out of the table: a verified key names its tenant itself, and
        # a new key then costs no compilation
        hosts = draft.hosts or HostTable(
            platform_domain, draft.subdomains, dict(draft.servable(platform_domain)), {}
        )
        return cls(
            platform_domain=platform_domain,
            loaded=loaded,
            hosts=hosts,
            organizations=draft.organizations,
            api_keys=draft.api_keys,
            signing_keys=draft.signing_keys,
            scim_tokens=draft.scim_tokens,
            records=draft.records,
            positions=draft.positions,
            subdomains=draft.subdomains,
            domains=draft.domains,
        )


class _Draft:
    """A copy of a snapshot that may still change. `hosts` is None once a name has changed."""

    def __init__(self, base: Snapshot | None) -> None:
        self.hosts = base.hosts if base else None
        self.organizations = list(base.organizations) if base else []
        self.api_keys = dict(base.api_keys) if base else {}
        self.signing_keys = dict(base.signing_keys) if base else {}
        self.scim_tokens = dict(base.scim_tokens) if base else {}
        self.records = dict(base.records) if base else {}
        self.positions = dict(base.positions) if base else {}
        self.subdomains = dict(base.subdomains) if base else {}
        self.domains = dict(base.domains) if base else {}

    def put(self, record: TenantRecord) -> None:
        """Add an organization, or replace what was known of it."""
        tenant = record.organization.id
        old = self.records.get(tenant)
        position = self._position(tenant)
        self.organizations[position : position + 1] = [record.organization]
        if old is not None:
            self._forget(old, position)
        if old is None or _names(old) != _names(record):
            self.hosts = None
        self.subdomains[record.organization.slug] = position
        self.domains.update((domain, position) for domain in record.domains)
        self.api_keys.update((key.prefix, key) for key in record.api_keys)
        self.signing_keys.update((key.kid, key) for key in record.signing_keys)
        self.scim_tokens.update((token.prefix, token) for token in record.scim_tokens)
        self.records[tenant] = record

    def servable(self, platform_domain: str) -> Iterator[tuple[str, int]]:
        """Yield custom domains, less any under the platform's own: those are not a tenant's to claim."""
        platform = platform_domain.lower()
        below = f".{platform}"
        return (
            (name, position)
            for name, position in self.domains.items()
            if name != platform and not name.endswith(below)
        )

    def _position(self, tenant: UUID) -> int:
        return self.positions.setdefault(tenant, len(self.positions))

    def _forget(self, old: TenantRecord, position: int) -> None:
        """Remove what `old` claimed, except what another organization has taken over meanwhile."""
        _remove(self.subdomains, [old.organization.slug], position)
        _remove(self.domains, old.domains, position)
        for key in old.api_keys:
            self.api_keys.pop(key.prefix, None)
        for signing_key in old.signing_keys:
            self.signing_keys.pop(signing_key.kid, None)
        for token in old.scim_tokens:
            self.scim_tokens.pop(token.prefix, None)


def _remove(names: dict[str, int], gone: Iterable[str], position: int) -> None:
    for name in gone:
        if names.get(name) == position:
            del names[name]


def _names(record: TenantRecord) -> tuple[str, tuple[str, ...]]:
    return record.organization.slug, record.domains
