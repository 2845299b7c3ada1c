"""Whether two colours can be told apart: the contrast ratio of WCAG 2.2, from 1 (the same) to 21."""

import re
from typing import Final

from harka.errors import ContrastError, ValidationError

TEXT: Final = 4.5
"""WCAG AA, 1.4.3: of text, and of what it stands on."""
GRAPHICS: Final = 3.0
"""WCAG AA, 1.4.11: of what is seen and not read."""
WHITE: Final = "#ffffff"
_DARKEST_CURVED: Final = 0.04045
"""Of sRGB: below it the curve is a line."""
_COLOR: Final = re.compile(r"#[0-9a-f]{6}")


def accept_color(value: str, field: str, *, least: float) -> str:
    """As `#rrggbb`, in lower case, if it stands out from white by at `least` that ratio.

    Raise `ValidationError` naming `field`; `ContrastError`, a kind of it, tells the ratio.
    """
    color = value.strip().lower()
    if not _COLOR.fullmatch(color):
        raise ValidationError("This is not a colour as in #1d4ed8.", field=field)
    measured = ratio(color, WHITE)
    if measured < least:
        # rounded down: 4.499 is not 4.50
        raise ContrastError(
            f"The contrast of {color} with white is {int(measured * 100) / 100:.2f}:1; "
            f"WCAG AA asks for {least}:1.",
            field=field,
        )
    return color


def ratio(one: str, other: str) -> float:
    """Of two colours as `#rrggbb`."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: str) -> float:
    red, green, blue = (_linear(int(color[place : place + 2], 16) / 255) for place in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= _DARKEST_CURVED else ((part + 0.055) / 1.055) ** 2.4
