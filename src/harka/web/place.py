"""Where a browser is led after it signed in."""

from typing import Final

HOME: Final = "/dashboard"
SIGN_IN: Final = "/auth/sign-in"
PLACES: Final = frozenset({HOME, "/graphql", "/auth/sign-out", "/auth/passkeys"})
SEE_OTHER: Final = 303


def place(asked: str) -> str:
    """Somewhere of ours, whatever the address said."""
    return asked if asked in PLACES else HOME
