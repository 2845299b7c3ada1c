"""OpenID Connect, as the one who relies on it: the code flow with PKCE, and what an ID token must say.

Of a token's header only `kid` and an allowed, asymmetric `alg` are believed, and the key decides which `alg`
it signs with: neither `none` nor an HMAC under a public key is ever one.
"""

import hashlib
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from cachetools import LRUCache
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from harka import clock
from harka.codec import from_json
from harka.errors import SsoRefusedError, UnavailableError, ValidationError
from harka.outbound import Answer, accept_url, fetch

ALGORITHMS: Final = ("RS256", "PS256", "ES256", "ES384", "EdDSA")
SKEW: Final = 60
"""Seconds that the provider's clock may differ from ours."""
_OLDEST: Final = 600
_KNOWN_FOR: Final = 600.0
_REFRESHED_AT_MOST: Final = 30.0
_REMEMBERED: Final = 1000
_OK: Final = 200
_LONGEST_NAME: Final = 255
_EMAIL: Final = "email"
_NAME: Final = "name"
_GROUPS: Final = "groups"
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class Provider(msgspec.Struct, frozen=True):
    """What a provider says of itself, at `/.well-known/openid-configuration`."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    code_challenge_methods_supported: list[str] = []
    token_endpoint_auth_methods_supported: list[str] | None = None
    """None stands for `client_secret_basic`."""
    authorization_response_iss_parameter_supported: bool = False
    end_session_endpoint: str | None = None
    userinfo_endpoint: str | None = None


class Client(msgspec.Struct, frozen=True):
    """How one connection asks. `private`: see `outbound.fetch`."""

    tenant: UUID
    issuer: str
    client_id: str
    secret: str
    private: bool

    def __repr__(self) -> str:
        return f"Client({self.client_id})"


class Flow(msgspec.Struct, frozen=True):
    """What a browser carries, sealed, from beginning to end of a sign-in. `began_at`: Unix seconds."""

    connection: UUID
    version: int
    state: str
    nonce: str
    verifier: str
    next: str
    began_at: int

    def __repr__(self) -> str:
        return "Flow(…)"


class Tokens(msgspec.Struct, frozen=True):
    """What a code is worth. `access`: None from a provider that gives none."""

    id: str
    access: str | None

    def __repr__(self) -> str:
        return "Tokens(…)"


class Names(msgspec.Struct, frozen=True):
    """Which claims tell what. None for the usual one; of `role`, for none. See `claim`."""

    email: str | None = None
    name: str | None = None
    role: str | None = None


class Identity(msgspec.Struct, frozen=True):
    """Whom the provider means. `email`: one that it has verified, None otherwise.

    `roles`: what it names; None where it did not tell, which is not the same as none. `sid`: in which session
    of the provider's, where it tells. `untold`: why something may be missing here, often empty.
    """

    issuer: str
    subject: str
    email: str | None
    name: str | None
    roles: Sequence[str] | None
    sid: str | None = None
    untold: str = ""


class _Claims(msgspec.Struct, frozen=True):
    iss: str
    sub: str
    aud: str | list[str]
    exp: float
    iat: float
    nonce: str | None = None
    azp: str | None = None
    sid: str | None = None


class _Known(msgspec.Struct):
    provider: Provider
    keys: Any
    fetched_at: float


class Providers:
    """What providers said, for ten minutes; of a process. Each tenant asks for itself."""

    def __init__(self) -> None:
        self._known: LRUCache[tuple[UUID, str], _Known] = LRUCache(_REMEMBERED)

    async def find(self, client: Client, *, afresh: bool = False) -> Provider:
        """Raise `UnavailableError`, and `SsoRefusedError` for one that is not who it should be."""
        return (await self._find(client, afresh=afresh)).provider

    async def payload(self, client: Client, token: str, *, types: frozenset[str] | None) -> dict[str, Any]:
        """What a token of the provider's says, whatever that is. `types`: which it may be; None for any.

        A key that is not known is looked for again, now and then. Raise `SsoRefusedError` for whatever is
        wrong, `UnavailableError`.
        """
        known = await self._find(client)
        claims = _verified(token, known.keys, types)
        if claims is None and clock.monotonic() - known.fetched_at > _REFRESHED_AT_MOST:
            known = await self._find(client, afresh=True)
            claims = _verified(token, known.keys, types)
        if claims is None:
            raise SsoRefusedError("token_refused", "It is signed with a key that the provider does not show.")
        return claims

    async def _find(self, client: Client, *, afresh: bool = False) -> _Known:
        place = client.tenant, client.issuer
        known = self._known.get(place)
        if known is not None and not afresh and clock.monotonic() - known.fetched_at < _KNOWN_FOR:
            return known
        provider = await discover(client)
        keys = _keys(await fetch(provider.jwks_uri, private=client.private))
        known = self._known[place] = _Known(provider, keys, clock.monotonic())
        return known


async def discover(client: Client) -> Provider:
    """Raise `UnavailableError`; `SsoRefusedError` for another issuer, or one that cannot do what we ask."""
    url = f"{client.issuer.rstrip('/')}/.well-known/openid-configuration"
    answer = await fetch(url, private=client.private)
    try:
        provider = msgspec.json.decode(answer.body, type=Provider) if answer.status == _OK else None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        provider = None
    if provider is None:
        raise SsoRefusedError("provider_error", "There is no configuration of a provider at its address.")
    if provider.issuer != client.issuer:
        raise SsoRefusedError("provider_error", "The provider says that it is another issuer.")
    if "S256" not in provider.code_challenge_methods_supported:
        raise SsoRefusedError("provider_error", "The provider does not know PKCE with S256.")
    try:
        # found by the test of a connection, not by the first who comes
        for endpoint in (
            provider.authorization_endpoint,
            provider.token_endpoint,
            provider.jwks_uri,
            provider.userinfo_endpoint or provider.issuer,
            provider.end_session_endpoint or provider.issuer,
        ):
            accept_url(endpoint, "id", private=client.private)
    except ValidationError as error:
        raise SsoRefusedError(
            "provider_error", "The provider names an endpoint that is not https."
        ) from error
    return provider


def begin(connection: UUID, version: int, next_: str) -> Flow:
    """`version`: of the connection; a sign-in does not survive a change of it."""
    return Flow(
        connection,
        version,
        secrets.token_urlsafe(24),
        secrets.token_urlsafe(24),
        secrets.token_urlsafe(48),
        next_,
        int(clock.now().timestamp()),
    )


def is_over(flow: Flow) -> bool:
    return clock.now().timestamp() - flow.began_at > _OLDEST


def address(provider: Provider, client: Client, flow: Flow, redirect_uri: str) -> str:
    """Where to send the browser."""
    challenge = urlsafe_b64encode(hashlib.sha256(flow.verifier.encode()).digest()).rstrip(b"=").decode()
    asked = urlencode(
        {
            "response_type": "code",
            "client_id": client.client_id,
            "redirect_uri": redirect_uri,
            "scope": "openid email profile",
            "state": flow.state,
            "nonce": flow.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
    )
    return _with(provider.authorization_endpoint, asked)


def end_address(provider: Provider, client: Client, back: str) -> str | None:
    """Where somebody ends their session there; None for a provider that has no such place.

    Who they are is not told: the ID token was not kept. The provider may ask them whether they mean it.
    """
    if provider.end_session_endpoint is None:
        return None
    told = urlencode({"client_id": client.client_id, "post_logout_redirect_uri": back})
    return _with(provider.end_session_endpoint, told)


def _with(endpoint: str, asked: str) -> str:
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{asked}"


async def redeem(provider: Provider, client: Client, flow: Flow, code: str, redirect_uri: str) -> Tokens:
    """What it gives for a code. Raise `SsoRefusedError`, `UnavailableError`."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": flow.verifier,
    }
    auth = None
    methods = provider.token_endpoint_auth_methods_supported
    if methods is None or "client_secret_basic" in methods:
        auth = (client.client_id, client.secret)
    else:
        form |= {"client_id": client.client_id, "client_secret": client.secret}
    answer = await fetch(provider.token_endpoint, private=client.private, form=form, auth=auth)
    said = _json(answer)
    token = said.get("id_token")
    if answer.status != _OK or not isinstance(token, str):
        raise SsoRefusedError("code_refused", f"The provider gives no token for the code ({answer.status}).")
    access = said.get("access_token")
    return Tokens(token, access if isinstance(access, str) else None)


async def user_info(provider: Provider, client: Client, access: str | None, subject: str) -> dict[str, Any]:
    """What else it tells; nothing where it has no such place.

    Raise `UnavailableError` for whatever is no answer about them: it does not mean that there is nothing.
    """
    if provider.userinfo_endpoint is None:
        return {}
    if access is None or not access.isascii():
        raise UnavailableError("The provider gives no token for UserInfo.")
    headers = {"authorization": f"Bearer {access}"}
    answer = await fetch(provider.userinfo_endpoint, private=client.private, headers=headers)
    if answer.status != _OK:
        raise UnavailableError(f"UserInfo answers {answer.status}.")
    told = _json(answer)
    if told.get("sub") != subject:
        raise UnavailableError("UserInfo answers about somebody else.")
    return told


def lacking(payload: Mapping[str, Any], names: Names) -> set[str]:
    """Which claims that are looked for a token does not tell. Many tell no address or no roles."""
    wanted = {names.email or _EMAIL, names.name, names.role}
    return {each for each in wanted if each is not None and claim(payload, each) is None}


def accept_claims(
    payload: Mapping[str, Any],
    client: Client,
    nonce: str,
    names: Names,
    told: Mapping[str, Any] = _NOTHING,
    *,
    untold: str = "",
) -> Identity:
    """Raise `SsoRefusedError` unless a verified token is of this issuer, for us, for this sign-in, now.

    `told`: what else the provider says of them; who they are says the token alone. `untold`: why it did not.
    """
    try:
        claims = msgspec.convert(payload, _Claims)
    except msgspec.ValidationError as error:
        raise SsoRefusedError("token_refused", f"The token lacks something: {error}"[:300]) from None
    now = clock.now().timestamp()
    audience = [claims.aud] if isinstance(claims.aud, str) else claims.aud
    wrong = {
        "issuer": claims.iss != client.issuer,
        "audience": client.client_id not in audience,
        "authorized party": claims.azp != client.client_id and (len(audience) > 1 or claims.azp is not None),
        "nonce": claims.nonce is None or not secrets.compare_digest(claims.nonce.encode(), nonce.encode()),
        "end": now > claims.exp + SKEW,
        "beginning": claims.iat > now + SKEW,
        "subject": not is_name(claims.sub),
    }
    if any(wrong.values()):
        listed = ", ".join(name for name, is_wrong in wrong.items() if is_wrong)
        raise SsoRefusedError("token_refused", f"Wrong in the token: {listed}.")
    # of one address from one place
    email = _verified_email(payload if claim(payload, names.email or _EMAIL) is not None else told, names)
    name = _first(names.name or _NAME, payload, told)
    roles, untold = ([], untold) if names.role is None else _roles(names.role, untold, payload, told)
    return Identity(
        claims.iss,
        claims.sub,
        email,
        name if isinstance(name, str) else None,
        roles,
        claims.sid if is_name(claims.sid) else None,
        untold,
    )


def _roles(name: str, untold: str, *said: Mapping[str, Any]) -> tuple[list[str] | None, str]:
    """What is named, lower case; None and why where that is not known."""
    named = _first(name, *said)
    if named is None and (why := untold or _told_elsewhere(name, *said)):
        return None, why
    listed = named if isinstance(named, list) else [named]
    return [each.lower() for each in listed if isinstance(each, str)], untold


def _told_elsewhere(name: str, *said: Mapping[str, Any]) -> str:
    """Why a claim is missing of which it is said that there is more (OpenID Connect Core, 5.6.2).

    Entra does so where somebody has more groups than a token holds (200), or says `hasgroups`.
    """
    for each in said:
        sources = each.get("_claim_names")
        listed = sources if isinstance(sources, dict) else {}
        is_left_out = name == _GROUPS and each.get("hasgroups") in (True, "true")
        if is_left_out or any(name == one or name.startswith(f"{one}.") for one in listed):
            return "The provider names more groups or roles than its token holds."
    return ""


def _verified_email(said: Mapping[str, Any], names: Names) -> str | None:
    """One that the provider says it has verified, or of which the connection says that it is to be believed.

    What `email_verified` says is about `email` alone. Of several (Azure AD B2C's `emails`) it is the first.
    """
    email, verified = claim(said, names.email or _EMAIL), said.get("email_verified")
    if names.email is not None and isinstance(email, list):
        email = next((each for each in email if isinstance(each, str)), None)
    is_believed = names.email is not None and (names.email != _EMAIL or verified is None)
    is_verified = verified is True or verified == "true"
    return email if isinstance(email, str) and (is_verified or is_believed) else None


def _first(name: str, *said: Mapping[str, Any]) -> Any:
    return next((found for each in said if (found := claim(each, name)) is not None), None)


def claim(said: Mapping[str, Any], name: str) -> Any:
    """What is said under a name, or inside of what is, with a dot before each further name; None for nothing.

    Names may have dots themselves, as `https://example.com/roles`: the whole is looked for first.
    """
    if name in said:
        return said[name]
    for place, sign in enumerate(name):
        inside = said.get(name[:place]) if sign == "." else None
        if isinstance(inside, dict) and (found := claim(inside, name[place + 1 :])) is not None:
            return found
    return None


def is_name(text: str | None) -> bool:
    """Whether it can be what a provider calls somebody, or a session."""
    return text is not None and 0 < len(text) <= _LONGEST_NAME and text.isprintable()


def _verified(token: str, keys: KeySet, types: frozenset[str] | None = None) -> dict[str, Any] | None:
    """What it says; None for a key that is not among these. Raise `SsoRefusedError` for a wrong signature."""
    try:
        header = jws.extract_compact(token.encode("ascii")).headers()
        if header.get("alg") not in ALGORITHMS or "crit" in header:
            raise SsoRefusedError("token_refused", "It is signed by an algorithm that is not accepted.")
        if types is not None and str(header.get("typ", "")).lower() not in types:
            raise SsoRefusedError("token_refused", "It is a token of another kind.")
        kid = header.get("kid")
        fitting = [key for key in keys.keys if kid is None or key.kid == kid]
        if not fitting:
            return None
        if len(fitting) > 1:
            raise SsoRefusedError("token_refused", "It does not name its key.")
        payload = from_json(jws.deserialize_compact(token, fitting[0], algorithms=list(ALGORITHMS)).payload)
    except (JoseError, ValueError, UnicodeError) as error:
        raise SsoRefusedError("token_refused", f"It does not verify: {type(error).__name__}.") from None
    if not isinstance(payload, dict):
        raise SsoRefusedError("token_refused", "It says nothing.")
    return payload


def _keys(answer: Answer) -> KeySet:
    """Those that sign, and are no secrets."""
    listed = _json(answer).get("keys")
    usable = [
        each
        for each in (listed if isinstance(listed, list) else [])
        if isinstance(each, dict) and each.get("kty") in {"RSA", "EC", "OKP"} and each.get("use") != "enc"
    ]
    try:
        return KeySet.import_key_set({"keys": usable})
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise SsoRefusedError("provider_error", "The provider's keys cannot be read.") from error


def _json(answer: Answer) -> dict[str, Any]:
    try:
        said = from_json(answer.body)
    except ValueError as error:
        raise UnavailableError("The provider does not answer in JSON.") from error
    return said if isinstance(said, dict) else {}
