"""A directory that does not behave costs a thread for a while, and nothing else."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec
import pytest

from harka.auth import ldap, ldap_connection
from harka.auth.ldap import MOST_OF_A_TENANT, Directories, Place
from harka.auth.ldap_connection import Watch
from harka.errors import SsoRefusedError, UnavailableError
from harka.ids import new_id
from slapd import BASE, READER, READER_PASSWORD, needs_slapd, serving
from waiting import until

BIND = 0x60
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
PLACE = Place(
    tenant=new_id(),
    url="ldap://127.0.0.1:389",
    start_tls=False,
    bind_dn=READER,
    bind_password=READER_PASSWORD,
    base_dn=BASE,
    login_attribute="uid",
    user_filter=None,
    email_attribute=None,
    name_attribute=None,
    group_attribute=None,
    ca_certificates=None,
    private=True,
)


async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def dripping(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """As if an answer of 16 MB began, or a greeting of TLS."""
    for byte in b"\x30\x84\x01\x00\x00\x00" + bytes(1000):
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.05)


GUID = bytes(range(16))
GROUPS = [f"cn=group {number},{BASE}".encode() for number in range(5)]


async def active_directory(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Tells two values of an attribute at a time, in BER: the rest is to be asked for by `;range=`."""
    while True:
        _, length = await reader.readexactly(2)
        if length & 0x80:
            length = int.from_bytes(await reader.readexactly(length & 0x7F))
        body = await reader.readexactly(length)
        id_, operation = body[: 2 + body[1]], body[2 + body[1]]
        ok = ber(0x0A, b"\0") + ber(0x04) + ber(0x04)
        if operation == BIND:
            writer.write(ber(0x30, id_, ber(0x61, ok)))
            continue
        since = re.search(rb";range=(\d+)-\*", body)
        first = int(since[1]) if since is not None else 0
        told = GROUPS[first : first + 2]
        last = "*" if first + 2 >= len(GROUPS) else str(first + 1)
        attributes = [("objectGUID", [GUID])] if since is None else []
        attributes += [("memberOf", []), (f"memberOf;range={first}-{last}", told)]
        listed = [
            ber(0x30, ber(0x04, name.encode()), ber(0x31, *(ber(0x04, each) for each in values)))
            for name, values in attributes
        ]
        entry = ber(0x64, ber(0x04, f"cn=ann,{BASE}".encode()), ber(0x30, *listed))
        writer.write(ber(0x30, id_, entry) + ber(0x30, id_, ber(0x65, ok)))


def ber(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return bytes([tag, 0x82]) + len(content).to_bytes(2) + content


@asynccontextmanager
async def listening(talk: Talk) -> AsyncIterator[int]:
    talks: set[asyncio.Task[None]] = set()

    async def begun(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(talk(reader, writer))
        talks.add(task)
        await asyncio.gather(task, return_exceptions=True)
        writer.close()

    server = await asyncio.start_server(begun, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        for each in talks:
            each.cancel()
        server.close()


@pytest.fixture
async def directories() -> AsyncIterator[Directories]:
    made = Directories()
    yield made
    made.close()


@pytest.mark.parametrize("talk", [silent, dripping])
@pytest.mark.parametrize("way", ["plain", "start-tls", "ldaps"])
async def test_a_silent_server_costs_a_thread_for_a_while(
    directories: Directories, monkeypatch: pytest.MonkeyPatch, talk: Talk, way: str
) -> None:
    monkeypatch.setattr(ldap, "PATIENCE", 0.25)
    async with listening(talk) as port:
        scheme = "ldaps" if way == "ldaps" else "ldap"
        asked = msgspec.structs.replace(
            PLACE, url=f"{scheme}://127.0.0.1:{port}", start_tls=way == "start-tls"
        )
        tasks = [asyncio.create_task(directories.probe(asked)) for _ in range(MOST_OF_A_TENANT + 2)]
        for done in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(done, UnavailableError)

        async def is_idle() -> bool:
            return not directories._threads._running

        await until(is_idle)


@needs_slapd
async def test_one_organizations_silent_server_is_no_others(
    directories: Directories, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ldap, "PATIENCE", 2.0)
    with serving() as slapd:
        async with listening(silent) as port:
            asked = msgspec.structs.replace(PLACE, url=f"ldap://127.0.0.1:{port}")
            held = [asyncio.create_task(directories.probe(asked)) for _ in range(10)]

            async def is_held() -> bool:
                return directories._threads._running[asked.tenant] == MOST_OF_A_TENANT

            await until(is_held)
            other = msgspec.structs.replace(PLACE, tenant=new_id(), url=slapd.plain)
            await directories.probe(other)
            assert not any(each.done() for each in held)
            for each in held:
                each.cancel()
            await asyncio.gather(*held, return_exceptions=True)
        # a directory tells no more than we read
        monkeypatch.setattr(ldap_connection, "MOST_BYTES", 20)
        with pytest.raises(SsoRefusedError) as caught:
            await directories.probe(other)
        assert "too long" in repr(caught.value.__cause__)


async def test_groups_that_active_directory_tells_in_parts_are_all_read(directories: Directories) -> None:
    """It tells 1,500 at once. Whoever is in more must not lose a role by that."""
    async with listening(active_directory) as port:
        asked = msgspec.structs.replace(PLACE, url=f"ldap://127.0.0.1:{port}", group_attribute="memberOf")
        who = await directories.identity(asked, "ann", "a password")
    assert who.roles == [each.decode() for each in GROUPS]
    assert who.subject == "objectGUID:03020100-0504-0706-0809-0a0b0c0d0e0f"


def test_what_is_opened_after_the_end_is_not_begun() -> None:
    watch, (ours, theirs) = Watch(), socket.socketpair()
    watch.add(ours)
    watch.cut()
    assert theirs.recv(1) == b""
    with pytest.raises(OSError, match="Nobody waits"):
        watch.add(ours)
    ours.close()
    theirs.close()
