"""Tokens for SCIM: `hs_<12 characters of prefix>_<43 of secret>`, shown once, kept as a prefix and a SHA-256.

A directory shows one as `Authorization: Bearer`. It opens `/scim` and nothing else: everywhere else a bearer
is a signed token, and an API key is looked for among API keys alone.
"""

import hashlib
import hmac
import os
from collections.abc import Mapping
from datetime import datetime

from harka.auth import api_key
from harka.auth.permissions import permissions_named
from harka.errors import UnauthenticatedError
from harka.repositories.scim_token import ScimToken
from harka.tenancy.context import Actor, ActorKind, TenantContext
from harka.tenancy.directory import Snapshot
from harka.tenancy.entitlement import require_feature
from harka.tenancy.resolution import Signals, agree

_MARK = "hs_"
_PREFIX_END = len(_MARK) + 12

# compared against when no token has the prefix, so that both cases do the same work; no text hashes to it
_NO_HASH = os.urandom(32)


def new_text() -> str:
    """The text of a token nobody has."""
    return _MARK + api_key.new_text().partition("_")[2]


def prefix_of(text: str) -> str:
    return text[len(_MARK) : _PREFIX_END]


def hashed(text: str) -> bytes:
    """What is kept of a token."""
    return hashlib.sha256(text.encode("ascii")).digest()


def is_live(token: ScimToken, now: datetime) -> bool:
    return token.revoked_at is None and (token.expires_at is None or now < token.expires_at)


def authenticate(snapshot: Snapshot, signals: Signals, now: datetime) -> tuple[ScimToken, TenantContext]:
    """Whose directory asks, by what this process has in memory.

    Raise `UnauthenticatedError` for whatever is no live token, and for one beside another credential; only
    then whatever `agree` raises, and `FeatureNotInPlanError` for an organization without `sso`.
    """
    if signals.bearer is None or signals.api_key is not None or signals.session is not None:
        raise UnauthenticatedError
    token = _verify(snapshot.scim_tokens, signals.bearer, now)
    organization = agree(snapshot, signals.host, token.tenant_id)
    require_feature(organization, "sso")
    context = TenantContext(
        organization=organization,
        actor=Actor(ActorKind.SCIM, token.id, token.name),
        permissions=permissions_named(token.permissions),
    )
    return token, context


def _verify(tokens: Mapping[str, ScimToken], text: bytes, now: datetime) -> ScimToken:
    token = tokens.get(text[len(_MARK) : _PREFIX_END].decode("latin-1"))
    matches = hmac.compare_digest(hashlib.sha256(text).digest(), _NO_HASH if token is None else token.hash)
    if token is None or not matches or not is_live(token, now):
        raise UnauthenticatedError
    return token
