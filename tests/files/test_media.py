import io
import zipfile

import pytest

from harka.files import media


def office(part: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr(part, "x" * 200_000)
    return packed.getvalue()


DOCUMENTS = "application/vnd.openxmlformats-officedocument"
SAMPLES = {
    "application/pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
    "image/png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "image/jpeg": b"\xff\xd8\xff\xe0\0\x10JFIF",
    "image/gif": b"GIF89a\1\0\1\0",
    "image/webp": b"RIFF\x24\0\0\0WEBPVP8 ",
    "video/mp4": b"\0\0\0\x18ftypisom\0\0\2\0",
    "video/webm": b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\1\x42\x82\x84webm",
    "audio/mpeg": b"\xff\xfb\x90\x64\0\0",
    "application/zip": b"PK\x03\x04\x14\0",
    f"{DOCUMENTS}.wordprocessingml.document": office("word/document.xml"),
    f"{DOCUMENTS}.spreadsheetml.sheet": office("xl/workbook.xml"),
    f"{DOCUMENTS}.presentationml.presentation": office("ppt/presentation.xml"),
    "text/plain": "Grüße, שלום 👋\r\n".encode(),
    "text/csv": b"name,score\nAda,1\n",
}
ALIKE = {"application/zip": "openxml", "text/plain": "text/csv", "text/csv": "text/plain"}


def fits(media_type: str, content: bytes) -> bool:
    return media.fits(media_type, content[: media.HEAD_BYTES], content[-media.HEAD_BYTES :])


@pytest.mark.parametrize("media_type", media.media_types())
def test_a_file_is_what_its_content_says_and_nothing_else(media_type: str) -> None:
    for named, content in SAMPLES.items():
        is_alike = ALIKE.get(media_type, "?") in named
        assert fits(media_type, content) == (named == media_type or is_alike), named


@pytest.mark.parametrize(
    ("media_type", "content"),
    [
        ("audio/mpeg", b"ID3\4\0"),
        ("image/gif", b"GIF87a"),
        ("application/zip", b"PK\x05\x06" + bytes(18)),
        ("text/plain", b"x" * (media.HEAD_BYTES - 1) + "ü".encode() + b"y" * media.HEAD_BYTES),
        ("text/plain", b"x" + "👋".encode() * 40_000),
    ],
)
def test_the_same_in_other_forms(media_type: str, content: bytes) -> None:
    assert fits(media_type, content)


@pytest.mark.parametrize(
    "content",
    [
        b"MZ\x90\0",
        b"\x7fELF",
        b"a\0b",
        b"a\x1bb",
        b"caf\xe9 latin",
        b"cut \xf0\x9f\x91",
        b"\xff\xfeu\0t\0f\0",
    ],
)
def test_bytes_are_no_text(content: bytes) -> None:
    assert not fits("text/plain", content + b"more" * 3)


@pytest.mark.parametrize("media_type", media.media_types())
def test_nothing_and_next_to_nothing_are_of_no_kind(media_type: str) -> None:
    assert not any(fits(media_type, content) for content in (b"\xff", b"\0", b"\x89", b"\xff\xff"))
    assert media.is_known(media_type)


@pytest.mark.parametrize("unknown", ["", "text/html", "image/svg+xml", "TEXT/PLAIN", "text/plain; charset=x"])
def test_other_kinds_are_unknown(unknown: str) -> None:
    assert not media.is_known(unknown)
