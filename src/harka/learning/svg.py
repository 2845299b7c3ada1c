"""Drawings (SVG) that show something and do nothing: rewritten from an allow-list, never filtered in place.

Elements and attributes that are not listed are left out with all that is inside. What could make a small file
large work (`use`, masks, filters, patterns: each may contain others ten times) is not listed either.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from xml.parsers import expat  # a DOCTYPE, and so every entity, is refused before it is expanded
from xml.sax.saxutils import escape, quoteattr

from harka.errors import ValidationError

_NAMESPACE: Final = "http://www.w3.org/2000/svg"
_XLINK: Final = "http://www.w3.org/1999/xlink"
_SEPARATOR: Final = " "
_DEEPEST: Final = 40
_MOST_ELEMENTS: Final = 5_000

_GRADIENTS: Final = frozenset({"linearGradient", "radialGradient"})
_ELEMENTS: Final = _GRADIENTS | {
    *(
        "svg",
        "g",
        "defs",
        "title",
        "desc",
        "path",
        "rect",
        "circle",
        "ellipse",
        "line",
        "polyline",
        "polygon",
    ),
    *("text", "tspan", "stop", "clipPath"),
}
_WORDS: Final = frozenset({"title", "desc", "text", "tspan"})
_WRAPPERS: Final = frozenset({"a", "switch"})
"""What drawing programs put around a drawing: it goes, what is inside stays."""
_STYLES: Final = frozenset(
    {
        *("clip-path", "clip-rule", "color", "display", "dominant-baseline", "fill", "fill-opacity"),
        *("fill-rule", "font-family", "font-size", "font-style", "font-weight", "letter-spacing", "opacity"),
        *("paint-order", "stop-color", "stop-opacity", "stroke", "stroke-dasharray", "stroke-dashoffset"),
        *("stroke-linecap", "stroke-linejoin", "stroke-miterlimit", "stroke-opacity", "stroke-width"),
        *("text-anchor", "vector-effect", "visibility"),
    }
)
_ATTRIBUTES: Final = _STYLES | {
    *("id", "d", "x", "y", "x1", "y1", "x2", "y2", "cx", "cy", "r", "rx", "ry", "fx", "fy", "fr"),
    *("dx", "dy", "width", "height", "points", "transform", "viewBox", "preserveAspectRatio"),
    *("clipPathUnits", "gradientUnits", "gradientTransform", "spreadMethod", "offset"),
}
_ID: Final = r"[A-Za-z_][\w.-]*"
# no CSS escape, no at-rule, no address but one of this drawing
_VALUE: Final = re.compile(
    r"(?:[^\\<>@{}();:]"
    r"|(?:rgba?|hsla?|matrix|translate|scale|rotate|skew[XY])\([^();:\\]*\)"
    rf"|url\(['\"]?#{_ID}['\"]?\))*",
    re.ASCII | re.IGNORECASE,
)
_NAME: Final = re.compile(_ID, re.ASCII)
_REFERENCE: Final = re.compile(rf"#{_ID}", re.ASCII)


def sanitized(drawing: bytes, field: str) -> bytes:
    """The same drawing without what could run, load or call. Raise `ValidationError` naming `field`."""
    writer = _Writer(field)
    parser = expat.ParserCreate("utf-8", _SEPARATOR)
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = writer.refuse_doctype
    parser.StartElementHandler = writer.start
    parser.EndElementHandler = writer.end
    parser.CharacterDataHandler = writer.text
    try:
        parser.Parse(drawing, True)
    except expat.ExpatError:
        raise ValidationError("This is not a well-formed SVG drawing.", field=field) from None
    return "".join(writer.parts).encode()


class _Writer:
    """Writes down what it hears of, as far as it is allowed. `_skipped`: how deep in what is not."""

    def __init__(self, field: str) -> None:
        self.parts: list[str] = []
        self._field = field
        self._open: list[str] = []
        self._skipped = 0
        self._elements = 0

    def refuse_doctype(self, *_: Any) -> None:
        raise ValidationError("An SVG drawing must not have a DOCTYPE.", field=self._field)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if self._elements > _MOST_ELEMENTS or len(self._open) + self._skipped > _DEEPEST:
            raise ValidationError("This drawing is too intricate.", field=self._field)
        local = _local(name, _NAMESPACE)
        if local in _WRAPPERS:
            local = self._around()
        if not self._open and not self._skipped and local != "svg":
            raise ValidationError("This is not an SVG drawing.", field=self._field)
        if self._skipped or local not in _ELEMENTS:
            self._skipped += 1
            return
        kept = _kept(local, attributes)
        if "clipPath" in self._open:
            # one that is clipped by another, which is clipped by another, is work without end
            kept.pop("clip-path", None)
        opened = "".join(f" {key}={quoteattr(value)}" for key, value in kept.items())
        around = f' xmlns="{_NAMESPACE}"' if not self._open else ""
        self.parts.append(f"<{local}{around}{opened}>")
        self._open.append(local)

    def _around(self) -> str:
        """What groups others where we are, and does nothing else."""
        return "tspan" if self._open and self._open[-1] in _WORDS else "g"

    def end(self, _name: str) -> None:
        if self._skipped:
            self._skipped -= 1
        else:
            self.parts.append(f"</{self._open.pop()}>")

    def text(self, words: str) -> None:
        if not self._skipped and self._open and self._open[-1] in _WORDS:
            self.parts.append(escape(words))


def _local(name: str, namespace: str) -> str:
    """The name within `namespace`; empty for one of another."""
    space, _, local = name.rpartition(_SEPARATOR)
    return local if space == namespace else ""


def _kept(element: str, attributes: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in attributes.items() if name in _ATTRIBUTES and _is_safe(value)}
    if not _NAME.fullmatch(kept.get("id", "")):
        kept.pop("id", None)
    kept |= _declared(attributes.get("style", ""))
    reference = attributes.get("href") or attributes.get(f"{_XLINK}{_SEPARATOR}href", "")
    if element in _GRADIENTS and _REFERENCE.fullmatch(reference):
        kept["href"] = reference
    return kept


def _declared(style: str) -> dict[str, str]:
    """The declarations of a `style` attribute, as the attributes of the same names."""
    found = {}
    for declaration in style.split(";"):
        name, _, value = (part.strip() for part in declaration.partition(":"))
        if name in _STYLES and _is_safe(value):
            found[name] = value
    return found


_is_safe: Final[Callable[[str], object]] = _VALUE.fullmatch
