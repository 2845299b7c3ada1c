"""Logos and icons: told by their content, not by what somebody calls them, and small enough to be shown."""

import hashlib
import struct
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping
from typing import Final

from harka.errors import ValidationError
from harka.learning.svg import sanitized
from harka.repositories.branding_asset import BrandingAsset

MOST_BYTES: Final = 256 * 1024
MOST_PIXELS: Final = 2048
"""Of each side: whoever draws a picture unpacks it first."""
_MOST_CHARACTERS: Final = -(-MOST_BYTES // 3) * 4

Size = tuple[int, int]
"""Width and height, in pixels."""


def accept_picture(encoded: str, field: str, *, icon: bool = False) -> BrandingAsset:
    """SVG (sanitized), PNG, JPEG or WebP, for an `icon` also ICO, in Base64.

    Raise `ValidationError` naming `field`.
    """
    if len(encoded) > _MOST_CHARACTERS:
        raise ValidationError(f"This must not be larger than {MOST_BYTES // 1024} KiB.", field=field)
    try:
        content = b64decode(encoded, validate=True)
    except (Base64Error, ValueError):
        raise ValidationError("This is not Base64.", field=field) from None
    media_type, content = _checked(content, field)
    if media_type == "image/x-icon" and not icon:
        raise ValidationError("A picture is SVG, PNG, JPEG or WebP.", field=field)
    return BrandingAsset(hashlib.sha256(content).hexdigest(), media_type, content)


def _checked(content: bytes, field: str) -> tuple[str, bytes]:
    for begin, (media_type, size_of) in _RASTERS.items():
        if content.startswith(begin):
            try:
                size = size_of(content)
            except _DamagedError:
                raise ValidationError("This picture is damaged.", field=field) from None
            _require_size(size, field)
            return media_type, content
    if not content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        raise ValidationError("A picture is SVG, PNG, JPEG or WebP.", field=field)
    clean = sanitized(content, field)
    if len(clean) > MOST_BYTES:
        raise ValidationError(f"This must not be larger than {MOST_BYTES // 1024} KiB.", field=field)
    return "image/svg+xml", clean


def _require_size(size: Size, field: str) -> None:
    if not (0 < size[0] <= MOST_PIXELS and 0 < size[1] <= MOST_PIXELS):
        raise ValidationError(f"A picture has at most {MOST_PIXELS} pixels on each side.", field=field)


def _png_size(content: bytes) -> Size:
    _, width, height = _PNG_HEADER.unpack_from(content)
    return width, height


def _jpeg_size(content: bytes) -> Size:
    """Of the first frame. Segments say how long they are, so the next one is found without a search."""
    place = 2
    while True:
        begin, marker, length = _JPEG_SEGMENT.unpack_from(content, place)
        if begin != _MARK:
            raise _DamagedError
        if marker in _JPEG_FRAMES:
            height, width = _JPEG_FRAME.unpack_from(content, place)
            return width, height
        place += 1 if marker == _MARK else 2 + length


def _webp_size(content: bytes) -> Size:
    kind = content[8:16]
    if kind == b"WEBPVP8X":
        width, more_width, height, more_height = _WEBP_EXTENDED.unpack_from(content)
        return 1 + width + (more_width << 16), 1 + height + (more_height << 16)
    if kind == b"WEBPVP8L":
        (bits,) = _WEBP_LOSSLESS.unpack_from(content)
        return 1 + (bits & _14_BITS), 1 + (bits >> 14 & _14_BITS)
    if kind == b"WEBPVP8 ":
        width, height = _WEBP_LOSSY.unpack_from(content)
        return width & _14_BITS, height & _14_BITS
    raise _DamagedError


def _icon_size(content: bytes) -> Size:
    """Of the first picture in it; none has more than 256 pixels, written as 0."""
    width, height = _ICON_ENTRY.unpack_from(content)
    return width or 256, height or 256


_DamagedError: Final = struct.error
_PNG_HEADER: Final = struct.Struct(">8x4x4sII")
_JPEG_SEGMENT: Final = struct.Struct(">BBH")
_JPEG_FRAME: Final = struct.Struct(">5xHH")
_JPEG_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Starts of frames, of whichever coding; those left out are tables."""
_MARK: Final = 0xFF
_WEBP_EXTENDED: Final = struct.Struct("<24xHBHB")
_WEBP_LOSSLESS: Final = struct.Struct("<21xI")
_WEBP_LOSSY: Final = struct.Struct("<26xHH")
_14_BITS: Final = 0x3FFF
_ICON_ENTRY: Final = struct.Struct("<6xBB14x")
_RASTERS: Final[Mapping[bytes, tuple[str, Callable[[bytes], Size]]]] = {
    b"\x89PNG\r\n\x1a\n": ("image/png", _png_size),
    b"\xff\xd8\xff": ("image/jpeg", _jpeg_size),
    b"RIFF": ("image/webp", _webp_size),
    b"\0\0\1\0": ("image/x-icon", _icon_size),
}
