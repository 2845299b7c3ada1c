"""Nothing that somebody is called ends a header or adds one."""

from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest

from harka.ids import new_id
from harka.mail.letter import Letter, message_of

SENDER = "no-reply@learning.example"


def letter(**values: Any) -> Letter:
    given = {
        "id": new_id(),
        "to": "ada@example.com",
        "to_name": "Ada",
        "sender_name": "Academy",
        "reply_to": None,
        "subject": "Hello",
        "text": "Hello, Ada.\n",
        "html": "<p>Hello, Ada.</p>",
        "language": "en",
    }
    return Letter(**(given | values))


def test_it_is_read_as_it_was_meant() -> None:
    sent = letter(
        to_name="Zoë, the “Ada”", sender_name="عربي 😀", reply_to="help@example.com", subject="x" * 300
    )
    read = message_from_bytes(message_of(sent, SENDER).as_bytes(), policy=default)
    assert read["To"].addresses[0].display_name == "Zoë, the “Ada”"
    assert (read["From"].addresses[0].display_name, read["From"].addresses[0].addr_spec) == (
        "عربي 😀",
        SENDER,
    )
    assert read["Reply-To"].addresses[0].addr_spec == "help@example.com"
    assert (read["Subject"], read["Message-ID"]) == ("x" * 300, f"<{sent.id}@learning.example>")
    assert read["Auto-Submitted"] == "auto-generated"
    bodies = [read.get_body((kind,)) for kind in ("plain", "html")]
    contents = [body.get_content().replace("\r\n", "\n") for body in bodies if body is not None]
    assert contents == [sent.text, sent.html + "\n"]


@pytest.mark.parametrize(
    "evil",
    ["A\r\nBcc: x@evil.example", "A\nBcc: x@evil.example", "A\u2028Bcc: x", "A\0\rBcc: x", "\x85Bcc: x"],
    ids=["crlf", "lf", "separator", "nul", "next line"],
)
@pytest.mark.parametrize("field", ["to_name", "sender_name", "subject"])
def test_no_name_adds_a_header(field: str, evil: str) -> None:
    read = message_from_bytes(message_of(letter(**{field: evil}), SENDER).as_bytes(), policy=default)
    assert "Bcc" not in read
    assert read.get_body(("plain",)) is not None


@pytest.mark.parametrize(
    "evil", ["a@b\r\nBcc: x@evil.example", "a b@example.com", "a@b, x@evil.example", "", "x"]
)
@pytest.mark.parametrize("field", ["to", "reply_to"])
def test_what_is_no_address_is_not_sent_to(field: str, evil: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        message_of(letter(**{field: evil}), SENDER)


def test_a_link_that_ends_such_e_mails_is_one_word_on_a_line_of_its_own() -> None:
    """As RFC 8058 has it; what folds or encodes it would make it another address."""
    url = "https://academy.learning.example/auth/unsubscribe?token=hu_" + "A" * 80
    raw = message_of(letter(unsubscribe=url), SENDER).as_bytes()
    assert f"\r\nList-Unsubscribe: <{url}>\r\n".encode() in raw
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in raw
    assert b"List-Unsubscribe" not in message_of(letter(), SENDER).as_bytes()


@pytest.mark.parametrize("evil", ["https://x>\r\nBcc: y", "https://x y", "https://x>,<mailto:y", "https://ä"])
def test_no_other_address_is_one_that_ends_them(evil: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        message_of(letter(unsubscribe=evil), SENDER)
