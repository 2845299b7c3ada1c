"""Whatever goes in, both implementations give the same answer or the same error.

Where only one exists there is nothing to compare, and nothing of this is collected.
"""

import math
from collections.abc import Callable
from importlib import import_module
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from harka import _fastpath_py as twin
from harka._fastpath_rules import BASE64URL
from harka.ids import NodeIds, NodeKind
from twins import FASTPATHS

__test__ = len(FASTPATHS) > 1
compiled: Any = import_module(f"harka.{FASTPATHS[0]}")

# no deadline: a busy machine is not a failure; nor is a seed whose first examples are mostly left out
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
many = settings(unhurried, max_examples=1000)
few = settings(unhurried, max_examples=200)

SUBDOMAINS = {"acme": 0, "globex": 1, "www": 2, "xn--bcher-kva": 3, "a-b": 400}
DOMAINS = {"learn.acme.com": 0, "a.b.c.d": 5, "127.x.y.z": 6}
NAMES = [f"{label}.{platform}" for label in SUBDOMAINS for platform in ("harka.ai", "harka.localhost")]
NAMES += [
    *DOMAINS,
    "harka.ai",
    "harka.localhost",
    "localhost",
    "127.0.0.1",
    "127.1.1.255",
    "[::1]",
    "evil.com",
]

raw = st.binary(max_size=300)
# mostly the bytes that mean something, so that random hosts come near the borders
dense = st.text("aZ09-._:[]%,@ \t\x00\x7fé", max_size=80).map(str.encode)
pieces = [
    "harka.ai",
    "acme.",
    "a",
    "-",
    ".",
    ":",
    "80",
    "65536",
    "[",
    "]",
    "::1",
    "127.",
    "0.",
    "1",
    "_",
    "\x00",
    "x" * 63,
]
built = st.lists(st.sampled_from(pieces), max_size=8).map("".join).map(str.encode)


@st.composite
def spoiled(draw: st.DrawFn, whole: st.SearchStrategy[bytes]) -> bytes:
    """Change, put in or take out one byte of a good value."""
    value = draw(whole)
    at = draw(st.integers(0, len(value)))
    return (
        value[:at]
        + draw(st.sampled_from([b"", b"\x00", b"\x7f", b" ", b".", b":", b"A", b"\xc3", b";"]))
        + value[at + 1 :]
    )


ends = st.sampled_from(["", ".", ":80", ".:443", ":", "..", ":99999"])
named = st.tuples(st.sampled_from(NAMES), ends).map("".join).map(str.encode)
hosts = st.one_of(
    named, named.map(bytes.upper), spoiled(named), built, dense, raw,
    st.integers(240, 270).map(lambda n: (b"a" * 62 + b".") * 4 + b"b" * (n - 252)),
    st.integers(0, 70_000).map(lambda n: b"a" * n),
)  # fmt: skip
tokens = st.one_of(
    st.just(b"tok.en"),
    raw,
    dense,
    st.sampled_from([255, 256, 257, 4096, 4097, 8185, 8186]).map(lambda n: b"t" * n),
)
bearers = st.one_of(
    st.tuples(st.sampled_from([b"Bearer ", b"bEARER  ", b"Basic ", b"Bearer", b"", b"Bearer\t"]), tokens).map(
        b"".join
    ),
    spoiled(st.just(b"Bearer tok.en")),
)
cookie = st.tuples(
    st.sampled_from([b"__Host-harka", b"harka", b"theme", b" harka\t", b"", b"Harka", b"x harka"]),
    st.sampled_from([b"=", b" = ", b"==", b""]),
    tokens,
).map(b"".join)
jar = st.lists(
    st.sampled_from([b"__Host-harka=a", b"harka=b", b"theme=c", b"__Host-harka=", b"harka"]), max_size=4
)
cookies = st.one_of(jar.map(b"; ".join), st.lists(cookie, max_size=4).map(b";".join), raw)
headers = st.one_of(
    st.tuples(st.just(b"host"), hosts),
    st.tuples(st.just(b"x-forwarded-host"), hosts),
    st.tuples(st.just(b"x-api-key"), tokens),
    st.tuples(st.just(b"authorization"), bearers),
    st.tuples(st.just(b"cookie"), cookies),
    st.tuples(st.one_of(raw, st.sampled_from([b"Host", b"date", b"cookies", b"", b"accept"])), raw),
)
oddities = st.sampled_from(
    [None, b"host", (b"host",), ("host", b"x"), (b"host", "x"), [b"host", b"x"], (1, 2, 3)]
)
requests: st.SearchStrategy[list[Any]] = st.one_of(
    st.tuples(st.tuples(st.just(b"host"), hosts), st.lists(headers, max_size=5)).map(
        lambda both: [both[0], *both[1]]
    ),
    st.lists(headers, max_size=6),
    st.lists(st.one_of(headers, oddities), max_size=4),
)

anything: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.binary(),
    st.lists(st.integers(), max_size=2),
)
numbers = st.one_of(
    st.floats(),
    st.integers(),
    st.floats(0, 100),
    st.integers(0, 10),
    st.sampled_from([10**400, -(10**400), True]),
)
edges = [
    0,
    1,
    100,
    101,
    1000,
    1001,
    2**63 - 1,
    2**63,
    -1,
    -(2**63),
    -(2**63) - 1,
    2**64,
    255,
    256,
    -128,
    -129,
]
whole = st.one_of(st.integers(), st.sampled_from(edges), anything)
sixteen = st.one_of(st.binary(min_size=16, max_size=16), st.binary(max_size=20), anything)
texts = st.one_of(st.text(), st.text(st.characters(codec=None), max_size=20), st.text("a\x00", max_size=20))
parts = st.lists(
    st.one_of(st.none(), st.booleans(), texts, st.integers(), st.sampled_from(edges), st.binary()), max_size=6
)


def outcome(call: Callable[..., Any], *arguments: Any) -> tuple[str, ...]:
    try:
        return "answer", repr(call(*arguments))
    except Exception as error:  # noqa: BLE001 - the comparison is about every error
        return type(error).__name__, str(error)


def made(kind: Callable[..., Any], *arguments: Any) -> tuple[str, ...]:
    """Tell how construction went, without the address that the object's repr would show."""
    return outcome(lambda: type(kind(*arguments)).__name__)


def same(name: str, *arguments: Any) -> tuple[str, ...]:
    found = outcome(getattr(compiled, name), *arguments)
    assert found == outcome(getattr(twin, name), *arguments)
    return found


TABLES = [
    (compiled.HostTable(platform, SUBDOMAINS, DOMAINS, {}), twin.HostTable(platform, SUBDOMAINS, DOMAINS, {}))
    for platform in ("harka.ai", "harka.localhost")
]


@many
@given(st.sampled_from(TABLES), requests, st.booleans())
def test_requests_resolve_alike(tables: tuple[Any, Any], request: list[Any], forwarded: bool) -> None:  # noqa: FBT001 - hypothesis passes it
    fast, slow = tables
    assert outcome(fast.resolve, request, forwarded) == outcome(slow.resolve, request, forwarded)


@many
@given(st.sampled_from(TABLES), st.lists(st.tuples(st.just(b"cookie"), cookies) | headers, max_size=3))
def test_credentials_at_a_good_host_resolve_alike(tables: tuple[Any, Any], request: list[Any]) -> None:
    fast, slow = tables
    request = [(b"host", b"localhost"), *(header for header in request if header[0] != b"host")]
    assert outcome(fast.resolve, request, False) == outcome(slow.resolve, request, False)


@many
@given(hosts)
def test_a_tenant_is_found_only_under_its_own_name(host: bytes) -> None:
    tenant = TABLES[0][0].resolve([(b"host", host)], False)[0]
    canonical = host.lower().partition(b":")[0].removesuffix(b".").decode("latin-1")
    owned = {f"{label}.harka.ai": index for label, index in SUBDOMAINS.items() if label != "www"} | DOMAINS
    assert tenant == owned[canonical] if tenant >= 0 else tenant in (-1, -2, -3)


@few
@given(st.dictionaries(texts, st.integers(0, 9)), st.dictionaries(texts, st.integers(-1, 9)), texts, requests)
def test_tables_of_any_names_are_alike(
    labels: dict[str, int], domains: dict[str, int], platform: str, request: list[Any]
) -> None:
    arguments = (platform or "harka.ai", labels, domains, labels)
    how = made(compiled.HostTable, *arguments)
    assert how == made(twin.HostTable, *arguments)
    assume(how[0] == "answer")
    fast, slow = compiled.HostTable(*arguments), twin.HostTable(*arguments)
    assert outcome(fast.resolve, request, True) == outcome(slow.resolve, request, True)
    for label in [*labels, "", None]:
        assert outcome(fast.tenant_of_key, label) == outcome(slow.tenant_of_key, label)


@few
@given(st.tuples(sixteen, sixteen, whole, whole, texts | anything, parts.map(tuple) | anything))
def test_cache_keys_of_anything_are_alike(arguments: tuple[Any, ...]) -> None:
    same("cache_key", *arguments)


@few
@given(st.integers(0, 2**63 - 1), texts, parts)
def test_cache_keys_are_alike(number: int, namespace: str, given_parts: list[Any]) -> None:
    same("cache_key", b"k" * 16, b"t" * 16, number, number // 3, namespace, tuple(given_parts))


@few
@given(parts, parts)
def test_unlike_parts_have_unlike_cache_keys(left: list[Any], right: list[Any]) -> None:
    assume(repr(left) != repr(right))
    keys = [
        outcome(compiled.cache_key, b"k" * 16, b"t" * 16, 1, 1, "n", tuple(given)) for given in (left, right)
    ]
    assume(all(key[0] == "answer" for key in keys))
    assert keys[0] != keys[1]


@few
@given(sixteen, whole)
def test_shards_of_anything_are_alike(tenant: Any, users: Any) -> None:
    same("select_shard", tenant, users)


@few
@given(st.binary(min_size=16, max_size=16), st.integers(0, 1100) | st.sampled_from([100, 101, 1000, 1001]))
def test_shards_are_alike(tenant: bytes, users: int) -> None:
    assert same("select_shard", tenant, users)[0] == "answer"


@few
@given(sixteen, st.one_of(st.binary(max_size=300), anything))
def test_hashes_are_alike(key: Any, data: Any) -> None:
    same("siphash64", key, data)
    same("siphash128", key, data)


@few
@given(
    sixteen,
    sixteen,
    st.one_of(st.text(max_size=40), st.text(BASE64URL + "+/=", min_size=34, max_size=34), anything),
)
def test_node_ids_of_anything_are_alike(key: Any, tenant: Any, text: Any) -> None:
    same("open_id", key, tenant, text)


@few
@given(
    st.uuids(),
    st.uuids(),
    st.sampled_from(NodeKind),
    st.integers(0, 33),
    st.sampled_from(BASE64URL + "+=é\0"),
)
def test_node_ids_are_alike(tenant: UUID, id_: UUID, kind: NodeKind, place: int, other: str) -> None:
    ids = NodeIds(b"k" * 16)
    text = ids.seal(tenant, kind, id_)
    assert same("open_id", ids.key, tenant.bytes, text) == ("answer", repr(bytes((kind,)) + id_.bytes))
    changed = text[:place] + other + text[place + 1 :]
    assert (same("open_id", ids.key, tenant.bytes, changed)[1] == "None") == (changed != text)


step = st.one_of(st.floats(0, 3), numbers, anything)
steps = st.lists(
    st.tuples(step, st.one_of(st.just(1.0), numbers, anything), st.none() | st.tuples(numbers, whole))
)


@few
@given(st.one_of(st.floats(0.01, 1000), numbers), st.one_of(st.integers(1, 20), whole), steps)
def test_buckets_are_alike(rate: Any, burst: Any, taken: list[tuple[Any, Any, Any]]) -> None:
    how = made(compiled.Bucket, rate, burst)
    assert how == made(twin.Bucket, rate, burst)
    assume(how[0] == "answer")
    fast, slow = compiled.Bucket(rate, burst), twin.Bucket(rate, burst)
    for now, cost, limits in taken:
        if limits is not None:
            assert outcome(fast.reconfigure, *limits) == outcome(slow.reconfigure, *limits)
        assert outcome(fast.take, now, cost) == outcome(slow.take, now, cost)
        assert outcome(fast.settle, now, cost) == outcome(slow.settle, now, cost)


moves = st.one_of(
    st.tuples(st.just("take"), step, st.one_of(numbers, anything)),
    st.tuples(st.sampled_from(["put", "drain"]), st.one_of(numbers, anything)),
    st.tuples(st.just("grant"), numbers, st.one_of(st.floats(0, 100), anything), numbers),
    st.tuples(st.just("demand")),
)


@few
@given(
    st.lists(st.one_of(st.floats(0, 3), numbers), min_size=1, max_size=3),
    st.lists(st.tuples(st.integers(0, 2), moves, step), max_size=12),
)
def test_leases_are_alike(tolls: list[Any], moved: list[tuple[int, tuple[Any, ...], Any]]) -> None:
    assume(all(made(compiled.Lease, toll)[0] == "answer" for toll in tolls))
    fast = tuple(compiled.Lease(toll) for toll in tolls)
    slow = tuple(twin.Lease(toll) for toll in tolls)
    for place, (name, *arguments), now in moved:
        one, other = fast[place % len(fast)], slow[place % len(slow)]
        assert outcome(getattr(one, name), *arguments) == outcome(getattr(other, name), *arguments)
        assert outcome(compiled.enter, fast, now) == outcome(twin.enter, slow, now)
        assert [repr(each.tokens) for each in fast] == [repr(each.tokens) for each in slow]
    for bad in (moved, None):
        assert outcome(compiled.enter, bad, 0.0) == outcome(twin.enter, bad, 0.0)


@few
@given(st.floats(0.1, 1000), st.integers(1, 50), st.lists(st.floats(0, 2), min_size=1), st.floats(-1e6, 1e6))
def test_bucket_keeps_its_promise(rate: float, burst: int, gaps: list[float], start: float) -> None:
    """Never more than the burst plus the rate times the time passed, and the answered wait is enough."""
    bucket, now = compiled.Bucket(rate, burst), start
    for admitted, gap in enumerate(gaps, 1):
        now += gap / rate
        wait = bucket.take(now)
        assert math.isfinite(wait)
        if wait:
            now += wait
            assert bucket.take(now) == 0.0
        assert admitted <= burst + rate * (now - start) + 1e-4
