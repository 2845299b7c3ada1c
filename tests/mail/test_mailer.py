"""E-mails come to a real server whole, or it is known whether to try again."""

import base64
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from harka.config import ConfigurationError, Settings
from harka.errors import UnavailableError
from harka.mail.mailer import Mailer, RefusedError, Server
from mail.test_letter import SENDER, letter
from smtp_server import SmtpServer, smtp_server
from test_outbound import certificate


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


def own(server: SmtpServer, **values: Any) -> Server:
    given = {"address": "hello@acme.example", "host": "localhost", "port": server.port, "start_tls": True}
    return Server(**(given | {"username": "acme", "password": "brass otter"} | values))


def private() -> Mailer:
    return Mailer(Settings(smtp_url="smtp://127.0.0.1:9", mail_from=SENDER, outbound_private=True))


async def test_an_organizations_own_server_sends_from_its_own_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, _ = certificate(tmp_path, "localhost")
    shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shown.load_cert_chain(file)
    async with smtp_server(shown) as server:
        server.answers |= {"EHLO": "250-here\r\n250 AUTH PLAIN", "AUTH": "235 in"}
        encrypted = own(server, start_tls=False)
        # nobody vouches for that certificate
        with pytest.raises(UnavailableError):
            await private().send(letter(), encrypted)
        assert (server.received, server.logins) == ([], [])
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        await private().send(letter(), encrypted)
        # a certificate of another name
        with pytest.raises(UnavailableError):
            await private().send(letter(), own(server, start_tls=False, host="127.0.0.1"))
    (came,) = server.received
    assert came["From"].addresses[0].addr_spec == "hello@acme.example"
    assert base64.b64decode(server.logins[0].split()[-1]) == b"\0acme\0brass otter"


async def test_an_own_server_that_lets_nobody_in_is_for_later_and_says_so(server: SmtpServer) -> None:
    server.answers |= {"EHLO": "250-here\r\n250 AUTH PLAIN", "AUTH": "535 not you"}
    with pytest.raises(UnavailableError, match="535"):
        await private().send(letter(), own(server))


async def test_an_own_server_is_none_of_an_inner_network(server: SmtpServer) -> None:
    with pytest.raises(UnavailableError, match="public internet"):
        await mailer(server.url).send(letter(), own(server))
    assert server.received == []


async def test_an_own_server_that_is_away_is_for_later(server: SmtpServer) -> None:
    async with smtp_server() as other:
        gone = own(other)
    with pytest.raises(UnavailableError, match="localhost does not answer"):
        await private().send(letter(), gone)


def test_a_password_is_not_shown() -> None:
    assert "brass" not in repr(own(SmtpServer()))
