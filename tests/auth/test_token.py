import base64
import json
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import JWKRegistry, OctKey

from harka.auth import token as tokens
from harka.auth.token import CLOCK_SKEW_SECONDS, MAX_LIFETIME, VerifiedTokens, issue, verify
from harka.crypto.envelope import BrokenSealError
from harka.crypto.keyring import Keyring
from harka.crypto.signing import Algorithm
from harka.errors import UnauthenticatedError, ValidationError
from harka.ids import new_id
from harka.repositories.signing_key import SigningKey
from harka.tenancy import signing_key
from tenancy.samples import KEYRING, NOW, SETTINGS, organization

ACME, GLOBEX = organization("acme"), organization("globex")
KEY = signing_key.make(KEYRING, ACME.id)
OTHER = signing_key.make(KEYRING, GLOBEX.id)
RSA = signing_key.make(KEYRING, ACME.id, Algorithm.RS256)
KEYS = {key.kid: key for key in (KEY, OTHER, RSA)}
USER = new_id()
SKEW = timedelta(seconds=CLOCK_SKEW_SECONDS)
ISSUED = int(NOW.timestamp())
CLAIMS: dict[str, Any] = {
    "iss": SETTINGS.token_issuer,
    "aud": SETTINGS.token_audience,
    "sub": str(USER),
    "tenant": str(ACME.id),
    "iat": ISSUED,
    "nbf": ISSUED,
    "exp": ISSUED + 3600,
    "jti": "1",
}


def issued(key: SigningKey = KEY, *, hours: float = 1.0) -> bytes:
    return issue(key, KEYRING, SETTINGS, user=USER, lifetime=timedelta(hours=hours), now=NOW).encode()


class Anything(jws.JWSRegistry):
    """Signs with whatever it is told, as an attacker would."""

    def get_alg(self, name: str) -> Any:
        return self.algorithms[name]


def forged(
    claims: dict[str, Any],
    key: SigningKey = KEY,
    header: dict[str, Any] | None = None,
    with_key: Any = None,
) -> bytes:
    """A token signed with `key`'s true private half (or `with_key`), saying whatever we like."""
    private = with_key or JWKRegistry.import_key(json.loads(signing_key.private_jwk(KEYRING, key)))
    full = {"alg": key.algorithm, "kid": key.kid, "typ": "at+jwt", **(header or {})}
    full = {name: value for name, value in full.items() if value is not None}
    said = json.dumps({name: value for name, value in claims.items() if value is not None})
    return jws.serialize_compact(full, said, private, registry=Anything(strict_check_header=False)).encode()


def refused(text: bytes, *, at: timedelta = timedelta()) -> bool:
    """Whether the token is turned away, and then in the one way that gives no reason."""
    try:
        verify(KEYS, SETTINGS, text, NOW + at)
    except UnauthenticatedError as error:
        return (error.message, error.__cause__) == (UnauthenticatedError().message, None)
    return False


@pytest.mark.parametrize("key", [KEY, RSA], ids=lambda key: key.algorithm)
def test_an_issued_token_verifies(key: SigningKey) -> None:
    found = verify(KEYS, SETTINGS, issued(key), NOW)
    assert (found.tenant, found.user, found.kid) == (ACME.id, USER, key.kid)
    assert found.expires_at == NOW + timedelta(hours=1)


def test_the_forger_of_these_tests_can_make_good_tokens() -> None:
    assert not refused(forged(CLAIMS))
    assert not refused(forged(CLAIMS | {"aud": ["x", SETTINGS.token_audience]}))
    assert not refused(forged(CLAIMS, RSA))


@pytest.mark.parametrize("claim", CLAIMS)
def test_every_claim_is_needed(claim: str) -> None:
    assert refused(forged(CLAIMS | {claim: None}))


@pytest.mark.parametrize(
    "lie",
    [
        {"iss": "https://evil"},
        {"aud": "other"},
        {"aud": ["other"]},
        {"aud": []},
        pytest.param({"tenant": str(GLOBEX.id)}, id="of another tenant"),
        {"tenant": "acme"},
        {"sub": "root"},
        {"exp": "never"},
        {"exp": True},
        {"exp": ISSUED + 3600.5},
        {"exp": 2**70},
        {"exp": ISSUED},
        {"exp": ISSUED - 3600},
        {"iat": ISSUED + 3600, "exp": ISSUED + 7200},
        {"nbf": ISSUED + 3600},
        {"exp": ISSUED + 10**9},
        {"iat": -(10**9)},
    ],
    ids=str,
)
def test_a_claim_that_is_wrong_is_refused(lie: dict[str, Any]) -> None:
    assert refused(forged(CLAIMS | lie))


def test_a_token_is_good_until_it_expires_and_the_signers_clock_may_be_ahead() -> None:
    text = issued()
    hour = timedelta(hours=1)
    assert not refused(text, at=hour - timedelta(microseconds=1))
    assert refused(text, at=hour)
    assert not refused(text, at=-SKEW)
    assert refused(text, at=-SKEW - timedelta(seconds=1))


def test_no_token_lives_too_long() -> None:
    for hours in (0.0, -1.0, MAX_LIFETIME / timedelta(hours=1) + 1):
        with pytest.raises(ValidationError):
            issued(hours=hours)
    assert not refused(issued(hours=24))


@pytest.mark.parametrize("alg", ["none", "None", "HS256", "RS256", "ES256", "Ed25519", "", None, 1])
def test_the_algorithm_is_the_keys_and_not_the_tokens(alg: object) -> None:
    header, payload, signature = forged(CLAIMS).split(b".")
    told = json.dumps({"alg": alg, "kid": KEY.kid, "typ": "at+jwt"}).encode()
    encoded = base64.urlsafe_b64encode(told).rstrip(b"=")
    assert refused(b".".join((encoded, payload, signature)))
    assert refused(b".".join((encoded, payload, b"")))
    assert header


@pytest.mark.parametrize("key", [KEY, RSA], ids=lambda key: key.algorithm)
def test_a_public_key_is_no_shared_secret(key: SigningKey) -> None:
    for secret in (json.dumps(key.public_jwk), key.public_jwk.get("x") or key.public_jwk["n"]):
        oct_key = OctKey.import_key(secret)
        assert refused(forged(CLAIMS, key, {"alg": "HS256"}, oct_key))
        assert refused(forged(CLAIMS, key, {"alg": key.algorithm, "kid": key.kid}, None)[:-4] + b"AAAA")


def test_an_unsigned_token_is_refused() -> None:
    assert refused(forged(CLAIMS, header={"alg": "none"}, with_key=OctKey.import_key("x" * 32)))


def test_a_key_named_in_the_header_is_not_believed() -> None:
    mine = signing_key.make(KEYRING, ACME.id)
    own = JWKRegistry.import_key(json.loads(signing_key.private_jwk(KEYRING, mine)))
    assert refused(forged(CLAIMS, header={"jwk": mine.public_jwk}, with_key=own))
    assert refused(forged(CLAIMS, header={"jku": "https://evil/keys"}, with_key=own))
    assert refused(forged(CLAIMS, header={"jku": "https://evil/keys"}))
    assert refused(forged(CLAIMS, mine))


@pytest.mark.parametrize(
    "kid",
    [None, "", "x", pytest.param(OTHER.kid, id="other"), pytest.param(RSA.kid, id="rsa"), 1, ["a"], {}],
)
def test_a_token_is_verified_by_the_key_it_was_signed_with(kid: object) -> None:
    header = {"alg": KEY.algorithm, "typ": "at+jwt", "kid": kid}
    encoded = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=")
    assert refused(b".".join((encoded, *forged(CLAIMS).split(b".")[1:])))


def test_the_key_of_one_tenant_signs_nothing_for_another() -> None:
    assert refused(forged(CLAIMS, OTHER))
    assert not refused(forged(CLAIMS | {"tenant": str(GLOBEX.id)}, OTHER))


@pytest.mark.parametrize("typ", ["JWT", "at+JWT", None, ""])
def test_a_token_of_another_type_is_no_access_token(typ: str | None) -> None:
    assert refused(forged(CLAIMS, header={"typ": typ}))


def test_a_retired_key_signs_nothing_any_more() -> None:
    with pytest.raises(UnauthenticatedError):
        verify({OTHER.kid: OTHER}, SETTINGS, issued(), NOW)


def test_a_huge_token_is_refused_unread() -> None:
    assert refused(forged(CLAIMS | {"more": "x" * 5000}))
    assert refused(b"." * 1_000_000)


def test_deep_nesting_does_no_harm() -> None:
    deep = base64.urlsafe_b64encode(b"[" * 2000).rstrip(b"=")
    assert refused(deep + b".e30.AA")
    nested = json.dumps({"alg": "EdDSA", "kid": KEY.kid, "typ": "at+jwt", "x": 1})[:-2] + "[" * 900
    assert refused(base64.urlsafe_b64encode(nested.encode()).rstrip(b"=") + b".e30.AA")


@given(st.binary(max_size=200))
def test_rubbish_is_refused(text: bytes) -> None:
    assert refused(text)


@given(st.data())
def test_a_changed_token_is_refused(data: st.DataObject) -> None:
    text = bytearray(TOKEN)
    place = data.draw(st.integers(0, len(text) - 1))
    before = text[place]
    text[place] = data.draw(st.integers(33, 126).filter(lambda byte: byte != before))
    assert refused(bytes(text))


def test_a_signature_is_checked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    verified = VerifiedTokens(SETTINGS)
    first = verified.verify(KEYS, TOKEN, NOW)
    monkeypatch.setattr(tokens, "verify", None)
    assert verified.verify(KEYS, TOKEN, NOW) is first


def test_a_remembered_token_ends_with_its_key() -> None:
    verified = VerifiedTokens(SETTINGS)
    verified.verify(KEYS, TOKEN, NOW)
    for keys in ({}, {OTHER.kid: OTHER}, {KEY.kid: msgspec.structs.replace(OTHER, kid=KEY.kid)}):
        with pytest.raises(UnauthenticatedError):
            verified.verify(keys, TOKEN, NOW)
    # an equal key read anew is as good, once it has verified the token
    assert verified.verify({KEY.kid: msgspec.structs.replace(KEY)}, TOKEN, NOW).tenant == ACME.id


def test_a_remembered_token_is_good_as_long_as_a_new_one() -> None:
    verified, hour = VerifiedTokens(SETTINGS), timedelta(hours=1)
    for at in (timedelta(), hour - timedelta(seconds=1)):
        assert verified.verify(KEYS, TOKEN, NOW + at).user == USER
    with pytest.raises(UnauthenticatedError):
        verified.verify(KEYS, TOKEN, NOW + hour)


def test_so_many_tokens_are_remembered_and_no_refused_one() -> None:
    verified = VerifiedTokens(SETTINGS, size=3)
    texts = [issued(hours=hours) for hours in (1, 2, 3, 4)]
    for text in texts:
        verified.verify(KEYS, text, NOW)
        with pytest.raises(UnauthenticatedError):
            verified.verify(KEYS, text[:-4] + b"AAAA", NOW)
    assert len(verified) == 3


def test_a_private_key_opens_only_for_its_tenant() -> None:
    stolen = msgspec.structs.replace(KEY, tenant_id=GLOBEX.id)
    with pytest.raises(BrokenSealError):
        issued(stolen)
    with pytest.raises(BrokenSealError):
        issue(KEY, Keyring("00" * 32), SETTINGS, user=USER, lifetime=timedelta(hours=1), now=NOW)
    with pytest.raises(BrokenSealError):
        issued(msgspec.structs.replace(KEY, sealed_private=b""))


TOKEN = issued()
