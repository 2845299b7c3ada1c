"""A browser sends a cookie along whoever's page asked; where it counts, the page must be of this address."""

from collections.abc import Sequence
from typing import Final

from harka.errors import ForbiddenError

_ASKED: Final = frozenset({b"host", b"origin", b"sec-fetch-site", b"sec-fetch-mode", b"x-forwarded-host"})
_OWN: Final = frozenset({b"", b"same-origin", b"none"})


def require_own_page(headers: Sequence[tuple[bytes, bytes]], *, trusted: bool) -> None:
    """Raise `ForbiddenError` when another page made the browser ask, an organization's beside this one too.

    Browsers name the page's origin with all that may change something. Without it, only following a link is
    let through. `trusted`: `X-Forwarded-Host` stands for the host.
    """
    said = {name: value for name, value in headers if name in _ASKED}
    host = (said.get(b"x-forwarded-host") if trusted else None) or said.get(b"host", b"")
    origin = said.get(b"origin")
    if origin is not None:
        is_own = origin.partition(b"://")[2].lower() == host.lower()
    else:
        is_own = said.get(b"sec-fetch-site", b"") in _OWN or said.get(b"sec-fetch-mode") == b"navigate"
    if not is_own:
        raise ForbiddenError
