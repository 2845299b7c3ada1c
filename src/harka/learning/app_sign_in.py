"""An app signs a person in by the browser: by whatever way their organization lets them in there.

OAuth 2.0's authorization code with PKCE (RFC 6749 and 7636), as RFC 8252 has it for native apps. The code is
a browser's live session, sealed for a minute: it is spent once, with the verifier that only the app knows.
"""

import hashlib
import re
import secrets
from base64 import urlsafe_b64encode
from typing import Final
from urllib.parse import SplitResult, urlsplit
from uuid import UUID

import msgspec

from harka import clock
from harka.cache.once import is_first
from harka.errors import HarkaError, UnauthenticatedError, ValidationError
from harka.learning import session, user
from harka.learning.entrance import OF_ADDRESS, Entrance, network_of, trying, working
from harka.learning.session import Begun, Device
from harka.learning.sso_entrance import opened, sealed
from harka.repositories import session as sessions
from harka.repositories import sso_session
from harka.repositories.organization import Organization
from harka.repositories.user import UserStatus
from harka.tenancy.context import TenantContext

SETTINGS: Final = "apps"
"""The key of an organization's settings with an `AppSettings`."""
MOST_ADDRESSES: Final = 20
LONGEST_ADDRESS: Final = 500
LONGEST_STATE: Final = 500
_SECONDS: Final = 60
_PURPOSE: Final = "app-code"
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_OF_AN_APP: Final = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+")
"""A scheme of the app's own: a domain turned round (RFC 8252, section 7.1)."""
_LOOPBACK: Final = frozenset({"127.0.0.1", "[::1]"})


class AppSettings(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """`redirect_uris`: where browsers may be sent back to. Of a loopback address any port will do."""

    redirect_uris: list[str] = []


class Asked(msgspec.Struct, frozen=True):
    """`challenge`: of PKCE, S256. `state`: what the app gets back as it was."""

    redirect_uri: str
    challenge: str
    state: str = ""


class _Code(msgspec.Struct, frozen=True):
    """`nonce`: so that no two are alike. `granted_at`: Unix seconds."""

    session: UUID
    redirect_uri: str
    challenge: str
    nonce: str
    granted_at: int


def accept_settings(given: object) -> None:
    """Raise `ValidationError` for what is no `AppSettings`."""
    try:
        settings = msgspec.convert(given, AppSettings)
    except msgspec.ValidationError as error:
        raise ValidationError(f"`{SETTINGS}`: {error}", field="settings") from None
    if len(settings.redirect_uris) > MOST_ADDRESSES:
        raise ValidationError(f"`{SETTINGS}`: at most {MOST_ADDRESSES} addresses.", field="settings")
    for each in settings.redirect_uris:
        if _kind(each) is None:
            raise ValidationError(
                f"`{SETTINGS}`: an address of an app is https, or has a scheme of its own with a dot in it, "
                "or is http on a loopback address; it has no fragment.",
                field="settings",
            )


def accept(organization: Organization, asked: Asked) -> Asked:
    """Raise `ValidationError` naming the parameter. Before that nobody is sent anywhere."""
    if not any(_is_same(each, asked.redirect_uri) for each in _settings_of(organization).redirect_uris):
        raise ValidationError("The organization knows no app at this address.", field="redirect_uri")
    if not _CHALLENGE.fullmatch(asked.challenge):
        raise ValidationError("PKCE by S256 is needed.", field="code_challenge")
    if len(asked.state) > LONGEST_STATE or not asked.state.isprintable():
        raise ValidationError(f"At most {LONGEST_STATE} characters.", field="state")
    return asked


def grant(entrance: Entrance, context: TenantContext, asked: Asked) -> str:
    """A code for who is signed in by `context`. Raise `UnauthenticatedError` for who has no session."""
    user.myself(context)
    if context.session is None:
        raise UnauthenticatedError
    now = int(clock.now().timestamp())
    code = _Code(context.session, asked.redirect_uri, asked.challenge, secrets.token_urlsafe(9), now)
    return sealed(entrance, context, _PURPOSE, code)


async def redeem(
    entrance: Entrance, context: TenantContext, code: str, verifier: str, redirect_uri: str, device: Device
) -> Begun:
    """Begin an app's session of who granted it. Raise `UnauthenticatedError` whatever is wrong.

    `RateLimitedError` after too many tries. What a provider ends there, ends here, too.
    """
    async with trying(entrance, context, (OF_ADDRESS, network_of(device.address))):
        granted = opened(entrance, context, _PURPOSE, code, _Code)
        if (
            granted is None
            or clock.now().timestamp() - granted.granted_at > _SECONDS
            or granted.redirect_uri != redirect_uri
            or not _VERIFIER.fullmatch(verifier)
            or not secrets.compare_digest(granted.challenge, _challenge_of(verifier))
            or not await is_first(entrance.cache, context.id, _PURPOSE, granted.nonce, seconds=_SECONDS)
        ):
            raise UnauthenticatedError
        async with working(entrance, context, read_only=False) as work:
            live = await sessions.find_live(work.session, granted.session)
            if live is None or live.status != UserStatus.ACTIVE:
                raise UnauthenticatedError
            begun = await session.begin(work, entrance.keyring.session, live.user_id, device)
            await sso_session.copy(work.session, granted.session, begun.session.id)
        return begun


def _settings_of(organization: Organization) -> AppSettings:
    given = organization.settings.get(SETTINGS, {})
    try:
        accept_settings(given)
    except HarkaError:
        return AppSettings()
    return msgspec.convert(given, AppSettings)


def _challenge_of(verifier: str) -> str:
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _kind(address: str) -> str | None:
    """`web`, `loopback` or `app`; None for what is no address of an app."""
    parts = _split(address)
    if parts is None or parts.fragment or "#" in address or parts.username or parts.password:
        return None
    if parts.scheme == "https" and parts.hostname:
        return "web"
    if parts.scheme == "http":
        return "loopback" if _host(parts) in _LOOPBACK else None
    return "app" if _OF_AN_APP.fullmatch(parts.scheme) else None


def _is_same(known: str, asked: str) -> bool:
    """As it was written; of a loopback address whatever the port (RFC 8252, section 7.3)."""
    if known == asked:
        return True
    if _kind(known) != "loopback" or _kind(asked) != "loopback":
        return False
    one, other = urlsplit(known), urlsplit(asked)
    return (_host(one), one.path, one.query) == (_host(other), other.path, other.query)


def _host(parts: SplitResult) -> str:
    """Without the port."""
    return re.sub(r":\d*$", "", parts.netloc)


def _split(address: str) -> SplitResult | None:
    if not 0 < len(address) <= LONGEST_ADDRESS or not address.isascii() or not address.isprintable():
        return None
    if any(each in address for each in ' "<>\\^`{|};'):
        return None
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return None
    return parts
