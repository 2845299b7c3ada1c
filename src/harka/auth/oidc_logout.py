"""What a provider sends to end sessions (OpenID Connect Back-Channel Logout 1.0): a token of its own kind."""

from typing import Any, Final

import msgspec

from harka import clock
from harka.auth.oidc import SKEW, Client, is_name
from harka.errors import SsoRefusedError

OLDEST: Final = 600
"""Seconds since a token was made: for as long it is remembered that it was used."""
EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
_LONGEST_ID: Final = 255


class Logout(msgspec.Struct, frozen=True):
    """`subject`: whose sessions end, `sid`: which; one of them at least. `id`: of the token."""

    id: str
    subject: str | None
    sid: str | None


class _Claims(msgspec.Struct, frozen=True):
    iss: str
    aud: str | list[str]
    iat: float
    exp: float
    jti: str
    events: dict[str, Any]
    sub: str | None = None
    sid: str | None = None


def accept_logout(payload: dict[str, Any], client: Client) -> Logout:
    """Raise `SsoRefusedError` unless a verified token is of this issuer, for us, now, and ends a session.

    An ID token is none: it has no such event. What has a nonce might be one elsewhere, and is refused.
    """
    try:
        claims = msgspec.convert(payload, _Claims)
    except msgspec.ValidationError as error:
        raise SsoRefusedError("logout_refused", f"The token lacks something: {error}"[:300]) from None
    now = clock.now().timestamp()
    named = [each for each in (claims.sub, claims.sid) if each is not None]
    audience = [claims.aud] if isinstance(claims.aud, str) else claims.aud
    wrong = {
        "issuer": claims.iss != client.issuer,
        "audience": client.client_id not in audience,
        "nonce": "nonce" in payload,
        "event": not isinstance(claims.events.get(EVENT), dict),
        "end": now > claims.exp + SKEW,
        "beginning": not now - OLDEST <= claims.iat <= now + SKEW,
        "id": not 0 < len(claims.jti) <= _LONGEST_ID,
        "subject": named == [] or not all(is_name(each) for each in named),
    }
    if any(wrong.values()):
        told = ", ".join(name for name, is_wrong in wrong.items() if is_wrong)
        raise SsoRefusedError("logout_refused", f"Wrong in the token: {told}.")
    return Logout(claims.jti, claims.sub, claims.sid)
