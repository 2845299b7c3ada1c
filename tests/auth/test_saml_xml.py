import pytest

from harka.auth.saml_xml import LARGEST, RefusedXmlError, base64_of, only, read, text_of


def test_a_declaration_and_a_mark_are_left_out() -> None:
    for head in (b"", b"\xef\xbb\xbf", b'<?xml version="1.0" encoding="UTF-8"?>\n', b"<?xml version='1.0'?>"):
        assert read(head + b"<a>\xc3\xa4</a>\n").content == b"<a>\xc3\xa4</a>"


@pytest.mark.parametrize(
    "content",
    [
        b"<!DOCTYPE a><a/>",
        b"<a><![CDATA[<!DOCTYPE a>]]></a>",
        b'<?xml version="1.0" encoding="utf-16"?><a/>',
        "<a/>".encode("utf-16"),
        b"<a>\0</a>",
        b"<a><?b c?></a>",
        b"<a>&b;</a>",
        b"<a>",
        b"",
        b"<a/>" + b" " * LARGEST,
    ],
    ids=range(10),
)
def test_what_parsers_could_read_otherwise_is_not_read(content: bytes) -> None:
    with pytest.raises(RefusedXmlError):
        read(content)


def test_text_is_whole_or_refused() -> None:
    assert text_of(read(b"<a> b<!-- c -->d<![CDATA[e]]> </a>").root) == "bde"
    assert text_of(None) == ""
    with pytest.raises(RefusedXmlError):
        text_of(read(b"<a>b<c/>d</a>").root)


def test_one_is_not_two() -> None:
    assert only(read(b"<a><b/><c/></a>").root, "b").tag == "b"
    for content in (b"<a><b/><b/></a>", b"<a/>"):
        with pytest.raises(RefusedXmlError):
            only(read(content).root, "b")


def test_base64_is_read_strictly() -> None:
    assert base64_of(" aGFy\n a2E= ") == b"harka"
    for text in ("a", "aGF!ya2E=", "ä", "aGFya2E=x"):
        with pytest.raises(RefusedXmlError):
            base64_of(text)
