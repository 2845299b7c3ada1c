"""API keys: `hk_<12 characters of prefix>_<43 of secret>`, shown once, kept as a prefix and a SHA-256.

A fast hash is right here: the secret is 256 random bits, there is nothing to guess. The prefix finds the row
and may be shown; the hash covers the whole text.
"""

import functools
import hashlib
import hmac
import ipaddress
import os
import string
from base64 import urlsafe_b64encode
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from harka.clock import now as clock_now
from harka.errors import NotFoundError, PlanLimitError, UnauthenticatedError, ValidationError
from harka.ids import new_id
from harka.repositories import api_key as repository
from harka.repositories.api_key import MOST_LIVE, ApiKey
from harka.storage.catalog import Catalog
from harka.tenancy.permission import Permission

_MARK = "hk_"
_PREFIX_CHARACTERS = 12
_PREFIX_END = len(_MARK) + _PREFIX_CHARACTERS
ENTROPY_BYTES = _PREFIX_CHARACTERS + 32
KEY_CHARACTERS = _PREFIX_END + 1 + 43
_ALPHABET = string.ascii_lowercase + string.digits
_NAME_CHARACTERS = 100
MOST_NETWORKS: Final = 20
FASTEST: Final = 10_000
"""Requests a second that a key's own limit may allow."""
_PARSED: Final = 4096

Networks = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]

# compared against when no key has the prefix, so that both cases do the same work; no text hashes to it
_NO_HASH = os.urandom(32)


class NewApiKey(msgspec.Struct, frozen=True):
    """`text` is the only copy of the secret there will ever be."""

    key: ApiKey
    text: str

    def __repr__(self) -> str:
        return f"NewApiKey({self.key.prefix})"


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """`networks`: CIDR, none for anywhere. `requests_per_second`: None for no limit of the key's own."""

    networks: Collection[str] = ()
    requests_per_second: int | None = None
    created_by: UUID | None = None


NO_BOUNDS: Final = Bounds()


async def create(
    catalog: Catalog,
    tenant: UUID,
    *,
    name: str,
    scopes: Collection[str],
    user: UUID | None = None,
    expires_at: datetime | None = None,
    text: str | None = None,
    bounds: Bounds = NO_BOUNDS,
) -> NewApiKey:
    """Raise `ValidationError` for what `accepted` refuses, `PlanLimitError` for too many live keys.

    A key that names a `user` acts as that user and may never do more than they may. `text`: from `text_of`,
    for a key that can be made again (the demo's); None makes a random one.
    """
    made_at = clock_now()
    accepted(name, scopes, expires_at, bounds, made_at)
    text = text or new_text()
    key = ApiKey(
        id=new_id(),
        tenant_id=tenant,
        prefix=prefix_of(text),
        hash=hashed(text),
        name=name.strip(),
        scopes=sorted({str(Permission(scope)) for scope in scopes}),
        user_id=user,
        created_at=made_at,
        expires_at=expires_at,
        revoked_at=None,
        networks=[str(network) for network in networks_of(tuple(bounds.networks))],
        requests_per_second=bounds.requests_per_second,
        created_by=bounds.created_by,
        updated_at=made_at,
        version=1,
    )
    if not await repository.insert(catalog, key):
        raise PlanLimitError(f"An organization has at most {MOST_LIVE} API keys that may be used.")
    return NewApiKey(key, text)


def new_text() -> str:
    """The text of a key nobody has."""
    return text_of(os.urandom(ENTROPY_BYTES))


def text_of(entropy: bytes) -> str:
    """`entropy`: 12 bytes for the prefix, which may be known, and 32 for the secret."""
    prefix = "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in entropy[:_PREFIX_CHARACTERS])
    secret = urlsafe_b64encode(entropy[_PREFIX_CHARACTERS:]).rstrip(b"=").decode("ascii")
    return f"{_MARK}{prefix}_{secret}"


def prefix_of(text: str) -> str:
    return text[len(_MARK) : _PREFIX_END]


async def revoke(catalog: Catalog, tenant: UUID, prefix: str) -> ApiKey:
    """Every process refuses the key within a second. Raise `NotFoundError` without such a live key."""
    revoked = await repository.revoke(catalog, tenant, prefix)
    if revoked is None:
        raise NotFoundError("This organization has no live API key with this prefix.")
    return revoked


def verify(keys: Mapping[str, ApiKey], text: bytes, now: datetime, address: str = "") -> ApiKey:
    """Find the live key that `text` is, out of `keys` by prefix; `address`: from where it is shown.

    Raise the same `UnauthenticatedError`, after the same work, whatever is wrong with it.
    """
    prefix = text[len(_MARK) : _PREFIX_END].decode("latin-1")
    key = keys.get(prefix)
    matches = hmac.compare_digest(_digest(text), _NO_HASH if key is None else key.hash)
    if key is None or not matches or not is_live(key, now) or not is_from(address, key):
        raise UnauthenticatedError
    return key


def is_live(key: ApiKey, now: datetime) -> bool:
    return key.revoked_at is None and (key.expires_at is None or now < key.expires_at)


def is_from(address: str, key: ApiKey) -> bool:
    """Whether the key is accepted from there; what is no address is nowhere."""
    if not key.networks:
        return True
    try:
        client = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(client, ipaddress.IPv6Address) and client.ipv4_mapped is not None:
        client = client.ipv4_mapped
    return any(client in network for network in networks_of(tuple(key.networks)))


@functools.lru_cache(_PARSED)
def networks_of(texts: tuple[str, ...]) -> Networks:
    """Raise `ValueError` for what is no network."""
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


def accepted(
    name: str, scopes: Collection[str], expires_at: datetime | None, bounds: Bounds, now: datetime
) -> None:
    """Raise `ValidationError`, naming the field: an unknown scope or none, a bad name, an expiry in the past.

    So for what is no network, and for a limit out of range.
    """
    if not 0 < len(name.strip()) <= _NAME_CHARACTERS or not name.isprintable():
        raise ValidationError(
            f"A name of 1 to {_NAME_CHARACTERS} printable characters is needed.", field="name"
        )
    unknown = [scope for scope in scopes if scope not in set(Permission)]
    if unknown or not scopes:
        allowed = ", ".join(sorted(Permission))
        raise ValidationError(f"Scopes must be one or more of: {allowed}.", field="scopes")
    if expires_at is not None and expires_at <= now:
        raise ValidationError("The expiry lies in the past.", field="expiresAt")
    rate = bounds.requests_per_second
    if rate is not None and not 1 <= rate <= FASTEST:
        raise ValidationError(f"Between 1 and {FASTEST} requests a second.", field="requestsPerSecond")
    _require_networks(bounds.networks)


def _require_networks(texts: Collection[str]) -> None:
    if len(texts) > MOST_NETWORKS:
        raise ValidationError(f"At most {MOST_NETWORKS} networks.", field="networks")
    try:
        networks_of(tuple(texts))
    except ValueError:
        raise ValidationError(
            "Networks are written as in 192.0.2.0/24 or 2001:db8::/32.", field="networks"
        ) from None


def hashed(text: str) -> bytes:
    """What is kept of a key."""
    return _digest(text.encode("ascii"))


def _digest(text: bytes) -> bytes:
    return hashlib.sha256(text).digest()
