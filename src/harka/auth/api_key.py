"""API keys: `hk_<12 characters of prefix>_<43 of secret>`, shown once, kept as a prefix and a SHA-256.

A fast hash is right here: the secret is 256 random bits, there is nothing to guess. The prefix finds the row
and may be shown; the hash covers the whole text.
"""

import hashlib
import hmac
import os
import string
from base64 import urlsafe_b64encode
from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

import msgspec

from harka.clock import now as clock_now
from harka.errors import NotFoundError, UnauthenticatedError, ValidationError
from harka.ids import new_id
from harka.repositories import api_key as repository
from harka.repositories.api_key import ApiKey
from harka.storage.catalog import Catalog
from harka.tenancy.permission import Permission

_MARK = "hk_"
_PREFIX_CHARACTERS = 12
_PREFIX_END = len(_MARK) + _PREFIX_CHARACTERS
ENTROPY_BYTES = _PREFIX_CHARACTERS + 32
KEY_CHARACTERS = _PREFIX_END + 1 + 43
_ALPHABET = string.ascii_lowercase + string.digits
_NAME_CHARACTERS = 100

# compared against when no key has the prefix, so that both cases do the same work; no text hashes to it
_NO_HASH = os.urandom(32)


class NewApiKey(msgspec.Struct, frozen=True):
    """`text` is the only copy of the secret there will ever be."""

    key: ApiKey
    text: str

    def __repr__(self) -> str:
        return f"NewApiKey({self.key.prefix})"


async def create(
    catalog: Catalog,
    tenant: UUID,
    *,
    name: str,
    scopes: Collection[str],
    user: UUID | None = None,
    expires_at: datetime | None = None,
    text: str | None = None,
) -> NewApiKey:
    """Raise `ValidationError` for an unknown scope, no scope at all, a bad name or an expiry in the past.

    A key that names a `user` acts as that user and may never do more than they may. `text`: from `text_of`,
    for a key that can be made again (the demo's); None makes a random one.
    """
    made_at = clock_now()
    _require_sensible(name, scopes, expires_at, made_at)
    text = text or text_of(os.urandom(ENTROPY_BYTES))
    key = ApiKey(
        id=new_id(),
        tenant_id=tenant,
        prefix=prefix_of(text),
        hash=_hashed(text.encode("ascii")),
        name=name.strip(),
        scopes=sorted({str(Permission(scope)) for scope in scopes}),
        user_id=user,
        created_at=made_at,
        expires_at=expires_at,
        revoked_at=None,
    )
    await repository.insert(catalog, key)
    return NewApiKey(key, text)


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


def verify(keys: Mapping[str, ApiKey], text: bytes, now: datetime) -> ApiKey:
    """Find the live key that `text` is, out of `keys` by prefix.

    Raise the same `UnauthenticatedError`, after the same work, whatever is wrong with it.
    """
    prefix = text[len(_MARK) : _PREFIX_END].decode("latin-1")
    key = keys.get(prefix)
    matches = hmac.compare_digest(_hashed(text), _NO_HASH if key is None else key.hash)
    if key is None or not matches or not is_live(key, now):
        raise UnauthenticatedError
    return key


def is_live(key: ApiKey, now: datetime) -> bool:
    return key.revoked_at is None and (key.expires_at is None or now < key.expires_at)


def _require_sensible(name: str, scopes: Collection[str], expires_at: datetime | None, now: datetime) -> None:
    if not 0 < len(name.strip()) <= _NAME_CHARACTERS or not name.isprintable():
        raise ValidationError(
            f"A name of 1 to {_NAME_CHARACTERS} printable characters is needed.", field="name"
        )
    unknown = [scope for scope in scopes if scope not in set(Permission)]
    if unknown or not scopes:
        allowed = ", ".join(sorted(Permission))
        raise ValidationError(f"Scopes must be one or more of: {allowed}.", field="scopes")
    if expires_at is not None and expires_at <= now:
        raise ValidationError("The expiry lies in the past.", field="expires_at")


def _hashed(text: bytes) -> bytes:
    return hashlib.sha256(text).digest()
