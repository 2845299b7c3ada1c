import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harka.errors import ValidationError
from harka.learning.text import (
    accept_email,
    accept_line,
    accept_slug,
    accept_text,
    accept_url,
    slug_of,
    stored_form,
)


@pytest.mark.parametrize(
    "text", ["Ünïcödé", "👩‍👩‍👧‍👦 family", "עברית", "日本語", "a" * 200, "e\u0301" * 200]
)
def test_every_script_is_fine(text: str) -> None:
    assert accept_line(text, "title", longest=200) == unicodedata.normalize("NFC", text)


def test_a_line_is_stripped_and_composed() -> None:
    assert accept_line("  e\u0301 ", "title", longest=200) == "\u00e9"


@pytest.mark.parametrize(
    "bad", ["", "  ", "a\x00", "a\nb", "a\u2028b", "\x85", "\ud83d", "a" * 201, "a" * 10**6]
)
def test_a_line_refuses_what_is_none(bad: str) -> None:
    with pytest.raises(ValidationError) as caught:
        accept_line(bad, "title", longest=200)

    assert caught.value.field == "title"
    assert "a" * 50 not in caught.value.message


def test_a_text_keeps_its_lines_and_may_be_empty() -> None:
    assert accept_text(" one\r\n\ttwo ", "description", longest=100) == "one\r\n\ttwo"
    assert accept_text("  ", "description", longest=100) == ""


@pytest.mark.parametrize("bad", ["\x00", "\x1b[0m", "\udfff", "a" * 101])
def test_a_text_refuses_controls(bad: str) -> None:
    with pytest.raises(ValidationError):
        accept_text(bad, "description", longest=100)


@pytest.mark.parametrize("slug", ["a", "a-b-2", "0"])
def test_a_slug_is_words_with_hyphens(slug: str) -> None:
    assert accept_slug(slug, "slug") == slug


@pytest.mark.parametrize("bad", ["A", "-a", "a-", "a--b", "a_b", "ä", "a" * 65, "a\n"[:1] + "\nb"])
def test_anything_else_is_no_slug(bad: str) -> None:
    with pytest.raises(ValidationError):
        accept_slug(bad, "slug")


@pytest.mark.parametrize("bad", ["a", "@", "a@", "@b", "a@b@c", "a b@c", "a" * 65 + "@b", "\x00@b"])
def test_an_address_has_two_sides(bad: str) -> None:
    with pytest.raises(ValidationError):
        accept_email(bad, "email")


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("AAA-2013J", "aaa-2013j"),
        ("Čeština 1!", "cestina-1"),
        ("数学", ""),
        ("x" * 90, "x" * 64),
        ("a" * 63 + " b", "a" * 63),
    ],
)
def test_a_slug_is_made_of_what_can_be_read(text: str, slug: str) -> None:
    assert slug_of(text) == slug


@given(st.text(st.characters(codec=None)))
def test_whatever_is_accepted_can_be_stored_and_found(text: str) -> None:
    try:
        line = accept_line(text, "code", longest=64)
    except ValidationError:
        return
    assert "\x00" not in line
    assert line.encode()
    assert 1 <= len(line) <= 64
    assert stored_form(text) == line
    assert (made := slug_of(line)) == "" or accept_slug(made, "slug") == made


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com:8443/a/b?c=d&e=f#g",
        "https://xn--bcher-kva.example/Rubik's_Cube_(toy)",
        "https://[2001:db8::1]/",
    ],
)
def test_an_https_address_is_kept_as_written(url: str) -> None:
    assert accept_url(f" {url} ", "url") == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "//example.com",
        "http://example.com",
        "HTTPS://example.com",
        "javascript:alert(1)",
        "java\tscript:alert(1)",
        "data:text/html,x",
        "https:",
        "https://",
        "https:///path",
        "https://user:secret@example.com",
        "https://example.com@evil.example",
        "https://example.com:99999",
        "https://example.com:x",
        "https://[::1",
        "https://example.com/a b",
        "https://example.com\\@evil.example",
        'https://example.com/"onload="x',
        "https://example.com/\u202egnp.exe",
        "https://ex\u0430mple.com",
        "https://example.com/\0",
        "https://example.com/" + "x" * 2048,
    ],
)
def test_anything_else_is_no_address(url: str) -> None:
    with pytest.raises(ValidationError) as refused:
        accept_url(url, "url")
    assert refused.value.field == "url"
