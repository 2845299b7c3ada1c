"""Cookies: of a session, and of a form. Each is of one address alone, and no script reads it."""

from datetime import timedelta
from http.cookies import CookieError, SimpleCookie
from typing import Final

from starlette.types import Scope

from harka.fastpath import PLAIN_SESSION_COOKIE, SESSION_COOKIE
from harka.web.middleware.security_headers import is_secure

Header = tuple[bytes, bytes]
_FORM: Final = "-form"
_SSO: Final = "-sso"
_SSO_SECONDS: Final = 900
_SAML: Final = "-saml"
_SAML_SECONDS: Final = 120
_PROVIDER: Final = "-provider"
_DEVICE: Final = "-device"
_DEVICE_SECONDS: Final = 31_536_000


def session_cookie(scope: Scope, token: str, lifetime: timedelta) -> Header:
    """What signs a browser in; a lifetime of zero signs it out."""
    return _cookie(_session_name(scope), token, int(lifetime.total_seconds()), secure=is_secure(scope))


def form_cookie(scope: Scope, value: str) -> Header:
    """What a form of ours is compared with, until the browser is closed."""
    return _cookie(_session_name(scope) + _FORM, value, None, secure=is_secure(scope))


def form_value(scope: Scope) -> str:
    """Empty without such a cookie."""
    return _value(scope, _session_name(scope) + _FORM)


def _value(scope: Scope, name: str) -> str:
    for header, value in scope["headers"]:
        if header == b"cookie":
            try:
                found = SimpleCookie(value.decode("latin-1")).get(name)
            except CookieError:
                continue
            if found is not None:
                return str(found.value)
    return ""


def sso_cookie(scope: Scope, value: str) -> Header:
    """What a browser brings back from a provider; empty takes it away."""
    lifetime = _SSO_SECONDS if value else 0
    return _cookie(_session_name(scope) + _SSO, value, lifetime, secure=is_secure(scope))


def sso_value(scope: Scope) -> str:
    """Empty without such a cookie."""
    return _value(scope, _session_name(scope) + _SSO)


def saml_cookie(scope: Scope, value: str) -> Header:
    """What a browser carries on from a provider's answer; empty takes it away."""
    lifetime = _SAML_SECONDS if value else 0
    return _cookie(_session_name(scope) + _SAML, value, lifetime, secure=is_secure(scope))


def saml_value(scope: Scope) -> str:
    """Empty without such a cookie."""
    return _value(scope, _session_name(scope) + _SAML)


def provider_cookie(scope: Scope, connection: str, lifetime: timedelta) -> Header:
    """By which connection somebody came in, as an id of the graph; a lifetime of zero forgets it."""
    name = _session_name(scope) + _PROVIDER
    return _cookie(name, connection, int(lifetime.total_seconds()), secure=is_secure(scope))


def provider_value(scope: Scope) -> str:
    """Empty without such a cookie."""
    return _value(scope, _session_name(scope) + _PROVIDER)


def device_cookie(scope: Scope, token: str) -> Header:
    """Who came in on this browser is known here from now on, for a year."""
    return _cookie(_session_name(scope) + _DEVICE, token, _DEVICE_SECONDS, secure=is_secure(scope))


def device_value(scope: Scope) -> str:
    """Empty without such a cookie."""
    return _value(scope, _session_name(scope) + _DEVICE)


def _session_name(scope: Scope) -> str:
    """Over plain http a browser refuses `__Host-`; the door reads the plain name in development alone."""
    return SESSION_COOKIE if is_secure(scope) else PLAIN_SESSION_COOKIE


def _cookie(name: str, value: str, seconds: int | None, *, secure: bool) -> Header:
    parts = [f"{name}={value}", "Path=/", "HttpOnly", "SameSite=Lax"]
    if seconds is not None:
        parts.append(f"Max-Age={seconds}")
    if secure:
        parts.append("Secure")
    return b"set-cookie", "; ".join(parts).encode("ascii")
