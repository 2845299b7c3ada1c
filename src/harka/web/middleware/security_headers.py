"""Headers every answer carries unless the page says otherwise. CORS is off: no header, no exception."""

from collections.abc import Sequence
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from harka.web.connection import lines_of

_DEFAULTS = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)
# only where the browser came by TLS: on plain http the header is noise
_HSTS = (b"strict-transport-security", b"max-age=63072000; includeSubDomains")
_SECURE = (*_DEFAULTS, _HSTS)
_DEFAULT_LINES: Final = lines_of(_DEFAULTS)
_SECURE_LINES: Final = lines_of(_SECURE)


class SecurityHeadersMiddleware:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        wanted = security_headers(scope)

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = list(message.get("headers", ()))
                names = {name.lower() for name, _ in given}
                message["headers"] = [*given, *(header for header in wanted if header[0] not in names)]
            await send(message)

        await self._app(scope, receive, dressed)


def security_headers(scope: Scope) -> tuple[tuple[bytes, bytes], ...]:
    """Those of an answer to this request."""
    return _SECURE if is_secure(scope) else _DEFAULTS


def is_secure(scope: Scope) -> bool:
    """Whether the browser came by TLS, to us or to a proxy that we trust."""
    return _is_secure(scope["scheme"], scope["headers"], trusted=scope["harka"].trusted)


def security_lines(scope: Scope) -> bytes:
    """The same as they go over the wire."""
    return lines_for(scope["scheme"], scope["headers"], trusted=scope["harka"].trusted)


def lines_for(scheme: str | None, headers: Sequence[tuple[bytes, bytes]], *, trusted: bool) -> bytes:
    """The same of a request that has no scope. `trusted`: its peer is a configured proxy."""
    return _SECURE_LINES if _is_secure(scheme, headers, trusted=trusted) else _DEFAULT_LINES


def _is_secure(scheme: str | None, headers: Sequence[tuple[bytes, bytes]], *, trusted: bool) -> bool:
    return scheme == "https" or (trusted and (b"x-forwarded-proto", b"https") in headers)
