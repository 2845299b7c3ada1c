"""Access tokens: JWTs signed with a key of the tenant, verified without a look into the database.

Of the header only `kid` is believed; the key it names fixes tenant and algorithm, so `alg` in a token
chooses nothing (RFC 8725 §3.1). `typ` is `at+jwt` (RFC 9068), so that a token made for another use is never
taken for an access token.
"""

import functools
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec
from joserfc import jws
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwa import JWSAlgModel
from joserfc.jwk import JWKRegistry, Key
from joserfc.jws import JWSRegistry

from harka.auth.remembered import Remembered
from harka.codec import from_json, json_bytes
from harka.config import Settings
from harka.crypto.keyring import Keyring
from harka.errors import UnauthenticatedError, ValidationError
from harka.ids import new_id
from harka.repositories.signing_key import SigningKey
from harka.tenancy import signing_key as signing_keys

MAX_LIFETIME = timedelta(hours=24)
CLOCK_SKEW_SECONDS = 30
"""How far the signer's clock may be ahead of ours. An end is an end: to `exp` nothing is added."""
MAX_TOKEN_BYTES = 4096
_IMPORTED_KEYS = 4096
_REMEMBERED_TOKENS = 4096


class AccessToken(msgspec.Struct, frozen=True):
    """What a verified token says. `user`: a user of `tenant`, not yet looked up.

    `session`: in which it was issued; None for one that a command line issued.
    """

    tenant: UUID
    user: UUID
    kid: str
    expires_at: datetime
    session: UUID | None = None


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    alg: str
    kid: str
    typ: Literal["at+jwt"]


class _Claims(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    iss: str
    aud: str | list[str]
    sub: UUID
    tenant: UUID
    iat: int
    nbf: int
    exp: int
    jti: str
    sid: UUID | None = None


class _Pinned(JWSRegistry):
    """Knows one algorithm.

    joserfc's own choice also warns about the name `EdDSA`, which RFC 9864 calls vague; here it is
    not, because our keys fix the curve.
    """

    def __init__(self, algorithm: str) -> None:
        super().__init__(algorithms=[algorithm])
        self._algorithm = algorithm

    def get_alg(self, name: str) -> JWSAlgModel:
        if name != self._algorithm:
            raise UnsupportedAlgorithmError(name)
        return self.algorithms[name]


def issue(
    key: SigningKey,
    keyring: Keyring,
    settings: Settings,
    *,
    user: UUID,
    lifetime: timedelta,
    now: datetime,
    session: UUID | None = None,
) -> str:
    """Sign a token for `user` of the key's tenant. Raise `ValidationError` for a bad `lifetime`.

    `session`: with which the token dies.
    """
    if not timedelta(seconds=1) <= lifetime <= MAX_LIFETIME:
        hours = int(MAX_LIFETIME / timedelta(hours=1))
        raise ValidationError(f"A token lives between one second and {hours} hours.", field="ttl")
    issued = int(now.timestamp())
    claims = _Claims(
        iss=settings.token_issuer,
        aud=settings.token_audience,
        sub=user,
        tenant=key.tenant_id,
        iat=issued,
        nbf=issued,
        exp=issued + int(lifetime.total_seconds()),
        jti=str(new_id()),
        sid=session,
    )
    header = {"alg": key.algorithm, "kid": key.kid, "typ": "at+jwt"}
    private = _imported(signing_keys.private_jwk(keyring, key), key.algorithm)
    payload = json_bytes(msgspec.to_builtins(claims))
    return jws.serialize_compact(header, payload, private, registry=_Pinned(key.algorithm))


def verify(keys: Mapping[str, SigningKey], settings: Settings, text: bytes, now: datetime) -> AccessToken:
    """Raise the same `UnauthenticatedError` whatever is wrong. `keys`: by `kid`, of every tenant."""
    try:
        key = keys[_header(text).kid]
        signed = jws.deserialize_compact(text, _public(key), registry=_Pinned(key.algorithm))
        claims = msgspec.convert(from_json(signed.payload or b""), _Claims)
    except (KeyError, ValueError, JoseError, msgspec.MsgspecError):
        raise UnauthenticatedError from None
    if not _acceptable(claims, key, settings, now.timestamp()):
        raise UnauthenticatedError
    ends = datetime.fromtimestamp(claims.exp, UTC)
    return AccessToken(claims.tenant, claims.sub, key.kid, ends, claims.sid)


class _Verified(msgspec.Struct, frozen=True):
    token: AccessToken
    key: SigningKey


class VerifiedTokens:
    """`verify` for one process: a signature, which takes 0.1 ms to check, is checked once."""

    def __init__(self, settings: Settings, *, size: int = _REMEMBERED_TOKENS) -> None:
        self._settings = settings
        self._known: Remembered[_Verified] = Remembered(size)

    def __len__(self) -> int:
        return len(self._known)

    def verify(self, keys: Mapping[str, SigningKey], text: bytes, now: datetime) -> AccessToken:
        """Like `verify`; at once when the token was verified with a key that is in `keys` still."""
        known = self._known.find(text)
        if known is not None and keys.get(known.key.kid) is known.key and now < known.token.expires_at:
            return known.token
        token = verify(keys, self._settings, text, now)
        self._known.keep(text, _Verified(token, keys[token.kid]))
        return token


def _header(text: bytes) -> _Header:
    if len(text) > MAX_TOKEN_BYTES:
        raise ValueError("huge")
    encoded = text.partition(b".")[0]
    return msgspec.convert(from_json(urlsafe_b64decode(encoded + b"=" * (-len(encoded) % 4))), _Header)


def _acceptable(claims: _Claims, key: SigningKey, settings: Settings, now: float) -> bool:
    audience = [claims.aud] if isinstance(claims.aud, str) else claims.aud
    return (
        claims.tenant == key.tenant_id
        and claims.iss == settings.token_issuer
        and settings.token_audience in audience
        and max(claims.nbf, claims.iat) <= now + CLOCK_SKEW_SECONDS
        and now < claims.exp
        and 0 < claims.exp - claims.iat <= MAX_LIFETIME.total_seconds()
    )


def _public(key: SigningKey) -> Key:
    return _imported_public(json_bytes(key.public_jwk), key.algorithm)


@functools.lru_cache(_IMPORTED_KEYS)
def _imported_public(jwk: bytes, algorithm: str) -> Key:
    return _imported(jwk, algorithm)


def _imported(jwk: bytes, algorithm: str) -> Key:
    return JWKRegistry.import_key(from_json(jwk), parameters={"alg": algorithm, "use": "sig"})
