import hashlib
import struct
from base64 import b64encode

import pytest

from harka.errors import ValidationError
from harka.learning.picture import MOST_BYTES, MOST_PIXELS, accept_picture


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height) + b"\x08\x06\0\0\0"


def jpeg(width: int, height: int) -> bytes:
    """With a comment, a table and filling bytes before the frame."""
    return (
        b"\xff\xd8\xff\xfe\0\6junk\xff\xc4\0\3\0\xff\xff"
        + struct.pack(">BBHBHH", 0xFF, 0xC2, 11, 8, height, width)
        + bytes(8)
    )


def webp(kind: bytes, inside: bytes) -> bytes:
    return b"RIFF\0\0\0\0WEBP" + kind + bytes(4) + inside + bytes(8)


def extended(width: int, height: int) -> bytes:
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return webp(b"VP8X", bytes(4) + sides)


def lossless(width: int, height: int) -> bytes:
    return webp(b"VP8L", b"\x2f" + struct.pack("<I", width - 1 | height - 1 << 14))


def lossy(width: int, height: int) -> bytes:
    return webp(b"VP8 ", bytes(6) + struct.pack("<HH", width, height))


def icon(width: int, height: int) -> bytes:
    return b"\0\0\1\0\1\0" + bytes([width % 256, height % 256]) + bytes(20)


def sent(content: bytes) -> str:
    return b64encode(content).decode()


FORMATS = {
    "png": (png, "image/png"),
    "jpeg": (jpeg, "image/jpeg"),
    "extended": (extended, "image/webp"),
    "lossless": (lossless, "image/webp"),
    "lossy": (lossy, "image/webp"),
}


@pytest.mark.parametrize("name", FORMATS)
def test_a_picture_is_told_by_its_content(name: str) -> None:
    made, media_type = FORMATS[name]
    content = made(MOST_PIXELS, 7)
    asset = accept_picture(sent(content), "logo")
    assert (asset.media_type, asset.content) == (media_type, content)
    assert asset.hash == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("sides", [(MOST_PIXELS + 1, 7), (7, MOST_PIXELS + 1)])
def test_one_that_unpacks_to_too_much_is_refused(name: str, sides: tuple[int, int]) -> None:
    with pytest.raises(ValidationError, match="pixels"):
        accept_picture(sent(FORMATS[name][0](*sides)), "logo")


@pytest.mark.parametrize("name", FORMATS)
def test_a_damaged_one_is_refused(name: str) -> None:
    whole = FORMATS[name][0](7, 7)
    for length in (10, 18):
        with pytest.raises(ValidationError, match="damaged"):
            accept_picture(sent(whole[:length]), "logo")


def test_a_drawing_is_cleaned_before_it_is_named() -> None:
    begin = b'<svg xmlns="http://www.w3.org/2000/svg">'
    asset = accept_picture(sent(b"\xef\xbb\xbf \n" + begin + b"<script/></svg>"), "logo")
    assert (asset.media_type, asset.content) == ("image/svg+xml", begin + b"</svg>")
    assert asset == accept_picture(sent(begin + b"</svg>"), "logo")


def test_an_icon_may_be_what_browsers_ask_for() -> None:
    assert accept_picture(sent(icon(256, 16)), "favicon", icon=True).media_type == "image/x-icon"
    with pytest.raises(ValidationError, match="A picture is"):
        accept_picture(sent(icon(16, 16)), "logo")


@pytest.mark.parametrize(
    ("encoded", "reason"),
    [
        ("", "A picture is"),
        ("not base64", "not Base64"),
        ("😀", "not Base64"),
        ("QQ=", "not Base64"),
        (sent(b"GIF89a"), "A picture is"),
        (sent(b"MZ"), "A picture is"),
        (sent(b"<html><script/></html>"), "not an SVG"),
        (sent(bytes(MOST_BYTES + 3)), "larger than 256 KiB"),
    ],
)
def test_anything_else_is_refused(encoded: str, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason) as caught:
        accept_picture(encoded, "logo")
    assert caught.value.field == "logo"
