import asyncio
import ssl
from collections.abc import AsyncIterator
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from harka import clock, outbound
from harka.errors import UnavailableError, ValidationError
from harka.outbound import MOST_BYTES, accept_url, fetch, is_public
from nameserver import NameServer, asking, name_server

__all__ = ["asking", "name_server"]


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.1", "224.0.0.1"),
        *("::1", "::", "fe80::1%eth0", "fd00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1"),
        *("64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:7f00:1::", "192.88.99.1", "not an address", ""),
    ],
)
def test_inner_networks_are_not_public(address: str) -> None:
    assert not is_public(address)


def test_others_are() -> None:
    assert is_public("1.1.1.1")
    assert is_public("2606:4700:4700::1111")
    assert is_public("::ffff:1.1.1.1")


@pytest.mark.parametrize(
    "url",
    [
        *("http://example.com", "ftp://example.com", "file:///etc/passwd", "https://", "https:///x", "x", ""),
        *("https://user@example.com", "https://example.com/#x", "https://exam ple.com", "https://é.com"),
        *("https://example.com\\@evil", "https://[::1", "https://example.com:0", "https://example.com:x"),
        "https://example.com/" + "x" * 2000,
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        accept_url(url, "url", private=False)


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1/", "https://localhost/", "https://[::1]/", "https://2130706433/"]
)
async def test_this_machine_is_not_asked(url: str) -> None:
    with pytest.raises(UnavailableError):
        await fetch(url, private=False)


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """`/long` answers without end, `/silent` not at all, `/away` leads elsewhere."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1]
        if path == b"/away":
            writer.write(b"HTTP/1.1 302 Found\r\nlocation: /long\r\ncontent-length: 0\r\n\r\n")
        elif path == b"/long":
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (2 * MOST_BYTES))
        if path == b"/silent":
            await reader.read()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def test_too_much_too_late_and_elsewhere(port: int) -> None:
    with pytest.raises(UnavailableError, match="too long"):
        await fetch(f"http://127.0.0.1:{port}/long", private=True)
    with pytest.raises(UnavailableError, match="does not answer"):
        await fetch(f"http://127.0.0.1:{port}/silent", private=True, patience=0.1)
    assert (await fetch(f"http://127.0.0.1:{port}/away", private=True)).status == 302


def certificate(directory: Path, name: str) -> tuple[Path, str]:
    """For `name`, by itself: a file with the key, and what to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    who, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), clock.now()
    made = (
        x509.CertificateBuilder(who, who, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    form = serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    file = directory / f"{name}.pem"
    file.write_bytes(secret + pem)
    return file, pem.decode()


async def test_the_certificate_is_of_the_name_although_the_address_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, trusted = certificate(tmp_path, "localhost")
    shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shown.load_cert_chain(file)
    asked = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).lower())
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=shown) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(UnavailableError, match="ConnectError"):
            await fetch(f"https://localhost:{port}/", private=True)
        monkeypatch.setattr(outbound, "_trust", lambda: ssl.create_default_context(cadata=trusted))
        answered = await fetch(f"https://localhost:{port}/", private=True, content=b"{}")
        with pytest.raises(UnavailableError, match="ConnectError"):
            await fetch(f"https://127.0.0.1:{port}/", private=True)
    assert (answered.status, answered.body, len(asked)) == (200, b"ok", 1)
    assert f"host: localhost:{port}\r\n".encode() in asked[0]
    assert b"accept-encoding: identity\r\n" in asked[0]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("0", None),
        ("-1", None),
        ("1.5", None),
        ("", None),
        ("\u0663", None),
        ("9" * 400, None),
        ("soon", None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("Fri, 31 Dec 99999 23:59:59 GMT", None),
    ],
)
def test_how_long_somebody_asks_to_be_left_alone(text: str, seconds: float | None) -> None:
    assert outbound._seconds(text) == seconds


def test_it_may_be_a_date() -> None:
    moment = clock.now() + timedelta(seconds=90)
    told = outbound._seconds(format_datetime(moment, usegmt=True))
    assert told == pytest.approx(90, abs=2)


async def test_a_name_that_means_another_address_a_moment_later_changes_nothing(
    port: int, asking: NameServer
) -> None:
    asking.addresses["rebinding.example"] = ["127.0.0.1"]
    answered = await fetch(f"http://rebinding.example:{port}/away", private=True)
    # for both kinds of address, once
    assert (answered.status, asking.asked) == (302, ["rebinding.example"] * 2)


async def test_a_name_with_one_inner_address_among_others_is_not_asked(asking: NameServer) -> None:
    asking.addresses["mixed.example"] = ["93.184.216.34", "10.0.0.1"]
    with pytest.raises(UnavailableError, match="public internet"):
        await fetch("https://mixed.example/", private=False)
