from importlib import import_module
from typing import Any

import pytest

from harka import fastpath
from twins import FASTPATHS

LABEL_63 = b"a" * 63
HOST_253 = b".".join((LABEL_63, LABEL_63, LABEL_63, b"a" * 61))


@pytest.fixture(params=FASTPATHS)
def fast(request: pytest.FixtureRequest) -> Any:
    return import_module(f"harka.{request.param}")


@pytest.fixture
def table(fast: Any) -> Any:
    return fast.HostTable(
        "harka.ai",
        {"acme": 0, "globex": 1, "www": 2, "a.b": 3, "xn--bcher-kva": 4, "tenant1": 5, "x": 300},
        {"learn.acme.com": 0, "shop.harka.ai": 6, "xn--mnchen-3ya.de": 7, HOST_253.decode(): 8},
        {"abcdefghijkl": 0, "ghijklmnopqr": 300},
    )


def tenant_at(table: Any, host: bytes) -> int:
    resolved = table.resolve([(b"host", host)], False)
    assert resolved[1:] == (None, None, None)
    index: int = resolved[0]
    return index


@pytest.mark.parametrize(
    ("host", "tenant"),
    [
        (b"acme.harka.ai", 0),
        (b"globex.harka.ai:8000", 1),
        (b"ACME.Harka.AI", 0),
        (b"acme.harka.ai.", 0),
        (b"acme.harka.ai.:443", 0),
        (b"acme.harka.ai:0", 0),
        (b"acme.harka.ai:65535", 0),
        (b"x.harka.ai", 300),
        (b"learn.acme.com", 0),
        (b"LEARN.acme.com.:8443", 0),
        (b"shop.harka.ai", 6),
        (b"xn--bcher-kva.harka.ai", 4),
        (b"XN--mnchen-3ya.de", 7),
        (HOST_253 + b".:65535", 8),
        (b"harka.ai", fastpath.NEUTRAL),
        (b"HARKA.ai.:80", fastpath.NEUTRAL),
        (b"localhost:8000", fastpath.NEUTRAL),
        (b"127.0.0.1", fastpath.NEUTRAL),
        (b"127.255.9.250:8000", fastpath.NEUTRAL),
        (b"[::1]", fastpath.NEUTRAL),
        (b"[::1]:8000", fastpath.NEUTRAL),
        (b"acme.localhost", fastpath.UNKNOWN),
        (b"nobody.harka.ai", fastpath.UNKNOWN),
        (b"www.harka.ai", fastpath.UNKNOWN),
        (b"admin.harka.ai", fastpath.UNKNOWN),
        (b"a.b.harka.ai", fastpath.UNKNOWN),
        (b"deep.acme.harka.ai", fastpath.UNKNOWN),
        (b"tenant1.harka.ai.evil.com", fastpath.UNKNOWN),
        (b"tenant1.harka.aix", fastpath.UNKNOWN),
        (b"tenant1xharka.ai", fastpath.UNKNOWN),
        (b"evil-harka.ai", fastpath.UNKNOWN),
        (b"evil.com", fastpath.UNKNOWN),
        (b"harka", fastpath.UNKNOWN),
        (b"10.0.0.1", fastpath.UNKNOWN),
        (b"127.0.0.256", fastpath.UNKNOWN),
        (b"127.0.0.01", fastpath.UNKNOWN),
        (b"127.0.1", fastpath.UNKNOWN),
        (b"127.0.0.1.2", fastpath.UNKNOWN),
        (b"127.0.0.1.evil.com", fastpath.UNKNOWN),
        (b"2130706433", fastpath.UNKNOWN),
        (b"[::2]", fastpath.UNKNOWN),
        (b"[2001:DB8::1]:8000", fastpath.UNKNOWN),
        (b"[::ffff:127.0.0.1]", fastpath.UNKNOWN),
        (LABEL_63 + b".harka.ai", fastpath.UNKNOWN),
    ],
)
def test_host_names_a_tenant(table: Any, host: bytes, tenant: int) -> None:
    assert tenant_at(table, host) == tenant


@pytest.mark.parametrize(
    "host",
    [
        b"", b".", b"..", b":", b":80", b"acme.harka.ai:", b"acme.harka.ai:80:80", b"acme.harka.ai:65536",
        b"acme.harka.ai:000080", b"acme.harka.ai:-1", b"acme.harka.ai:8o", b"acme.harka.ai..",
        b"acme..harka.ai", b".acme.harka.ai", b"-acme.harka.ai", b"acme-.harka.ai", b"acme.harka.ai-",
        b"acme_x.harka.ai", b"acme%2eharka.ai", b"acme.harka.ai%00", b"acme.harka.ai\x00",
        b"acme\x00.harka.ai", b"acme.harka.ai\n", b" acme.harka.ai", b"acme.harka.ai ",
        b"acme.harka.ai, globex.harka.ai", b"acme.harka.ai,globex.harka.ai", b"user@acme.harka.ai",
        b"http://acme.harka.ai", b"acme.harka.ai/path", "bücher.harka.ai".encode(),
        "bücher.harka.ai".encode("latin-1"), "\u212aacme.harka.ai".encode(), b"\xff" * 20,
        LABEL_63 + b"a.harka.ai", HOST_253 + b"a", b"a." * 200 + b"a", b"a" * 65536, b"::1", b"[::1",
        b"::1]", b"[]", b"[:]", b"[::1].", b"[::1]x", b"[::1]:", b"[::1]:65536", b"[fe80::1%25eth0]",
        b"[" + b":" * 46 + b"]", b"[" * 200,
    ],
)  # fmt: skip
def test_malformed_host_is_refused(table: Any, host: bytes) -> None:
    assert tenant_at(table, host) == fastpath.MALFORMED


@pytest.mark.parametrize("reserved", sorted(fastpath.RESERVED_SUBDOMAINS))
def test_reserved_subdomain_is_nobodys(fast: Any, reserved: str) -> None:
    table = fast.HostTable("harka.ai", {reserved: 0, reserved.upper(): 1}, {}, {})
    assert tenant_at(table, f"{reserved}.harka.ai".encode()) == fastpath.UNKNOWN


def test_custom_domain_comes_before_subdomain(fast: Any) -> None:
    table = fast.HostTable("harka.ai", {"acme": 0}, {"acme.harka.ai": 1}, {})
    assert tenant_at(table, b"acme.harka.ai") == 1


@pytest.mark.parametrize("name", ["harka.ai", "localhost", "127.0.0.1", "127.1.2.3", "[::1]"])
def test_neutral_name_cannot_be_claimed(fast: Any, name: str) -> None:
    assert tenant_at(fast.HostTable("harka.ai", {}, {name: 0}, {}), name.encode()) == fastpath.NEUTRAL


def test_name_claimed_twice_is_nobodys(fast: Any) -> None:
    table = fast.HostTable(
        "harka.ai", {"acme": 0, "ACME": 1}, {"a.com": 2, "A.com": 2, "b.com": 3, "B.com": 4}, {}
    )
    assert tenant_at(table, b"acme.harka.ai") == fastpath.UNKNOWN
    assert tenant_at(table, b"a.com") == 2
    assert tenant_at(table, b"b.com") == fastpath.UNKNOWN


@pytest.mark.parametrize(
    "name", ["", "a..com", "a.com.", "a_b.com", "bücher.de", "\u212a.com", "a.com:80", "-a.com"]
)
def test_name_no_host_can_have_is_left_out(fast: Any, name: str) -> None:
    table = fast.HostTable("harka.ai", {name: 0}, {name: 0, "good.com": 1}, {})
    assert tenant_at(table, b"good.com") == 1
    assert tenant_at(table, b"k.com") == fastpath.UNKNOWN


@pytest.mark.parametrize("platform", ["", "harka.ai:8000", "harka.ai.", "har_ka.ai", "hárka.ai", "a" * 300])
def test_bad_platform_domain_raises(fast: Any, platform: str) -> None:
    with pytest.raises(ValueError, match="platform domain is not a host name"):
        fast.HostTable(platform, {}, {}, {})


@pytest.mark.parametrize("which", [1, 2, 3])
@pytest.mark.parametrize("index", [-1, -3, "0", None])
def test_bad_tenant_index_raises(fast: Any, which: int, index: Any) -> None:
    arguments: list[Any] = ["harka.ai", {}, {}, {}]
    arguments[which] = {"acme": index}
    with pytest.raises(ValueError, match="tenant index must be 0 or more"):
        fast.HostTable(*arguments)


def test_table_is_a_snapshot(fast: Any) -> None:
    subdomains, prefixes = {"acme": 0}, {"abc": 0}
    table = fast.HostTable("Harka.AI", subdomains, {}, prefixes)
    subdomains.clear()
    prefixes.clear()
    assert tenant_at(table, b"acme.harka.ai") == 0
    assert table.tenant_of_key("abc") == 0


HOST = (b"host", b"acme.harka.ai")
REFUSED = (fastpath.MALFORMED, None, None, None)


def test_all_signals_are_read_in_one_pass(table: Any) -> None:
    headers = [
        (b"", b""),
        (b"x-api-key", b"hk_abcdefghijkl_secret"),
        (b"cookie", b"theme=dark; __Host-harka=session; lang=en"),
        HOST,
        (b"authorization", b"Bearer ey.J0.x="),
    ]
    assert table.resolve(headers, False) == (0, b"hk_abcdefghijkl_secret", b"ey.J0.x=", b"session")


def test_unknown_host_keeps_the_credentials(table: Any) -> None:
    assert table.resolve([(b"host", b"evil.com"), (b"x-api-key", b"k")], False) == (
        fastpath.UNKNOWN,
        b"k",
        None,
        None,
    )


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"Host", b"acme.harka.ai")],
        [(b"x-forwarded-host", b"acme.harka.ai")],
        [HOST, HOST],
        [HOST, (b"host", b"globex.harka.ai")],
        [HOST, (b"x-api-key", b"k"), (b"x-api-key", b"k")],
        [HOST, (b"authorization", b"Bearer a"), (b"authorization", b"Bearer a")],
        [HOST, (b"x-api-key", b"")],
        [HOST, (b"x-api-key", b"two words")],
        [HOST, (b"x-api-key", b"k\x00")],
        [HOST, (b"x-api-key", b"\x7f")],
        [HOST, (b"x-api-key", b"\xe9")],
        [HOST, (b"x-api-key", b"k" * 257)],
        [HOST, (b"x-api-key", b"k" * 65536)],
        [HOST, (b"cookie", b"__Host-harka=a; __Host-harka=a")],
        [HOST, (b"cookie", b"__Host-harka=a"), (b"cookie", b"__Host-harka=b")],
        [HOST, (b"cookie", b"__Host-harka=")],
        [HOST, (b"cookie", b"__Host-harka=a b")],
        [HOST, (b"cookie", b"__Host-harka=a\x00")],
        [HOST, (b"cookie", b"__Host-harka=" + b"s" * 4097)],
    ],
)
def test_malformed_headers_are_refused(table: Any, headers: list[tuple[bytes, bytes]]) -> None:
    assert table.resolve(headers, False) == REFUSED
    assert table.resolve([*headers, (b"accept", b"*/*")], True) == REFUSED


@pytest.mark.parametrize("value", [b"Bearer tok.en", b"bearer tok.en", b"BEARER   tok.en"])
def test_bearer_scheme_has_no_case(table: Any, value: bytes) -> None:
    assert table.resolve([HOST, (b"authorization", value)], False) == (0, None, b"tok.en", None)


@pytest.mark.parametrize(
    "value",
    [
        b"", b"Bearer", b"Bearer ", b"Bearer    ", b" Bearer t", b"Bearer t ", b"Bearer t u", b"Bearer\tt",
        b"Bearert", b"Basic dXNlcjpwYXNz", b"token", b"Bearer t\x00", b"Bearer \xc3\xa9",
        b"Bearer t, Bearer u", b"Bearer\x00 t", b"B\x00earer t", b"\x02earer t", b"be\x01rer t",
        b"Bearer " + b"t" * 8186, b"Bearer " + b"t" * 65536, b"Bearer" + b" " * 8192 + b"t",
    ],
)  # fmt: skip
def test_authorization_that_is_no_bearer_token_is_refused(table: Any, value: bytes) -> None:
    assert table.resolve([HOST, (b"authorization", value)], False) == REFUSED


def test_every_byte_of_a_token_is_looked_at(table: Any) -> None:
    """Wherever it stands: the compiled one takes eight bytes at a time, and then what is left."""
    for place in range(19):
        for byte in range(256):
            token = b"t" * place + bytes([byte]) + b"t" * (18 - place)
            # one space more is none of the token's
            passes = b"!" <= bytes([byte]) <= b"~" or (byte == 0x20 and place == 0)
            bearer = table.resolve([HOST, (b"authorization", b"Bearer " + token)], False)
            assert bearer == ((0, None, token.lstrip(b" "), None) if passes else REFUSED), (place, byte)


def test_longest_credentials_pass(table: Any) -> None:
    token, key, session = b"t" * 8185, b"k" * 256, b"s" * 4096
    headers = [
        HOST,
        (b"authorization", b"Bearer " + token),
        (b"x-api-key", key),
        (b"cookie", b"__Host-harka=" + session),
    ]
    assert table.resolve(headers, False) == (0, key, token, session)


@pytest.mark.parametrize(
    ("cookie", "session"),
    [
        (b"__Host-harka=s", b"s"),
        (b"__Host-harka=a=b==", b"a=b=="),
        (b";; ;__Host-harka \t= \ts \t;", b"s"),
        (b"x=__Host-harka=s", None),
        (b"__Host-harka", None),
        (b"__host-harka=s", None),
        (b"__Host-harka2=s; x__Host-harka=s", None),
        (b"harka=s", None),
        (b"", None),
        (b"=", None),
        (b"=;=;", None),
        (b"other=\x00\xff\x01; __Host-harka=s", b"s"),
        (b"x=" + b";" * 65536 + b"__Host-harka=s", b"s"),
    ],
)
def test_session_cookie_is_found_among_others(table: Any, cookie: bytes, session: bytes | None) -> None:
    assert table.resolve([(b"cookie", cookie), HOST, (b"cookie", b"a=b")], False) == (0, None, None, session)


@pytest.mark.parametrize("platform", ["localhost", "harka.localhost"])
def test_development_also_reads_the_plain_session_cookie(fast: Any, platform: str) -> None:
    table, host = fast.HostTable(platform, {"acme": 0}, {}, {}), (b"host", f"acme.{platform}".encode())
    assert table.resolve([host, (b"cookie", b"harka=s")], False) == (0, None, None, b"s")
    assert table.resolve([host, (b"cookie", b"__Host-harka=s")], False) == (0, None, None, b"s")
    assert table.resolve([host, (b"cookie", b"harka=s; __Host-harka=s")], False) == REFUSED


def test_forwarded_host_counts_only_from_a_trusted_proxy(table: Any) -> None:
    headers = [HOST, (b"x-forwarded-host", b"globex.harka.ai")]
    assert table.resolve(headers, False)[0] == 0
    assert table.resolve(headers, True)[0] == 1
    assert table.resolve([HOST], True)[0] == 0


@pytest.mark.parametrize("host", [b"harka_backend", b"", b"a b"])
def test_forwarded_host_stands_for_any_host_of_the_proxy(table: Any, host: bytes) -> None:
    headers = [(b"host", host), (b"x-forwarded-host", b"globex.harka.ai")]
    assert table.resolve(headers, True)[0] == 1
    assert table.resolve(headers, False) == REFUSED


@pytest.mark.parametrize("value", [b"", b"acme.harka.ai, globex.harka.ai", b"acme.harka.ai,evil.com"])
def test_forwarded_host_is_one_value(table: Any, value: bytes) -> None:
    twice = [(b"x-forwarded-host", b"acme.harka.ai")] * 2
    assert table.resolve([HOST, (b"x-forwarded-host", value)], True) == REFUSED
    assert table.resolve([HOST, *twice], True) == REFUSED
    assert table.resolve([HOST, *twice], False)[0] == 0


@pytest.mark.parametrize(
    "headers",
    [
        None, (), (HOST,), iter([HOST]), [None], [[b"host", b"x"]], [(b"host",)], [(b"host", b"x", b"y")],
        [("host", b"x")], [(b"host", "x")], [(b"accept", None)], [(bytearray(b"host"), b"x")],
    ],
)  # fmt: skip
def test_headers_of_another_shape_raise(table: Any, headers: Any) -> None:
    with pytest.raises(TypeError, match=r"^headers must be a list of \(name, value\) tuples of bytes$"):
        table.resolve(headers, False)


def test_key_prefix_names_a_tenant(table: Any) -> None:
    assert table.tenant_of_key("abcdefghijkl") == 0
    assert table.tenant_of_key("ghijklmnopqr") == 300
    for other in ("", "abc", "abcdefghijkl\x00", "\ud800"):
        assert table.tenant_of_key(other) == fastpath.UNKNOWN
    with pytest.raises(TypeError, match=r"^prefix must be str, not bytes$"):
        table.tenant_of_key(b"abcdefghijkl")
