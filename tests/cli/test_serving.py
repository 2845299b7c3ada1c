import socket

import pytest

from harka.cli.serving import PortTakenError, listen, listen_nearby, port_of, require_servers
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
