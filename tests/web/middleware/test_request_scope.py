import pytest

from doors import Echo, client, scoped
from harka import clock
from harka.web.middleware.request_scope import is_trusted, trusted_networks

PROXIES = "10.0.0.0/8, 2001:db8::/32, 192.0.2.7"


@pytest.mark.parametrize("address", ["10.1.2.3", "2001:db8::9", "192.0.2.7"])
async def test_a_trusted_proxys_request_id_is_kept(address: str) -> None:
    echo = Echo()
    async with client(scoped(echo, trusted_proxies=PROXIES), address=address) as http:
        answer = await http.get("/", headers={"x-request-id": "01J8-abcdef.12"})
    assert answer.headers["x-request-id"] == echo.scope["harka"].id == "01J8-abcdef.12"
    assert echo.scope["harka"].trusted


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("198.51.100.9", "203.0.113.5", "198.51.100.9"),
        ("10.0.0.1", "203.0.113.5", "203.0.113.5"),
        ("10.0.0.1", "6.6.6.6, 203.0.113.5, 192.0.2.7", "203.0.113.5"),
        ("10.0.0.1", "10.0.0.2", "10.0.0.1"),
        ("10.0.0.1", None, "10.0.0.1"),
    ],
)
async def test_the_clients_address_is_the_last_that_is_no_proxys(
    peer: str, forwarded: str | None, expected: str
) -> None:
    echo = Echo()
    headers = {} if forwarded is None else {"x-forwarded-for": forwarded}
    async with client(scoped(echo, trusted_proxies=PROXIES), address=peer) as http:
        await http.get("/", headers=headers)
    assert echo.scope["harka"].address == expected


async def test_anybody_elses_request_id_is_replaced() -> None:
    echo = Echo()
    async with client(scoped(echo, trusted_proxies=PROXIES)) as http:
        answer = await http.get("/", headers={"x-request-id": "01J8-abcdef.12"})
    assert len(answer.headers["x-request-id"]) == 32
    assert not echo.scope["harka"].trusted


@pytest.mark.parametrize("given", ["short", "x" * 65, 'forged"line', "with space", "tab\there", "née-12345"])
async def test_a_request_id_that_is_not_sane_is_replaced_even_from_a_proxy(given: str) -> None:
    async with client(scoped(Echo(), trusted_proxies=PROXIES), address="10.0.0.1") as http:
        answer = await http.get("/", headers={"x-request-id": given.encode()})
    assert answer.headers["x-request-id"] != given
    assert len(answer.headers["x-request-id"]) == 32


async def test_two_request_ids_are_none() -> None:
    async with client(scoped(Echo(), trusted_proxies=PROXIES), address="10.0.0.1") as http:
        answer = await http.get("/", headers=[("x-request-id", "aaaaaaaa"), ("x-request-id", "bbbbbbbb")])
    assert answer.headers["x-request-id"] not in {"aaaaaaaa", "bbbbbbbb"}


async def test_requests_have_different_ids_and_a_deadline() -> None:
    echo = Echo()
    async with client(scoped(echo, timeout=7.0)) as http:
        ids = {(await http.get("/")).headers["x-request-id"] for _ in range(10)}
    assert len(ids) == 10
    assert 0.0 < echo.scope["harka"].deadline - clock.monotonic() <= 7.0


def test_a_network_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="300"):
        trusted_networks("300.0.0.0/8")


@pytest.mark.parametrize("peer", [None, ("", 0), ("unix-socket", 0), ("testclient", 1)])
def test_a_peer_without_an_address_is_not_trusted(peer: tuple[str, int] | None) -> None:
    assert not is_trusted(peer, trusted_networks("0.0.0.0/0"))
