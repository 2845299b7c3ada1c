import asyncio
import contextlib
import socket

import msgspec
import pytest
import uvloop

from harka.cli.serving import OwnedServer, PortTakenError, listen, listen_nearby, port_of, require_servers
from harka.config import ConfigurationError, Settings


def test_a_taken_port_is_refused() -> None:
    with listen("127.0.0.1", 0) as first, pytest.raises(PortTakenError, match=f"{port_of(first)} is taken"):
        listen("127.0.0.1", port_of(first))


def test_the_next_free_port_is_found() -> None:
    with listen("127.0.0.1", 0) as first, listen_nearby("127.0.0.1", port_of(first)) as second:
        assert port_of(second) not in {0, port_of(first)}


def test_an_address_that_is_not_ours_is_refused_with_its_reason() -> None:
    with pytest.raises(PortTakenError, match=r"cannot listen on 192\.0\.2\.1"):
        listen("192.0.2.1", 0)


def test_it_listens_on_ipv6_too() -> None:
    try:
        listener = listen("::1", 0)
    except PortTakenError:
        pytest.skip("this machine has no IPv6")
    with listener:
        assert listener.family == socket.AF_INET6


@pytest.mark.parametrize("missing", ["database_url", "redis_url", "secret"])
def test_what_is_missing_in_a_deployment_is_named(missing: str) -> None:
    given = {"database_url": "postgresql://db", "redis_url": "redis://cache", "secret": "ab" * 32}
    require_servers(Settings(**given))
    with pytest.raises(ConfigurationError, match=f"HARKA_{missing.upper()} is not set"):
        require_servers(Settings(**{**given, missing: ""}))


def test_several_who_connect_are_taken_in_one_turn_of_the_loop(settings: Settings) -> None:
    """In busy turns of some milliseconds, hundreds of them would wait for a second."""
    callers = 64
    assert uvloop.run(_turns(settings, callers)) <= callers / 8 + 8


async def _turns(settings: Settings, callers: int) -> int:
    """How many it takes until each of so many who connect at once has a protocol."""
    listener, turns = listen("127.0.0.1", 0), 0
    address = "127.0.0.1", port_of(listener)
    server = OwnedServer(msgspec.structs.replace(settings, port=address[1]))
    serving = asyncio.create_task(server.serve([listener]))
    await server.serving.wait()
    with contextlib.ExitStack() as stack:
        for _ in range(callers):
            stack.enter_context(socket.create_connection(address))
        while len(server.server_state.connections) < callers:
            await asyncio.sleep(0)
            turns += 1
    server.stop()
    await serving
    # no descriptor is left that listens
    with pytest.raises(ConnectionRefusedError), socket.create_connection(address):
        pass
    return turns
