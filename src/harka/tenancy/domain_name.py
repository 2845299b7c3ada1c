"""Which names may be an organization's own domain."""

import re
from typing import Final

from harka.errors import ValidationError

LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_CHARACTERS: Final = 253


def accept_domain(name: str, platform_domain: str, *, field: str = "domain") -> str:
    """Lower case, without a trailing dot. Raise `ValidationError` naming `field`."""
    accepted = name.lower().removesuffix(".")
    labels = accepted.split(".")
    # ASCII before lower(), which turns the Kelvin sign into a plain k
    well_formed = name.isascii() and len(accepted) <= _CHARACTERS and all(map(LABEL.fullmatch, labels))
    if not well_formed or len(labels) == 1:
        raise ValidationError(
            "This is not a domain name (international ones in their xn-- form).", field=field
        )
    if labels[-1].isdigit():
        raise ValidationError("This is an address, not a domain name.", field=field)
    platform = platform_domain.lower()
    if accepted == platform or accepted.endswith((f".{platform}", ".localhost")):
        raise ValidationError("This domain belongs to the platform.", field=field)
    return accepted
