"""E-mails come to a real server whole, or it is known whether to try again."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from harka.config import ConfigurationError, Settings
from harka.errors import UnavailableError
from harka.mail.mailer import Mailer, RefusedError
from mail.test_letter import SENDER, letter
from smtp_server import SmtpServer, smtp_server


@pytest.fixture
async def server() -> AsyncIterator[SmtpServer]:
    async with smtp_server() as opened:
        yield opened


def mailer(url: str) -> Mailer:
    return Mailer(Settings(smtp_url=url, mail_from=SENDER))


async def test_it_comes_whole(server: SmtpServer) -> None:
    sent = letter(text="One.\n.\n..two\n" + "é" * 2000 + "\n")
    await mailer(server.url).send(sent)
    (came,) = server.received
    body = came.get_body(("plain",))
    assert body is not None
    assert (came["To"], body.get_content().replace("\r\n", "\n")) == ("Ada <ada@example.com>", sent.text)


@pytest.mark.parametrize(
    ("command", "answer", "error"),
    [
        ("RCPT", "550 nobody", RefusedError),
        ("RCPT", "450 later", UnavailableError),
        ("DATA", "554 spam", RefusedError),
        ("DATA", "421 busy", UnavailableError),
        ("EHLO", "554 you not", UnavailableError),
    ],
    ids=["no such", "greylisted", "refused", "busy", "us"],
)
async def test_what_is_not_taken_is_for_later_or_for_good(
    server: SmtpServer, command: str, answer: str, error: type[Exception]
) -> None:
    server.answers |= {command: answer, "HELO": answer}
    with pytest.raises(error):
        await mailer(server.url).send(letter())
    assert server.received == []


async def test_a_server_that_is_away_is_for_later(server: SmtpServer) -> None:
    url = server.url
    async with smtp_server() as other:
        url = other.url
    with pytest.raises(UnavailableError):
        await mailer(url).send(letter())


async def test_no_password_goes_out_in_the_clear(server: SmtpServer) -> None:
    """To another machine than this there is TLS, or nothing."""
    with pytest.raises(UnavailableError):
        await mailer(server.url.replace("127.0.0.1", "127.0.0.2")).send(letter())
    assert server.received == []


async def test_an_address_that_is_none_is_for_good(server: SmtpServer) -> None:
    with pytest.raises(RefusedError):
        await mailer(server.url).send(letter(to="x@y\r\nDATA"))
    assert server.received == []


async def test_in_development_it_is_put_into_a_directory(tmp_path: Path) -> None:
    outbox = Mailer(Settings(mail_outbox=str(tmp_path / "outbox")))
    sent = letter()
    for _ in range(2):
        await outbox.send(sent)
    (place,) = (tmp_path / "outbox").iterdir()
    assert place.name == f"{sent.id}.eml"
    assert b"Hello, Ada." in place.read_bytes()


def test_a_server_needs_an_address_to_send_from() -> None:
    with pytest.raises(ConfigurationError, match="HARKA_MAIL_FROM"):
        Mailer(Settings(smtp_url="smtp://localhost"))
    assert not Mailer(Settings()).is_open
