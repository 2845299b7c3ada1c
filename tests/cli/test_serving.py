import asyncio
import contextlib
import socket

import msgspec
import pytest
import uvloop

from harka.cli.serving import (
    IN_A_TURN,
    OwnedServer,
    PortTakenError,
    bind_beside_others,
    descriptors_of,
    listen,
    listen_nearby,
    port_of,
    require_servers,
    reserve,
)
from harka.config import ConfigurationError, Settings


def test_a_taken_port_is_refused() -> None:
    with listen("127.0.0.1", 0) as first, pytest.raises(PortTakenError, match=f"{port_of(first)} is taken"):
        listen("127.0.0.1", port_of(first))


def test_processes_listen_beside_each_other_at_a_port_that_is_reserved() -> None:
    with reserve("127.0.0.1", 0) as held:
        port = port_of(held)
        # nobody listens yet
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
        with (
            bind_beside_others("127.0.0.1", port) as one,
            bind_beside_others("127.0.0.1", port) as other,
        ):
            assert port_of(one) == port_of(other) == port
            with pytest.raises(PortTakenError):
                reserve("127.0.0.1", port)
            # a process that has not begun to serve gets no connection
            other.settimeout(30)
            other.listen()
            for _ in range(16):
                socket.create_connection(("127.0.0.1", port)).close()
                other.accept()[0].close()
        with pytest.raises(PortTakenError):
            listen("127.0.0.1", port)


def test_a_port_that_is_taken_while_it_is_reserved_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with listen("127.0.0.1", 0) as quicker:
        taken = port_of(quicker)
        monkeypatch.setattr("harka.cli.serving.port_of", lambda _free: taken)
        with pytest.raises(PortTakenError, match=f"{taken} is taken"):
            reserve("127.0.0.1", 0)


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
    assert uvloop.run(_most_in_a_turn(settings)) == IN_A_TURN


async def _most_in_a_turn(settings: Settings) -> int:
    """How many of many who connect at once get a protocol in one turn."""
    listener, before, most = listen("127.0.0.1", 0), 0, 0
    address = "127.0.0.1", port_of(listener)
    server = OwnedServer(msgspec.structs.replace(settings, port=address[1]))
    serving = asyncio.create_task(server.serve(descriptors_of(listener)))
    await server.serving.wait()
    with contextlib.ExitStack() as stack:
        for _ in range(8 * IN_A_TURN):
            stack.enter_context(socket.create_connection(address))
        async with asyncio.timeout(10):
            while before < 8 * IN_A_TURN:
                await asyncio.sleep(0)
                now = len(server.server_state.connections)
                most, before = max(most, now - before), now
    server.stop()
    await serving
    # no descriptor is left that listens
    with pytest.raises(ConnectionRefusedError), socket.create_connection(address):
        pass
    return most
