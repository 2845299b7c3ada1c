"""Where a browser is led after it signed in."""

import re
from typing import Final

HOME: Final = "/dashboard"
SIGN_IN: Final = "/auth/sign-in"
PLACES: Final = frozenset({HOME, "/graphql", "/auth/sign-out", "/auth/passkeys"})
APP: Final = "/auth/app"
_LONGEST: Final = 2000
SEE_OTHER: Final = 303
# an address as it stands in a header: with its query
_PLAIN: Final = re.compile(r"[A-Za-z0-9/?&=%._~+-]+")


def place(asked: str) -> str:
    """Somewhere of ours, whatever the address said."""
    if asked.startswith(f"{APP}?") and len(asked) <= _LONGEST and _PLAIN.fullmatch(asked):
        return asked
    return asked if asked in PLACES else HOME
