"""The kinds of files that people may upload, each known by its content: a name and a header prove nothing."""

import re
from collections.abc import Callable, Mapping
from typing import Final

HEAD_BYTES: Final = 65_536
"""How much of the beginning and of the end is looked at."""

Looks = Callable[[bytes, bytes], bool]
"""Whether a file with this beginning and this end is of a kind; of a small file both are the whole."""

_OFFICE: Final = "application/vnd.openxmlformats-officedocument"
_NOT_IN_TEXT: Final = re.compile(rb"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_MP4_BRANDS: Final = (b"iso", b"mp4", b"avc1", b"dash", b"M4V ", b"M4A ", b"MSNV")
# eleven bits of synchronization, then layer III: of the second byte 0xE6 must be 0xE2
_MP3_FRAME: Final = re.compile(rb"\xff[\xe2\xe3\xea\xeb\xf2\xf3\xfa\xfb]")
_UTF8_REST: Final = 3
"""Bytes of a character that may be cut off at the end."""


def media_types() -> list[str]:
    return sorted(_LOOKS)


def is_known(media_type: str) -> bool:
    return media_type in _LOOKS


def is_text(media_type: str) -> bool:
    return media_type.startswith("text/")


def fits(media_type: str, head: bytes, tail: bytes) -> bool:
    """Whether a file that begins with `head` and ends with `tail` is what it is said to be."""
    return _LOOKS[media_type](head, tail)


def _begins(*magic: bytes) -> Looks:
    return lambda head, _tail: head.startswith(magic)


def _is_webp(head: bytes, _tail: bytes) -> bool:
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"


def _is_mp4(head: bytes, _tail: bytes) -> bool:
    return head[4:8] == b"ftyp" and head[8:12].startswith(_MP4_BRANDS)


def _is_webm(head: bytes, _tail: bytes) -> bool:
    # Matroska files begin alike; the kind of document is named within the first header
    return head.startswith(b"\x1a\x45\xdf\xa3") and b"webm" in head[:256]


def _is_mp3(head: bytes, _tail: bytes) -> bool:
    return head.startswith(b"ID3") or _MP3_FRAME.match(head) is not None


def _office(main_part: bytes) -> Looks:
    """A zip archive that holds the parts which such a document must have."""

    def looks(head: bytes, tail: bytes) -> bool:
        parts = head + tail
        return head.startswith(b"PK\x03\x04") and b"[Content_Types].xml" in parts and main_part in parts

    return looks


def _is_plain(head: bytes, tail: bytes) -> bool:
    return _is_utf8(head) and _is_utf8(tail.lstrip(bytes(range(0x80, 0xC0))))


def _is_utf8(text: bytes) -> bool:
    """But for a character that is cut off at the end."""
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.reason != "unexpected end of data" or len(text) - error.start > _UTF8_REST:
            return False
    return not _NOT_IN_TEXT.search(text)


_LOOKS: Final[Mapping[str, Looks]] = {
    "application/pdf": _begins(b"%PDF-"),
    "image/png": _begins(b"\x89PNG\r\n\x1a\n"),
    "image/jpeg": _begins(b"\xff\xd8\xff"),
    "image/gif": _begins(b"GIF87a", b"GIF89a"),
    "image/webp": _is_webp,
    "video/mp4": _is_mp4,
    "video/webm": _is_webm,
    "audio/mpeg": _is_mp3,
    "application/zip": _begins(b"PK\x03\x04", b"PK\x05\x06"),
    f"{_OFFICE}.wordprocessingml.document": _office(b"word/"),
    f"{_OFFICE}.spreadsheetml.sheet": _office(b"xl/"),
    f"{_OFFICE}.presentationml.presentation": _office(b"ppt/"),
    "text/plain": _is_plain,
    "text/csv": _is_plain,
}
