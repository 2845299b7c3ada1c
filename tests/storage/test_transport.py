import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harka.config import Settings
from harka.storage.databases import Databases
from harka.storage.location import Location
from harka.storage.session import open_session
from harka.storage.transport import HoldingTransport
from storage.asking import SETTING, ask, later
from storage.relay import Relay
from storage.writes import SYNC, Writes

acts = st.tuples(
    st.sampled_from(["hold", "trail", "drop", "write"]),
    st.binary(min_size=1, max_size=3),
    st.sampled_from([b"", SYNC, SYNC + SYNC]),
)


@given(st.lists(acts))
def test_what_is_held_or_trails_goes_out_once_with_the_next_write(
    given: list[tuple[str, bytes, bytes]],
) -> None:
    below = Writes(None)
    transport, written = HoldingTransport(below), []
    held = trail = b""
    for act, data, end in given:
        if act == "hold":
            transport.hold(data)
            held = data
        elif act == "trail":
            transport.trail(data)
            trail = data
        elif act == "drop":
            assert transport.drop() is bool(held)
            held = trail = b""
        else:
            transport.write(memoryview(data + end))
            body = data + end
            # the last Sync stays the last
            written.append(held + (body[: -len(SYNC)] + trail + SYNC if trail and end else body))
            held = trail = b""
    assert below.found == written


async def test_all_else_is_the_transport_s_own(databases: Databases) -> None:
    connection = await databases.database("app")._dial()
    transport = connection._transport
    assert isinstance(transport, HoldingTransport)
    assert transport.get_extra_info("peername") == transport._transport.get_extra_info("peername")
    assert not transport.is_closing()
    await connection.close()
    assert transport.is_closing()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """A server's, signed by itself."""
    folder: Path = tmp_path_factory.mktemp("tls")
    key, own = str(folder / "key.pem"), str(folder / "own.pem")
    try:
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",  # noqa: S607 - wherever it is
             "-subj", "/CN=localhost", "-keyout", key, "-out", own],
            check=True, capture_output=True,
        )  # fmt: skip
    except FileNotFoundError:
        pytest.skip("no openssl to make a certificate with")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own, key)
    return context


@pytest.fixture
async def secured(
    storage_settings: Settings, relay: Relay, certificate: ssl.SSLContext
) -> AsyncIterator[Databases]:
    """The same databases by TLS, which ends in a relay: the embedded PostgreSQL is built without."""
    async with Relay(relay.socket, tls=certificate) as front:
        databases = Databases(_by_way_of(front, storage_settings, "require"))
        yield databases
        await databases.close()


def _by_way_of(relay: Relay, settings: Settings, mode: str) -> Settings:
    name = (settings.app_database_url or "").partition("@/")[2].partition("?")[0]
    url = f"postgresql://harka_app@127.0.0.1:{relay.port}/{name}?sslmode={mode}"
    return msgspec.structs.replace(settings, app_database_url=url)


async def test_statements_are_led_in_by_tls_too(secured: Databases, home: Location) -> None:
    for single in (True, False, True):
        tenant = uuid4()
        session = open_session(secured, home, tenant, read_only=True, timeout=5, single=single)
        assert await session.fetch_value(SETTING) == str(tenant)
        await session.commit()
    wire = await secured.pool("app").acquire(later())
    transport: Any = wire.connection._transport
    assert isinstance(transport, HoldingTransport)
    assert transport.get_extra_info("ssl_object").version().startswith("TLS")
    assert not isinstance(transport._transport, HoldingTransport)
    # far more than TLS or a socket takes at once
    assert await wire.connection.fetchval("SELECT length($1)", "x" * 5_000_000) == 5_000_000
    secured.pool("app").release(wire)


async def test_a_server_without_tls_is_spoken_to_without_where_that_may_be(
    storage_settings: Settings, relay: Relay, home: Location
) -> None:
    databases = Databases(_by_way_of(relay, storage_settings, "prefer"))
    assert await ask(databases, home) == 0
    wire = await databases.pool("app").acquire(later())
    assert isinstance(wire.connection._transport, HoldingTransport)
    assert wire.connection._transport.get_extra_info("ssl_object") is None
    databases.pool("app").release(wire)
    await databases.close()
