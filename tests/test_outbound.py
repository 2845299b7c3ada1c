import asyncio
from collections.abc import AsyncIterator

import pytest

from harka.errors import UnavailableError, ValidationError
from harka.outbound import MOST_BYTES, accept_url, fetch, is_public


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
